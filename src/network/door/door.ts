import type { Server, Socket } from "node:net";
import { makeFetcher } from "../fetch/fetcher.ts";
import type { Fetcher } from "../fetch/model.ts";
import type { DoorObserver, Gate } from "../decide/gate.ts";
import { HttpDoor } from "../http/server.ts";
import { sayRefusal } from "../http/answer.ts";
import type { Interception } from "../intercept/index.ts";
import { keepMemory } from "./keep-memory.ts";
import { defaultLimits, Traffic, type DoorLimits } from "./limits.ts";
import type { DoorParts, ParseTarget, SessionProtocol } from "./parts.ts";
import { OpenPassages } from "./passages.ts";
import { refuse, refusedEvent } from "../decide/refusal.ts";
import { remember } from "../names/remember.ts";
import { roomForConnections, roomForIdle } from "./room.ts";
import { sever } from "../carry/relay.ts";
import { Secret } from "./secret.ts";
import { serveSocks } from "../socks/serve.ts";
import { serveTransparent, type OriginalOf } from "./transparent.ts";
import type { ChooseUpstream } from "../upstream/environment.ts";

/** `proxy`: clients know that they speak to a proxy. `transparent`: they believe to have reached their destination. */
export type Role = "proxy" | "transparent";

export interface DoorOptions {
  readonly gate: Gate;
  readonly parseTarget: ParseTarget;
  /** Must not throw. */
  readonly observe: DoorObserver;
  readonly limits?: Partial<DoorLimits>;
  /** Proxies between the broker and the world; straight connections when absent. */
  readonly upstream?: ChooseUpstream;
  /** Demanded by every protocol, for a door that others on the machine can reach. */
  readonly secret?: string;
  readonly sessionProtocol?: SessionProtocol;
  readonly originalOf?: OriginalOf;
  /** Reads requests inside of TLS where a rule looks at them. Without it such TLS is refused. */
  readonly interception?: Interception;
}

/** Everything by which a run reaches the network. */
export interface Door {
  /** Takes over a server that listens already. */
  serve(server: Server, role: Role): void;
  /** The policy behind the gate has changed: what it does not allow any more ends now. */
  update(): void;
  /** Fetches by the same rules for somebody who is no client of the door. */
  readonly fetcher: Fetcher;
  /** Ends every connection and closes the servers taken over. */
  close(): void;
}

/** Opens a door behind which `gate` decides. */
export function openDoor(options: DoorOptions): Door {
  const limits: DoorLimits = { ...defaultLimits, connections: roomForConnections(), ...options.limits };
  const { gate, observe } = options;
  const clients = new Set<Socket>();
  const mostLastWords = roomForIdle(limits.connections);
  let lastWords = 0;
  keepMemory();
  const servers = new Map<Server, (socket: Socket) => void>();
  const parts: DoorParts = {
    gate,
    parseTarget: remember(options.parseTarget),
    observe,
    limits,
    upstream: options.upstream ?? null,
    secret: options.secret === undefined ? null : new Secret(options.secret),
    session: options.sessionProtocol ?? null,
    interception: options.interception ?? null,
    traffic: new Traffic(limits),
    passages: new OpenPassages(),
    serveHttp: (socket, arrival, head) => http.serve(socket, arrival, head),
  };
  const http = new HttpDoor(parts);
  const fetcher = makeFetcher(parts);
  const originalOf = options.originalOf ?? (() => null);

  const admit = (socket: Socket, role: Role): void => {
    socket.on("error", () => {});
    socket.allowHalfOpen = true;
    socket.setNoDelay(true);
    if (clients.size >= limits.connections) {
      const protocol = role === "proxy" ? "http" : "transparent";
      const refusal = refuse(protocol, null, "limit", "The run has too many connections open.");
      observe(refusedEvent(refusal));
      if (role === "transparent" || lastWords >= mostLastWords) return sever(socket);
      lastWords += 1;
      socket.on("close", () => (lastWords -= 1));
      return sayRefusal(socket, refusal);
    }
    clients.add(socket);
    socket.on("close", () => clients.delete(socket));
    if (role === "proxy") serveFirst(parts, socket);
    else serveTransparent(parts, socket, originalOf).catch(() => sever(socket));
  };

  return {
    fetcher,
    serve(server, role) {
      const onConnection = (socket: Socket): void => admit(socket, role);
      servers.set(server, onConnection);
      server.on("connection", onConnection);
    },
    update() {
      http.drain();
      parts.passages.review((passage) => gate.stillAllowed(passage));
    },
    close() {
      for (const [server, onConnection] of servers) {
        server.off("connection", onConnection);
        server.close();
      }
      servers.clear();
      for (const socket of clients) socket.destroy();
      fetcher.close();
      parts.passages.review(() => false);
      http.close();
    },
  };
}

/** Tells the protocols of the one port apart by their first byte. */
function serveFirst(parts: DoorParts, socket: Socket): void {
  const timer = setTimeout(() => socket.destroy(), parts.limits.firstByteTime);
  const onEnd = (): void => void socket.destroy();
  socket.on("close", () => clearTimeout(timer));
  socket.on("end", onEnd);
  socket.once("data", (head: Buffer) => {
    clearTimeout(timer);
    socket.off("end", onEnd);
    // A gate that fails lets nothing through.
    if (head[0] === 0x05) return void serveSocks(parts, socket, head).catch(() => sever(socket));
    if (head[0] === 0x7b && parts.session !== null) {
      socket.pause();
      return parts.session.lines(socket, head);
    }
    return parts.serveHttp(socket, { kind: "proxy", protocol: "http" }, head);
  });
}
