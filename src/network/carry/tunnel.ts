import type { Socket } from "node:net";
import { gather, type Gathered } from "./gather.ts";
import type { Passage, Protocol, Refusal, Target } from "../decide/gate.ts";
import type { DoorParts } from "../door/parts.ts";
import { refuse, refusedEvent } from "../decide/refusal.ts";
import { farewell, sever } from "./relay.ts";
import { joinServer } from "./splice.ts";
import { accessDenied, openingProblem, readOpening, type Opening } from "../tls/opening.ts";
import { watchAfter } from "../tls/watch.ts";
import { isFailure } from "../upstream/dial.ts";
import { dialRefusal, findWay, type Way } from "../upstream/way.ts";

/** A client that wants bytes carried to a target. */
export interface TunnelRequest {
  readonly client: Socket;
  /** What the client sent already, beyond asking. */
  readonly head: Buffer;
  readonly target: Target;
  readonly protocol: Protocol;
  /** Look at the client's first bytes before anything is connected. */
  readonly peeksFirst: boolean;
  /** Tells the client that it may speak. */
  readonly ready: () => void;
  /** Tells it that it may not; called at most once, and never after `ready`. */
  readonly fail: (refusal: Refusal) => void;
}

/** Decides, connects, looks at the first bytes, and carries the rest. */
export async function openTunnel(parts: DoorParts, asked: TunnelRequest): Promise<void> {
  const { gate, observe, passages, traffic } = parts;
  const { client, target, protocol } = asked;
  const fail = (refusal: Refusal): void => {
    observe(refusedEvent(refusal));
    asked.fail(refusal);
  };
  const admitted = await gate.admit(target, protocol);
  if (!admitted.ok) return fail(admitted.refusal);
  const passage = admitted.value;
  if (!traffic.hasRoom()) return fail(refuse(protocol, target, "limit", "The run's limit of bytes is used up."));
  const way = await findWay(parts, passage, protocol, "tunnel");
  if (!way.ok) return fail(way.refusal);
  if (!gate.stillAllowed(passage)) {
    return fail(refuse(protocol, target, "draining", "The policy changed while this was asked."));
  }
  // Until the tunnel stands, narrowing the policy ends the client's connection.
  const release = passages.hold({ passage, cut: () => sever(client) });
  client.once("close", release);
  const allowed = (): void => {
    observe({ kind: "allowed", protocol, target, refusal: null, decision: passage.decision, sent: 0, received: 0 });
    asked.ready();
  };
  const tunnel = { ...asked, passage, way: way.value, fail, allowed };
  // Where requests are looked at, the client speaks first whatever the port.
  const peeksFirst = asked.peeksFirst || target.port === 80 || passage.inspect === true;
  await (peeksFirst ? peekThenConnect(parts, tunnel) : connectThenPeek(parts, tunnel));
  client.off("close", release);
  release();
}

interface Decided extends TunnelRequest {
  readonly passage: Passage;
  readonly way: Way;
  readonly allowed: () => void;
}

async function connectThenPeek(parts: DoorParts, tunnel: Decided): Promise<void> {
  const { client, head, passage, way, protocol } = tunnel;
  const server = await way.open();
  if (isFailure(server)) return tunnel.fail(dialRefusal(server, passage, protocol));
  if (client.destroyed) return void server.destroy();
  tunnel.allowed();
  const half = joinServer(parts, { client, server, passage, protocol });
  // No name to hold the client to, and no rule about requests: any protocol may be spoken, as slowly as it likes.
  if (passage.inspect !== true && (passage.target.isAddress || passage.sni === "any")) return half.open(head);
  const first = await peek(parts, client, head, passage);
  const opening = first.outcome === "found" ? first.value : null;
  if (opening?.kind === "http" && openingProblem(opening, passage, false) === null) {
    // An HTTP server does not speak first: whatever this is, its Host lines cannot be held against the name.
    if (half.hasSpoken()) return sever(client);
    half.abandon();
    return parts.serveHttp(client, { kind: "pinned", protocol: "http", target: passage.target }, first.bytes);
  }
  if (!mayPass(parts, tunnel, first)) return half.abandon();
  half.open(first.bytes, watchAfter(openingOf(first), passage, server));
}

async function peekThenConnect(parts: DoorParts, tunnel: Decided): Promise<void> {
  const { client, head, passage, way, protocol } = tunnel;
  tunnel.allowed();
  const first = await peek(parts, client, head, passage);
  if (
    first.outcome === "found" &&
    first.value.kind === "http" &&
    openingProblem(first.value, passage, false) === null
  ) {
    return parts.serveHttp(client, { kind: "pinned", protocol: "http", target: passage.target }, first.bytes);
  }
  if (first.outcome === "ended" && first.bytes.length === 0) return client.destroySoon();
  if (!mayPass(parts, tunnel, first)) return;
  if (passage.inspect === true) return interceptTls(parts, tunnel, first.bytes);
  const server = await way.open();
  if (isFailure(server)) {
    parts.observe(refusedEvent(dialRefusal(server, passage, protocol)));
    return sever(client);
  }
  if (client.destroyed) return void server.destroy();
  const watch = watchAfter(openingOf(first), passage, server);
  joinServer(parts, { client, server, passage, protocol }).open(first.bytes, watch);
}

/** What may pass although a rule looks at requests, and is no HTTP, is TLS that can be read. */
function interceptTls({ interception, limits, serveHttp }: DoorParts, tunnel: Decided, first: Buffer): void {
  const { client, passage, protocol } = tunnel;
  const { target } = passage;
  if (interception === null || first.length === 0) return sever(client);
  interception.accept(client, first, target.host, limits.headerTime, (secured) =>
    serveHttp(secured, { kind: "pinned", protocol, target, isSecure: true }, Buffer.alloc(0)),
  );
}

/** The client's first bytes. Where TLS or HTTP must come, they come soon; elsewhere the server may speak first. */
function peek(
  { limits }: DoorParts,
  client: Socket,
  head: Buffer,
  { target, sni, inspect }: Passage,
): Promise<Gathered<Opening>> {
  const speaksFirst = inspect === true || ((target.port === 443 || target.port === 80) && sni === "name");
  return gather(
    client,
    head,
    {
      bytes: limits.headerBytes,
      time: limits.headerTime,
      ...(speaksFirst && { firstByteTime: limits.firstByteTime }),
    },
    readOpening,
  );
}

/** What ends without becoming TLS or HTTP is neither. */
function openingOf(first: Gathered<Opening>): Opening {
  return first.outcome === "found" ? first.value : { kind: first.bytes[0] === 0x16 ? "broken_tls" : "other" };
}

/** Refuses, and tells the client as far as its protocol can be told, what must not pass. */
function mayPass(parts: DoorParts, { client, passage, protocol }: Decided, first: Gathered<Opening>): boolean {
  if (first.outcome === "gone") return false;
  const isTls = first.bytes[0] === 0x16;
  const opening = openingOf(first);
  const problem =
    first.outcome !== "found" && first.outcome !== "ended"
      ? ({ reason: "limit", message: "The connection's first bytes did not come in time, or never ended." } as const)
      : first.bytes.length === 0
        ? null
        : openingProblem(opening, passage, parts.interception !== null);
  if (problem === null) return true;
  parts.observe(refusedEvent(refuse(protocol, passage.target, problem.reason, problem.message)));
  if (isTls) farewell(client, accessDenied);
  else sever(client);
  return false;
}
