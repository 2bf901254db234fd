import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { Secret } from "../../network/index.ts";
import { SandboxedError } from "../../policy/index.ts";

/** What the authorization server sent the browser back with. */
export type CallbackAnswer =
  | { readonly kind: "code"; readonly code: string; readonly iss: string | undefined }
  | { readonly kind: "error"; readonly code: string; readonly message: string; readonly iss: string | undefined };

/** A page on the loopback address that a browser comes back to. */
export interface Callback {
  readonly url: string;
  /** The answer to the request with this state; other requests change nothing. Errors: `mcp_auth` after `timeout` ms. */
  answer(state: string, timeout: number): Promise<CallbackAnswer>;
  close(): void;
}

/** Errors: `mcp_auth` when the port is taken. */
export async function listenForCallback(port: number | null): Promise<Callback> {
  let waiting: { readonly state: string; readonly resolve: (answer: CallbackAnswer) => void } | null = null;
  const server = createServer((request, response) => {
    const url = new URL(request.url ?? "/", own());
    const answer = request.method === "GET" && request.headers.host === new URL(own()).host ? read(url) : null;
    const state = url.searchParams.get("state") ?? "";
    if (
      url.pathname !== "/callback" ||
      answer === null ||
      waiting === null ||
      !new Secret(waiting.state).isPassword(Buffer.from(state))
    ) {
      response.writeHead(404).end();
      return;
    }
    const words = answer.kind === "code" ? "You are logged in. " : "The login failed. ";
    response
      .writeHead(200, { "content-type": "text/plain; charset=utf-8", connection: "close", "cache-control": "no-store" })
      .end(`${words}You can close this page.\n`);
    waiting.resolve(answer);
    waiting = null;
  });
  const own = (): string => {
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- a listener on a port has such an address
    const { port: chosen } = server.address() as AddressInfo;
    return `http://127.0.0.1:${chosen}/callback`;
  };
  server.listen(port ?? 0, "127.0.0.1");
  try {
    await once(server, "listening");
  } catch (cause) {
    throw new SandboxedError("mcp_auth", `port ${port ?? 0} of 127.0.0.1 cannot be listened on`, {
      hint: "choose another oauth.callback_port",
      cause,
    });
  }
  return {
    url: own(),
    answer: (state, timeout) =>
      new Promise((resolve, reject) => {
        const late = (): void => reject(new SandboxedError("mcp_auth", "nobody logged in in time"));
        const timer = setTimeout(late, timeout);
        waiting = {
          state,
          resolve: (answer) => {
            clearTimeout(timer);
            resolve(answer);
          },
        };
      }),
    close() {
      server.close();
      server.closeAllConnections();
    },
  };
}

function read({ searchParams }: URL): CallbackAnswer | null {
  const iss = searchParams.get("iss") ?? undefined;
  const code = searchParams.get("code");
  const error = searchParams.get("error");
  if (error !== null) {
    return { kind: "error", code: error, message: searchParams.get("error_description") ?? "", iss };
  }
  return code === null ? null : { kind: "code", code, iss };
}
