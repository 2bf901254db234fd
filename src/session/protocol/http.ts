import type { IncomingMessage, ServerResponse } from "node:http";
import { asSessionError } from "../call/open.ts";
import type { OpenCall } from "../call/open.ts";
import { SessionError } from "../error.ts";
import type { Json, JsonObject } from "../json.ts";
import { answerTooLarge, errorBody, httpStatus, requestTooLarge, unread } from "./answer.ts";
import { Growing } from "../../network/index.ts";
import { isObject } from "./request.ts";
import type { Caller, Service } from "./service.ts";
import { parseStrict } from "./strict-json.ts";

/** Answers `POST /v1/<method>`: parameters as the body, the result or `{"error": …}` as the answer. */
export function serveRequest(service: Service, request: IncomingMessage, response: ServerResponse): void {
  answer(service, request, response).then(
    (value) => send(service, response, 200, value),
    (error: unknown) => {
      const known = asSessionError(error);
      if (known.code === "unauthenticated") service.turnedAway("http", known.message);
      refuse(service, request, response, known);
    },
  );
}

async function answer(service: Service, request: IncomingMessage, response: ServerResponse): Promise<Json> {
  // A page of the web can send requests here, but not without naming where it comes from.
  if (request.headers.origin !== undefined)
    throw new SessionError("unauthenticated", "pages of the web are not served");
  const caller = service.authenticate(bearer(request), {});
  if (request.method !== "POST") throw new SessionError("invalid_request", "the channel takes POST alone");
  const [, method] = /^\/v1\/([a-z_.]{1,100})$/.exec(request.url ?? "") ?? [];
  if (method === undefined) throw new SessionError("method_not_found", "the path is not /v1/ and a method");
  const type = request.headers["content-type"] ?? "";
  if (countOf(request, "content-type") !== 1 || !/^application\/json\s*(;\s*charset=utf-8\s*)?$/i.test(type)) {
    throw new SessionError("invalid_request", "the body has to be application/json", {
      hint: "add -H 'content-type: application/json'",
    });
  }
  const body = await bodyOf(service, request, response);
  while (service.turns.isOver) await new Promise<void>((go) => service.turns.later(go));
  const params = readParams(body);
  return finish(caller, caller.begin(method, params), response);
}

function finish(caller: Caller, call: OpenCall, response: ServerResponse): Promise<Json> {
  const gone = (): void => caller.cancel(call, new SessionError("cancelled", "its caller is gone"));
  response.once("close", gone);
  if (response.destroyed) gone();
  return call.result.finally(() => response.off("close", gone));
}

/** Errors: `unauthenticated`. */
function bearer(request: IncomingMessage): string {
  const [, token] = /^Bearer ([\w-]{1,200})$/i.exec(request.headers.authorization ?? "") ?? [];
  if (token !== undefined && countOf(request, "authorization") === 1) return token;
  throw new SessionError("unauthenticated", "a token is needed: Authorization: Bearer TOKEN");
}

/** Of two headers one would be read by us, the other by somebody on the way. */
function countOf({ rawHeaders }: IncomingMessage, header: string): number {
  return rawHeaders.filter((name, at) => at % 2 === 0 && name.toLowerCase() === header).length;
}

function readParams(body: Buffer): JsonObject {
  if (body.length === 0) return {};
  const value = parseStrict(body);
  if (isObject(value)) return value;
  throw new SessionError("invalid_params", "the body is not an object");
}

function bodyOf({ limits, budget }: Service, request: IncomingMessage, response: ServerResponse): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const most = limits.requestBytes;
    if (Number(request.headers["content-length"] ?? 0) > most) return reject(requestTooLarge(most));
    if (request.headers.expect !== undefined) response.writeContinue();
    const body = new Growing();
    let size = 0;
    const fail = (error: SessionError): void => {
      budget.give(size);
      size = 0;
      request.off("data", take);
      reject(error);
    };
    const take = (part: Buffer): void => {
      if (!budget.take(part.length))
        return fail(new SessionError("overloaded", "requests of too many bytes wait", { retryable: true }));
      size += part.length;
      body.add(part);
      if (size > most) fail(requestTooLarge(most));
    };
    request.on("data", take);
    request.once("end", () => {
      // An open call holds what it was sent.
      const held = size;
      size = 0;
      if (response.closed) budget.give(held);
      else response.once("close", () => budget.give(held));
      resolve(body.take(held));
    });
    request.once("close", () => fail(new SessionError("cancelled", "the request did not come to its end")));
  });
}

function refuse(service: Service, request: IncomingMessage, response: ServerResponse, error: SessionError): void {
  // What was not read of the request cannot be told from the next one.
  if (!request.complete) response.setHeader("connection", "close");
  if (error.code === "unauthenticated") response.setHeader("www-authenticate", "Bearer");
  send(service, response, httpStatus(error), { error: errorBody(error) });
}

function send({ answered, limits }: Service, response: ServerResponse, status: number, value: Json): void {
  if (response.destroyed || response.writableEnded) return;
  let body: string;
  try {
    body = JSON.stringify(value);
    if (body.length > limits.answerBytes) throw answerTooLarge(limits.answerBytes);
    if (!answered.take(body.length)) throw unread();
    const { length } = body;
    response.once("close", () => answered.give(length));
  } catch (thrown) {
    const error = asSessionError(thrown);
    status = httpStatus(error);
    body = JSON.stringify({ error: errorBody(error) });
  }
  response.writeHead(status, {
    "content-type": "application/json",
    "content-length": Buffer.byteLength(body),
    "cache-control": "no-store",
    "x-content-type-options": "nosniff",
  });
  response.end(body);
}
