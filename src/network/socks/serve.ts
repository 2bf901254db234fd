import type { Socket } from "node:net";
import { gather } from "../carry/gather.ts";
import type { DoorParts } from "../door/parts.ts";
import { refuse, refusedEvent, socksReply } from "../decide/refusal.ts";
import { farewell, sever } from "../carry/relay.ts";
import { openTunnel } from "../carry/tunnel.ts";
import { authorityText, readCredentials, readGreeting, readSocksRequest, type SocksRequest } from "./message.ts";

const connectCommand = 1;
const anonymous = 0;
const password = 2;
const noAcceptable = 0xff;

/** The largest message is a request or credentials with 255-byte fields. */
const longestMessage = 1024;

/** Speaks SOCKS5 with a client whose first bytes are in `head`. CONNECT is all it does. */
export async function serveSocks(parts: DoorParts, client: Socket, head: Buffer): Promise<void> {
  let rest = head;
  const next = async <T extends { readonly length: number }>(
    read: (bytes: Buffer) => T | "malformed" | undefined,
  ): Promise<T | null> => {
    const bounds = { bytes: longestMessage + rest.length, firstByteTime: parts.limits.headerTime };
    const got = await gather(client, rest, { ...bounds, time: parts.limits.headerTime }, read);
    if (got.outcome !== "found" || got.value === "malformed") {
      sever(client);
      return null;
    }
    rest = got.bytes.subarray(got.value.length);
    return got.value;
  };

  const greeting = await next(readGreeting);
  if (greeting === null) return;
  const method = parts.secret === null ? anonymous : password;
  if (!greeting.methods.includes(method)) {
    if (parts.secret !== null) parts.observe(refusedEvent(missingCredentials()));
    return farewell(client, Buffer.from([5, noAcceptable]));
  }
  client.write(Buffer.from([5, method]));
  if (parts.secret !== null) {
    const credentials = await next(readCredentials);
    if (credentials === null) return;
    if (!parts.secret.isPassword(credentials.password)) {
      parts.observe(refusedEvent(missingCredentials()));
      return farewell(client, Buffer.from([1, 1]));
    }
    client.write(Buffer.from([1, 0]));
  }
  const request = await next(readSocksRequest);
  if (request !== null) await answer(parts, client, request, rest);
}

async function answer(parts: DoorParts, client: Socket, request: SocksRequest, head: Buffer): Promise<void> {
  const { command, host, port } = request;
  const target = host === null ? null : parts.parseTarget(authorityText(host, port), port);
  if (command !== connectCommand) {
    parts.observe(refusedEvent(refuse("socks5", target, "bad_request", "SOCKS goes no further than CONNECT here.")));
    return farewell(client, reply(0x07));
  }
  if (host === null) return farewell(client, reply(0x08));
  if (target === null) {
    parts.observe(refusedEvent(refuse("socks5", null, "bad_host", "The host of the request is malformed.")));
    return farewell(client, reply(0x02));
  }
  await openTunnel(parts, {
    client,
    head,
    target,
    protocol: "socks5",
    peeksFirst: false,
    ready: () => void client.write(reply(0)),
    fail: (refusal) => farewell(client, reply(socksReply(refusal))),
  });
}

/** A reply with no bound address: nothing of the host's is told. */
function reply(code: number): Buffer {
  return Buffer.from([5, code, 0, 1, 0, 0, 0, 0, 0, 0]);
}

function missingCredentials(): ReturnType<typeof refuse> {
  return refuse("socks5", null, "credentials_missing", "This door wants the run's credentials.");
}
