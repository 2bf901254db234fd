import type { Socket } from "node:net";
import type { Target } from "../decide/gate.ts";
import type { DoorParts } from "./parts.ts";
import { refuse, refusedEvent } from "../decide/refusal.ts";
import { farewell, sever } from "../carry/relay.ts";
import { accessDenied } from "../tls/opening.ts";
import { openTunnel } from "../carry/tunnel.ts";

/** Maps an address that the run's DNS made up to the name it stands for; null for any other address. */
export type OriginalOf = (address: string) => string | null;

/**
 * Serves a connection that believes it has reached its destination: the socket's own address is where the program
 * wanted to go, by a made-up address of a name or by a literal one.
 */
export async function serveTransparent(parts: DoorParts, client: Socket, originalOf: OriginalOf): Promise<void> {
  const target = destination(parts, client, originalOf);
  if (target === null) {
    parts.observe(refusedEvent(refuse("transparent", null, "bad_host", "The destination cannot be told.")));
    return sever(client);
  }
  if (target.port === 80 && !isLoopback(target)) {
    // Each request is decided by itself, and a refusal can be said in words.
    return parts.serveHttp(client, { kind: "pinned", protocol: "transparent", target }, Buffer.alloc(0));
  }
  await openTunnel(parts, {
    client,
    head: Buffer.alloc(0),
    target,
    protocol: "transparent",
    peeksFirst: target.port === 443,
    ready: () => {},
    fail: () => {
      if (target.port === 443 && !isLoopback(target)) farewell(client, accessDenied);
      else sever(client);
    },
  });
}

function destination({ parseTarget }: DoorParts, client: Socket, originalOf: OriginalOf): Target | null {
  const { localAddress, localPort } = client;
  if (localAddress === undefined || localPort === undefined) return null;
  const address = localAddress.replace(/^::ffff:(?=\d+\.)/i, "");
  const name = originalOf(address);
  if (name !== null) return { host: name, isAddress: false, port: localPort };
  return parseTarget(address.includes(":") ? `[${address}]:${localPort}` : `${address}:${localPort}`, localPort);
}

function isLoopback({ host, isAddress }: Target): boolean {
  return isAddress && (host === "::1" || host.startsWith("127."));
}
