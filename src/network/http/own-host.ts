import type { IncomingMessage } from "node:http";

/**
 * Whether `Host` names the door by a loopback address and its port. A page of the web that made its own name lead
 * here sends that name.
 */
export function isOwnHost({ headers, rawHeaders, socket }: IncomingMessage): boolean {
  const lines = rawHeaders.filter((name, index) => index % 2 === 0 && name.toLowerCase() === "host").length;
  const [, name, port] = /^(127\.0\.0\.1|localhost|\[::1\])(?::(\d{1,5}))?$/i.exec(headers.host ?? "") ?? [];
  return lines === 1 && name !== undefined && Number(port ?? 80) === socket.localPort;
}
