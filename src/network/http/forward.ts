import { request as sendRequest, type ClientRequest, type IncomingMessage, type ServerResponse } from "node:http";
import type { Socket } from "node:net";
import type { Passage, Protocol } from "../decide/gate.ts";
import type { DoorParts } from "../door/parts.ts";
import { authorityOf, refuse, refusedEvent } from "../decide/refusal.ts";
import { pump } from "../carry/relay.ts";
import { dialRefusal, type Way } from "../upstream/way.ts";
import { answerRefusal } from "./answer.ts";
import { answerHeaders, trailersOf, type RequestHead } from "./head.ts";
import { DialError, type Pool, type PooledRequest } from "./pool.ts";
import type { RequestTarget } from "./target.ts";

/** A request that was decided, with the way it goes. */
export interface Exchange {
  readonly passage: Passage;
  readonly protocol: Protocol;
  readonly way: Way;
  readonly head: RequestHead;
  readonly asked: RequestTarget;
}

export interface Pools {
  /** Keeps connections open between requests. */
  readonly kept: Pool;
  /** A connection of its own for each request. */
  readonly fresh: Pool;
}

/** Methods that may be sent again when a kept connection turns out to be closed. */
const repeatable = new Set(["GET", "HEAD", "OPTIONS", "TRACE"]);

/** Sends the request on and streams both ways. Everything that happens afterwards is handled here. */
export function forward(
  parts: DoorParts,
  pools: Pools,
  exchange: Exchange,
  request: IncomingMessage,
  response: ServerResponse,
): void {
  const { passage, protocol, head } = exchange;
  const isRepeatable = head.body === "none" && repeatable.has(request.method ?? "");
  let current: ClientRequest | null = null;
  let counted: Counted | null = null;
  let waiting: NodeJS.Timeout | undefined;

  const fail = (refusal: ReturnType<typeof refuse>): void => {
    parts.observe(refusedEvent(refusal));
    answerRefusal(response, refusal, head.body !== "none");
  };
  const cut = (): void => {
    current?.destroy();
    request.socket.destroy();
  };
  const overLimit = (): void => {
    parts.observe(refusedEvent(refuse(protocol, passage.target, "limit", "The run's limit of bytes is used up.")));
    cut();
  };
  if (!parts.traffic.enter()) {
    const refusal = refuse(protocol, passage.target, "limit", "The run has too many requests under way.");
    parts.observe(refusedEvent(refusal));
    return answerRefusal(response, refusal, true);
  }
  const release = parts.passages.hold({ passage, cut });
  response.once("close", () => {
    parts.traffic.leave();
    release();
    clearTimeout(waiting);
    if (!response.writableFinished || !request.complete) current?.destroy();
    const { target, decision } = passage;
    const { sent, received } = counted?.now() ?? { sent: 0, received: 0 };
    parts.observe({ kind: "closed", protocol, target, refusal: null, decision, sent, received });
  });

  /** Everything was sent. */
  const wait = (): void => {
    clearTimeout(waiting);
    waiting = setTimeout(() => {
      fail(refuse(protocol, passage.target, "answer_timed_out", "The server did not answer in time."));
      current?.destroy();
    }, parts.limits.answerTime);
  };

  const send = (pool: Pool): void => {
    const outgoing = begin(exchange, request.method ?? "GET", pool, parts.limits.headerBytes);
    if (outgoing === null) return fail(refuse(protocol, passage.target, "bad_request", "The request is malformed."));
    current = outgoing;
    outgoing.on("socket", (socket: Socket) => (counted = countFrom(socket)));
    // Once: who reads none of them would fill the memory with more.
    outgoing.once("continue", () => response.writeContinue());
    const malformed = (): void => {
      clearTimeout(waiting);
      fail(refuse(protocol, passage.target, "connect_failed", "The server's answer is malformed."));
    };
    outgoing.on("response", (answer) => {
      clearTimeout(waiting);
      if (!answerFrom(parts, answer, response, overLimit)) malformed();
    });
    // Nobody asked for another protocol; node would close the connection and say nothing.
    outgoing.on("upgrade", (_, socket: Socket) => {
      socket.destroy();
      malformed();
    });
    outgoing.on("error", (error: Error) => {
      if (response.headersSent || response.destroyed) return void response.destroy();
      if (error instanceof DialError) return fail(dialRefusal(error.failure, passage, protocol));
      if (isRepeatable && outgoing.reusedSocket && pool === pools.kept) return send(pools.fresh);
      fail(refuse(protocol, passage.target, "connect_failed", "The server broke off or answered malformed."));
    });
    if (head.body === "none") {
      wait();
      return void outgoing.end();
    }
    if (head.expectsContinue) outgoing.flushHeaders();
    pump(request, outgoing, (chunk) => parts.traffic.send(chunk.length), overLimit);
    request.on("end", () => {
      addTrailers(outgoing, trailersOf(request.rawTrailers));
      outgoing.end();
      wait();
    });
  };
  // A request that may not be repeated does not trust in a connection that may be closed meanwhile.
  send(isRepeatable ? pools.kept : pools.fresh);
}

/** `headerBytes` bounds the head of the answer. */
export function requestOptions(
  { way, head, asked, passage }: Exchange,
  method: string,
  agent: Pool,
  headerBytes: number,
): PooledRequest {
  const headers = ["Host", asked.hostLine, ...head.headers];
  if (head.body === "chunked") headers.push("Transfer-Encoding", "chunked");
  if (way.absolute?.authorization) headers.push("Proxy-Authorization", way.absolute.authorization);
  const path = way.absolute === null ? asked.path : `http://${authorityOf(passage.target, 80)}${asked.path}`;
  const parsing = { insecureHTTPParser: false, maxHeaderSize: headerBytes };
  return { agent, way, method, path, headers, setHost: false, ...parsing };
}

/** Null for a head that the parser let pass and that cannot be sent again. */
function begin(exchange: Exchange, method: string, pool: Pool, headerBytes: number): ClientRequest | null {
  try {
    return sendRequest(requestOptions(exchange, method, pool, headerBytes));
  } catch {
    return null;
  }
}

/** Streams the answer; false when it cannot be written. */
export function answerFrom(
  { traffic, interception }: DoorParts,
  answer: IncomingMessage,
  response: ServerResponse,
  overLimit: () => void,
): boolean {
  if (response.destroyed) return true;
  const headers = answerHeaders(answer.rawHeaders);
  // The head of an answer that is still to come is no answer.
  if (headers === null || (answer.statusCode ?? 0) < 200) {
    answer.destroy();
    return false;
  }
  try {
    response.sendDate = false;
    const said = answer.statusMessage ?? "";
    response.writeHead(
      answer.statusCode ?? 502,
      interception?.vault.scrub(said) ?? said,
      interception?.vault.scrubHeaders(headers) ?? headers,
    );
  } catch {
    answer.destroy();
    return false;
  }
  pump(answer, response, (chunk) => traffic.receive(chunk.length), overLimit);
  answer.on("end", () => {
    const trailers = trailersOf(answer.rawTrailers);
    addTrailers(response, interception?.vault.scrubHeaders(trailers) ?? trailers);
    response.end();
  });
  answer.on("close", () => {
    if (!answer.complete) response.destroy();
  });
  return true;
}

function addTrailers(message: ClientRequest | ServerResponse, raw: readonly string[]): void {
  if (raw.length === 0) return;
  const pairs = Array.from({ length: raw.length >> 1 }, (_, index): [string, string] => [
    raw[2 * index] ?? "",
    raw[2 * index + 1] ?? "",
  ]);
  try {
    message.addTrailers(pairs);
  } catch {
    // The parser let pass what cannot be sent again; an end that is cut off is honest.
    message.destroy();
  }
}

interface Counted {
  now(): { readonly sent: number; readonly received: number };
}

function countFrom(socket: Socket): Counted {
  const { bytesWritten, bytesRead } = socket;
  return { now: () => ({ sent: socket.bytesWritten - bytesWritten, received: socket.bytesRead - bytesRead }) };
}
