import { request } from "node:https";
import { escapeText, SandboxedError } from "../../policy/index.ts";

export type Fetched =
  | { readonly kind: "new"; readonly bytes: Buffer; readonly etag: string | null }
  /** The server says that what is known under the tag is what it has. */
  | { readonly kind: "same" };

export interface FetchRequest {
  readonly url: string;
  /** PEM; null for the authorities of Node. */
  readonly authorities: string | null;
  /** Of the bundle that is known. */
  readonly etag: string | null;
  /** Does not keep the process alive. */
  readonly inBackground: boolean;
}

const largestBundle = 1024 * 1024;
const patience = 10_000;

/**
 * One request, over TLS alone; no redirection is followed. Whatever the environment says, the server's certificate is
 * checked. Errors: `requirements_fetch`, with the status of an answer that was no use.
 */
export function fetchBundle({ url, authorities, etag, inBackground }: FetchRequest): Promise<Fetched> {
  const shown = escapeText(url);
  const address = parse(url, shown);
  return new Promise((resolve, reject) => {
    const fail = (problem: string, detail: { cause?: unknown; statusCode?: number } = {}): void => {
      clearTimeout(timer);
      asking.destroy();
      reject(failed(shown, problem, detail));
    };
    const asking = request(address, {
      headers: { accept: "application/octet-stream", ...(etag !== null && { "if-none-match": etag }) },
      rejectUnauthorized: true,
      ...(authorities !== null && { ca: authorities }),
      agent: false,
    });
    const timer = setTimeout(() => fail(`did not answer within ${patience / 1000} seconds`), patience);
    if (inBackground) {
      timer.unref();
      asking.on("socket", (socket) => socket.unref());
    }
    asking.on("error", (cause) => fail(`cannot be reached: ${cause.message}`, { cause }));
    asking.on("response", (response) => {
      const { statusCode = 0, headers } = response;
      if (statusCode === 304 && etag !== null) {
        clearTimeout(timer);
        asking.destroy();
        resolve({ kind: "same" });
        return;
      }
      if (statusCode !== 200) {
        fail(`answered with status ${statusCode}`, { statusCode });
        return;
      }
      const chunks: Buffer[] = [];
      let length = 0;
      response.on("data", (chunk: Buffer) => {
        length += chunk.length;
        if (length > largestBundle) fail("is larger than 1 MiB", { statusCode });
        else chunks.push(chunk);
      });
      response.on("error", (cause) => fail(`broke off: ${cause.message}`, { cause, statusCode }));
      response.on("end", () => {
        clearTimeout(timer);
        resolve({ kind: "new", bytes: Buffer.concat(chunks), etag: headers.etag ?? null });
      });
    });
    asking.end();
  });
}

function parse(url: string, shown: string): URL {
  const address = URL.canParse(url) ? new URL(url) : null;
  if (address?.protocol === "https:" && address.username === "" && address.password === "") return address;
  throw new SandboxedError("requirements_schema", `${shown} is no address that requirements are fetched from`, {
    hint: "write https://HOST/PATH, without a name or password",
  });
}

function failed(shown: string, problem: string, detail: { cause?: unknown; statusCode?: number }): SandboxedError {
  return new SandboxedError("requirements_fetch", `the requirements at ${shown}: the server ${problem}`, {
    hint: "connect to the network and try again; without the requirements nothing runs",
    ...detail,
  });
}
