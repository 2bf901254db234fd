import { request as sendRequest, type IncomingMessage } from "node:http";
import type { Socket } from "node:net";
import type { DoorParts } from "../door/parts.ts";
import { refuse, refusedEvent } from "../decide/refusal.ts";
import { sever } from "../carry/relay.ts";
import { splice } from "../carry/splice.ts";
import { dialRefusal } from "../upstream/way.ts";
import { responseOn, sayRefusal } from "./answer.ts";
import { answerFrom, requestOptions, type Exchange, type Pools } from "./forward.ts";
import { isAcceptance } from "./handshake.ts";
import { answerHeaders } from "./head.ts";
import { DialError } from "./pool.ts";

/**
 * A WebSocket: the request goes on with its `Upgrade`, and once the server has taken `key` the bytes are nobody's but
 * the two ends'. A server that says 101 otherwise would go on in HTTP, with requests that nobody decides.
 */
export function forwardUpgrade(
  parts: DoorParts,
  pools: Pools,
  exchange: Exchange,
  key: string,
  request: IncomingMessage,
  client: Socket,
  clientHead: Buffer,
): void {
  const { passage, protocol, head } = exchange;
  const headers = [...head.headers, "Connection", "Upgrade", "Upgrade", "websocket"];
  const upgrading = { ...exchange, head: { ...head, headers } };
  const outgoing = sendRequest(requestOptions(upgrading, "GET", pools.fresh, parts.limits.headerBytes));
  const cut = (): void => {
    outgoing.destroy();
    sever(client);
  };
  const release = parts.passages.hold({ passage, cut });
  const abandon = (): void => {
    release();
    outgoing.destroy();
  };
  client.on("close", abandon);

  const fail = (refusal: ReturnType<typeof refuse>): void => {
    parts.observe(refusedEvent(refusal));
    sayRefusal(client, refusal);
  };

  outgoing.on("upgrade", (answer: IncomingMessage, server: Socket, serverHead: Buffer) => {
    client.off("close", abandon);
    release();
    if (client.destroyed) return void server.destroy();
    if (!isAcceptance(key, answer.rawHeaders)) {
      server.destroy();
      return fail(refuse(protocol, passage.target, "connect_failed", "The server's answer is malformed."));
    }
    server.allowHalfOpen = true;
    if (serverHead.length > 0) server.unshift(serverHead);
    const { rawHeaders } = answer;
    const answered = answerHeaders(parts.interception?.vault.scrubHeaders(rawHeaders) ?? rawHeaders) ?? [];
    client.write(switchingProtocols(answered));
    splice(parts, { client, server, head: clientHead, passage, protocol });
  });
  outgoing.on("response", (answer) => {
    // The server declined: an ordinary answer, and the last on this connection.
    const response = responseOn(client, request);
    if (!answerFrom(parts, answer, response, cut)) sever(client);
  });
  outgoing.on("error", (error) => {
    release();
    if (client.destroyed || client.bytesWritten > 0) return void client.destroy();
    const refusal =
      error instanceof DialError
        ? dialRefusal(error.failure, passage, protocol)
        : refuse(protocol, passage.target, "connect_failed", "The server broke off or answered malformed.");
    fail(refusal);
  });
  outgoing.end();
}

function switchingProtocols(answered: readonly string[]): string {
  const headers = [...answered, "Connection", "Upgrade", "Upgrade", "websocket"];
  let text = "HTTP/1.1 101 Switching Protocols\r\n";
  for (let index = 0; index + 1 < headers.length; index += 2) text += `${headers[index]}: ${headers[index + 1]}\r\n`;
  return `${text}\r\n`;
}
