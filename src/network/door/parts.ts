import type { IncomingMessage, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import type { DoorObserver, Target } from "../decide/gate.ts";
import type { HttpArrival } from "../http/arrival.ts";
import type { Interception } from "../intercept/index.ts";
import type { Traffic } from "./limits.ts";
import type { OpenPassages } from "./passages.ts";
import type { Secret } from "./secret.ts";
import type { WayFinder } from "../upstream/way.ts";

/** The one host parser: an authority as it was written, or null for what is no clean host and port. */
export type ParseTarget = (text: string, defaultPort: number) => Target | null;

/** The channel of the run's session, spoken on the same port. Its tokens are its own. */
export interface SessionProtocol {
  /** One JSON object a line; `head` is what was read already. */
  lines(socket: Socket, head: Buffer): void;
  /** A request for a path under `/v1/`, addressed to the door itself. */
  request(request: IncomingMessage, response: ServerResponse): void;
}

/** What the protocols of a door share. */
export interface DoorParts extends WayFinder {
  readonly observe: DoorObserver;
  readonly parseTarget: ParseTarget;
  readonly traffic: Traffic;
  readonly passages: OpenPassages;
  readonly secret: Secret | null;
  readonly session: SessionProtocol | null;
  /** Null: TLS whose requests a rule wants to look at is refused. */
  readonly interception: Interception | null;
  /** Hands a connection to the HTTP parser, with what was read of it. */
  readonly serveHttp: (socket: Socket, arrival: HttpArrival, head: Buffer) => void;
}
