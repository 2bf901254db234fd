import { ServerResponse, STATUS_CODES, type IncomingMessage } from "node:http";
import type { Socket } from "node:net";
import type { Refusal } from "../decide/gate.ts";
import { proxyError, refusalBody } from "../decide/refusal.ts";
import { farewell } from "../carry/relay.ts";

function refusalHeaders(refusal: Refusal, body: string): string[] {
  const headers = ["content-type", "application/json", "content-length", String(Buffer.byteLength(body))];
  headers.push("x-proxy-error", proxyError(refusal), "cache-control", "no-store");
  if (refusal.status === 407) headers.push("proxy-authenticate", 'Basic realm="sandboxed-run"');
  return headers;
}

/** Answers a request with a refusal. The connection stays open for the next request unless `close`. */
export function answerRefusal(response: ServerResponse, refusal: Refusal, close: boolean): void {
  if (response.headersSent || response.destroyed) return void response.socket?.destroy();
  const body = refusalBody(refusal);
  const headers = refusalHeaders(refusal, body);
  if (close) headers.push("connection", "close");
  response.sendDate = false;
  response.writeHead(refusal.status, STATUS_CODES[refusal.status] ?? "", headers);
  response.end(body);
}

/** The same where there is no request to answer, or none that the parser still knows. Closes. */
export function sayRefusal(socket: Socket, refusal: Refusal): void {
  const body = refusalBody(refusal);
  const headers = [...refusalHeaders(refusal, body), "connection", "close"];
  const lines = [`HTTP/1.1 ${refusal.status} ${STATUS_CODES[refusal.status] ?? ""}`];
  for (let index = 0; index + 1 < headers.length; index += 2) lines.push(`${headers[index]}: ${headers[index + 1]}`);
  farewell(socket, `${lines.join("\r\n")}\r\n\r\n${body}`);
}

/** An answer on a socket that the parser gave up, as after a request to upgrade. */
export function responseOn(socket: Socket, request: IncomingMessage): ServerResponse {
  const response = new ServerResponse(request);
  response.shouldKeepAlive = false;
  response.assignSocket(socket);
  response.on("finish", () => socket.destroySoon());
  return response;
}
