import { request as sendRequest, type ClientRequest, type IncomingMessage } from "node:http";
import type { Socket } from "node:net";
import type { Answer, DoorEvent } from "../decide/gate.ts";
import { DialError, type Pool } from "../http/pool.ts";
import { authorityOf } from "../decide/refusal.ts";
import { dialRefusal } from "../upstream/way.ts";
import { refused, type Decided, type FetchParts } from "./decide.ts";
import type { FetchOptions, FetchRequest } from "./model.ts";

/** The answer to one request. */
export interface Received {
  readonly status: number;
  /** Name and value in turn. */
  readonly headers: readonly string[];
  readonly body: Buffer;
  readonly isTruncated: boolean;
}

/** Sends a request that was decided and takes its answer, on a connection of its own. */
export function exchange(
  parts: FetchParts,
  pool: Pool,
  request: FetchRequest,
  decided: Decided,
  { mostBytes, signal }: FetchOptions,
): Promise<Answer<Received>> {
  const { gate, observe, passages, traffic, interception } = parts;
  const { passage } = decided;
  // In one turn with what watches over it from here on: no change of the policy falls between the two.
  if (!gate.stillAllowed(passage)) {
    return Promise.resolve(refused(request, "draining", "The policy changed while this was asked."));
  }
  const about = { protocol: "fetch", target: passage.target, refusal: null, decision: passage.decision } as const;
  return new Promise((resolve, reject) => {
    let socket: Socket | null = null;
    let isOver = false;
    const over = (settle: () => void): void => {
      if (isOver) return;
      isOver = true;
      release();
      signal.removeEventListener("abort", onAbort);
      const sent = socket?.bytesWritten ?? 0;
      const received = socket?.bytesRead ?? 0;
      outgoing.destroy();
      observe({ kind: "closed", ...about, sent, received } satisfies DoorEvent);
      settle();
    };
    const end = (answer: Answer<Received>): void => over(() => resolve(answer));
    const broken = (): void => end(refused(request, "connect_failed", "The server broke off or answered malformed."));
    // oxlint-disable-next-line typescript/prefer-promise-reject-errors -- a signal's reason is what whoever aborted says
    const onAbort = (): void => over(() => reject(signal.reason));
    const release = passages.hold({
      passage,
      cut: () => end(refused(request, "draining", "The policy does not allow it any more, or the run is over.")),
    });
    observe({ kind: "allowed", ...about, sent: 0, received: 0 });

    const outgoing = begin(pool, request, decided);
    signal.addEventListener("abort", onAbort);
    outgoing.on("socket", (used: Socket) => (socket = used));
    // Stays for good: what comes after the end is nobody's.
    outgoing.on("error", (error) => {
      if (error instanceof DialError) end({ ok: false, refusal: dialRefusal(error.failure, passage, "fetch") });
      else broken();
    });
    outgoing.on("close", broken);
    outgoing.on("response", (answer: IncomingMessage) => {
      const pieces: Buffer[] = [];
      let bytes = 0;
      const done = (): void => {
        const { statusCode: status = 0, rawHeaders } = answer;
        const headers = interception?.vault.scrubHeaders(rawHeaders) ?? rawHeaders;
        const body = Buffer.concat(pieces).subarray(0, mostBytes);
        end({ ok: true, value: { status, headers, body, isTruncated: bytes > mostBytes } });
      };
      answer.on("data", (piece: Buffer) => {
        if (!traffic.receive(piece.length))
          return end(refused(request, "limit", "The run's limit of bytes is used up."));
        pieces.push(piece);
        bytes += piece.length;
        if (bytes > mostBytes) done();
      });
      answer.on("error", broken);
      answer.on("end", () => (answer.complete ? done() : broken()));
    });
    if (request.body !== null && !traffic.send(request.body.length)) {
      return end(refused(request, "limit", "The run's limit of bytes is used up."));
    }
    outgoing.end(request.body ?? undefined);
  });
}

function begin(pool: Pool, { url, method, body }: FetchRequest, { way, headers, passage }: Decided): ClientRequest {
  const host = authorityOf(passage.target, url.scheme === "https" ? 443 : 80);
  const lines = ["Host", host, ...headers, "Connection", "close"];
  if (body !== null) lines.push("Content-Length", String(body.length));
  if (way.absolute?.authorization) lines.push("Proxy-Authorization", way.absolute.authorization);
  const path = way.absolute === null ? url.path : `http://${authorityOf(passage.target, 80)}${url.path}`;
  const options = { agent: pool, way, method, path, headers: lines, setHost: false, insecureHTTPParser: false };
  return sendRequest(options);
}
