import type { IncomingMessage } from "node:http";

/** The head of a request once more, as bytes, without the offer to go on in another protocol. */
export function withoutUpgrade({ method, url, rawHeaders }: IncomingMessage): Buffer {
  const lines = [`${method ?? ""} ${url ?? ""} HTTP/1.1`];
  for (let index = 0; index + 1 < rawHeaders.length; index += 2) {
    const [name = "", value = ""] = rawHeaders.slice(index, index + 2);
    const lower = name.toLowerCase();
    if (lower === "upgrade" || lower === "http2-settings") continue;
    lines.push(`${name}: ${lower === "connection" ? withoutToken(value) : value}`);
  }
  return Buffer.from(`${lines.join("\r\n")}\r\n\r\n`, "latin1");
}

function withoutToken(value: string): string {
  const kept = value.split(",").filter((token) => !/^\s*(upgrade|http2-settings)\s*$/i.test(token));
  return kept.join(",").trim();
}
