import { createServer as createSecureServer, type ServerOptions } from "node:https";
import type { IncomingMessage, RequestListener } from "node:http";
import { createServer, type Socket } from "node:net";
import { connect as connectTls, type ConnectionOptions, type TLSSocket } from "node:tls";
import { onTestFinished } from "vitest";
import { targetOf } from "../../../src/network/names/authority.ts";
import { openDoor, type Door, type DoorOptions, type Role } from "../../../src/network/door/door.ts";
import type { DoorEvent } from "../../../src/network/decide/gate.ts";
import { makeAuthority, type CertificateAuthority } from "../../../src/network/intercept/certificates.ts";
import { openInterception, type Interception } from "../../../src/network/intercept/interception.ts";
import type { Sources } from "../../../src/network/intercept/sources.ts";
import { makeGate, type PolicyGate } from "../../../src/network/decide/policy-gate.ts";
import type { NameResolver } from "../../../src/network/names/resolver.ts";
import { resolve } from "../../../src/policy/index.ts";
import type { RawProfile, ResolvedPolicy } from "../../../src/policy/index.ts";
import { machine, profile } from "../../policy/machine.ts";
import { listen, Wire } from "../door/stand.ts";

type Network = NonNullable<RawProfile["network"]>;

export const secret = "ghp_RealSecretThatNobodyMaySee0123456789";

/** Whom the servers of the tests are certified by. */
let world: Promise<CertificateAuthority> | undefined;
export function worldAuthority(): Promise<CertificateAuthority> {
  return (world ??= makeAuthority(1));
}

/** Every name is this machine. */
const resolver: NameResolver = {
  lookup: () => Promise.resolve({ ok: true, addresses: [{ address: "127.0.0.1", family: 4 }] }),
  close: () => {},
};

export interface SecureOrigin {
  readonly port: number;
  readonly seen: IncomingMessage[];
  /** The server names that were asked for. */
  readonly names: (string | false | null | undefined)[];
  readonly connections: () => number;
}

/** A server of HTTPS that remembers what reached it. */
export async function openSecureOrigin(
  listener: RequestListener = (request, response) => {
    request.resume().on("end", () => response.end(`${request.method} ${request.url}`));
  },
  certificate: ServerOptions | string = "good.test",
  upgrade: ((request: IncomingMessage, socket: Socket) => void) | null = null,
): Promise<SecureOrigin> {
  const issued = typeof certificate === "string" ? (await worldAuthority()).issue(certificate) : certificate;
  const seen: IncomingMessage[] = [];
  const names: (string | false | null | undefined)[] = [];
  let connections = 0;
  const server = createSecureServer(issued, (request, response) => {
    seen.push(request);
    listener(request, response);
  });
  server.on("connection", () => (connections += 1));
  server.on("secureConnection", (socket) => names.push(socket.servername));
  if (upgrade !== null) server.on("upgrade", upgrade);
  onTestFinished(() => server.closeAllConnections());
  return { port: await listen(server), seen, names, connections: () => connections };
}

export interface InterceptingStand {
  readonly door: Door;
  readonly gate: PolicyGate;
  readonly port: number;
  readonly interception: Interception;
  readonly events: DoorEvent[];
}

/** A policy under which `good.test` and `evil.test` may be reached at these ports, and lead here. */
export function policyFor(ports: readonly number[], network: Network = {}): ResolvedPolicy {
  const local = { access: "allow", resolve_to: ["127.0.0.1"] } as const;
  const named = ports.flatMap((port) => ["good.test", "evil.test"].map((host) => [`${host}:${port}`, local] as const));
  const literal = ports.map((port) => [`127.0.0.1:${port}`, "allow"] as const);
  const domains = { ...Object.fromEntries([...named, ...literal]), ...network.domains };
  const written = profile({ network: { mode: "restricted", ...network, domains } });
  return resolve({ layers: [{ layer: "user", profile: written }] }, machine());
}

/** A door under a real policy, with everything that interception needs. */
export async function openIntercepting(
  policy: ResolvedPolicy,
  {
    sources = { environment: { TOKEN: secret } },
    role = "proxy",
    trust,
    isBlind = false,
    ...options
  }: Partial<DoorOptions> & {
    readonly sources?: Sources;
    readonly role?: Role;
    readonly trust?: readonly string[];
    /** A door that has nothing to intercept with. */
    readonly isBlind?: boolean;
  } = {},
): Promise<InterceptingStand> {
  const moreTrust = trust ?? [(await worldAuthority()).cert];
  const interception = await openInterception({ policy, sources, moreTrust });
  const gate = makeGate({ policy, resolver });
  const events: DoorEvent[] = [];
  const observe = (event: DoorEvent): void => void events.push(event);
  const door = openDoor({ gate, parseTarget: targetOf, observe, ...(!isBlind && { interception }), ...options });
  onTestFinished(() => door.close());
  const server = createServer();
  const port = await listen(server);
  door.serve(server, role);
  return { door, gate, port, interception, events };
}

export function connectTo(authority: string): string {
  return `CONNECT ${authority} HTTP/1.1\r\nHost: ${authority}\r\n\r\n`;
}

/** A client that speaks TLS through CONNECT and inside of it what it likes. */
export class SecureWire {
  readonly socket: TLSSocket;
  text = "";
  failure: string | null = null;
  isClosed = false;

  constructor(socket: TLSSocket) {
    this.socket = socket;
    socket.on("data", (chunk: Buffer) => (this.text += chunk.toString("latin1")));
    socket.on("error", (error) => (this.failure = error.message));
    for (const event of ["end", "close"]) socket.on(event, () => (this.isClosed = true));
    onTestFinished(() => void socket.destroy());
  }

  /** `authority` is `host:port`; the server name is its host unless the options say otherwise. */
  static async open(
    { port, interception }: Pick<InterceptingStand, "port" | "interception">,
    authority: string,
    options: ConnectionOptions = {},
  ): Promise<SecureWire> {
    const wire = new Wire(port).send(connectTo(authority));
    await wire.untilText("\r\n\r\n");
    wire.socket.removeAllListeners("data");
    const servername = authority.replace(/:\d+$/, "");
    const ca = interception.caBundle([]);
    return new SecureWire(connectTls({ socket: wire.socket, servername, ca, ...options }));
  }

  send(text: string): this {
    this.socket.write(Buffer.from(text, "latin1"));
    return this;
  }

  async until(test: (wire: this) => boolean, time = 5000): Promise<string> {
    const end = Date.now() + time;
    while (!test(this)) {
      if (Date.now() > end) throw new Error(`not in time: ${JSON.stringify(this.text.slice(0, 500))} ${this.failure}`);
      await new Promise((done) => setTimeout(done, 5));
    }
    return this.text;
  }

  untilText(part: string): Promise<string> {
    return this.until(({ text }) => text.includes(part));
  }

  untilClosed(): Promise<string> {
    return this.until(({ isClosed }) => isClosed);
  }
}

export function get(path: string, host: string, more = ""): string {
  return `GET ${path} HTTP/1.1\r\nHost: ${host}\r\n${more}\r\n`;
}
