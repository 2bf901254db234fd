import type { IncomingMessage } from "node:http";
import type * as ServerSdk from "@modelcontextprotocol/server";
import type { Clients } from "./clients.ts";
import { refusal } from "./sessions.ts";

type Sdk = Pick<typeof ServerSdk, "localhostAllowedHostnames" | "validateHostHeader" | "validateOriginHeader">;

export const PATH = "/mcp";

const METHODS: readonly string[] = ["GET", "POST", "DELETE"];

export type Admission =
  | { readonly ok: true; readonly client: string }
  | { readonly ok: false; readonly response: Response };

/**
 * Who asks, decided on the head of a request before its body is read. A page in a browser reaches this server under a name
 * of its own choice (DNS rebinding) and says where it comes from: neither is taken, and no page has the token.
 */
export function admit(sdk: Sdk, clients: Clients, { headers, method = "", url }: IncomingMessage): Admission {
  const local = sdk.localhostAllowedHostnames();
  const host = sdk.validateHostHeader(headers.host, local);
  if (!host.ok) return refused(refusal(403, -32_000, host.message));
  const origin = sdk.validateOriginHeader(headers.origin, local);
  if (!origin.ok) return refused(refusal(403, -32_000, origin.message));
  if (url !== PATH) return refused(refusal(404, -32_000, `this server is at ${PATH}`));
  const client = clients.named(headers.authorization);
  if (client === null) {
    const challenge = { "www-authenticate": 'Bearer realm="sandboxed mcp-server"' };
    return refused(refusal(401, -32_001, "this server wants the token that it was started with", challenge));
  }
  if (METHODS.includes(method)) return { ok: true, client };
  return refused(refusal(405, -32_000, "Method not allowed.", { allow: METHODS.join(", ") }));
}

function refused(response: Response): Admission {
  return { ok: false, response };
}
