import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { createMcpHandler, McpServer } from "@modelcontextprotocol/server";
import { Provider } from "oidc-provider";
import { listen } from "./http-servers.ts";

export interface Protected {
  readonly url: string;
  readonly issuer: string;
  /** The kinds of grants that got tokens, in their order. */
  readonly grants: readonly string[];
  /** Registrations that were asked for. */
  readonly registrations: () => number;
  readonly close: () => Promise<void>;
}

export interface ProtectedOptions {
  /** What the MCP server says may be asked for. */
  readonly advertised?: readonly string[];
  /** A client known beforehand, sent back to this port; then no other is registered. */
  readonly client?: { readonly id: string; readonly secret: string; readonly port: number };
}

/** An MCP server that wants a token, and the authorization server that gives it, each on a port of its own. */
export async function startProtected({ advertised = ["read"], client }: ProtectedOptions = {}): Promise<Protected> {
  const front = createServer();
  front.listen(0, "127.0.0.1");
  await once(front, "listening");
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- a listener on a port has such an address
  const issuer = `http://127.0.0.1:${(front.address() as AddressInfo).port}`;
  let resource = "";
  const provider = new Provider(issuer, {
    scopes: ["openid", "offline_access", "read", "write"],
    features: {
      registration: { enabled: client === undefined },
      resourceIndicators: {
        enabled: true,
        getResourceServerInfo: () => ({
          scope: "read write",
          audience: resource,
          accessTokenFormat: "opaque",
          accessTokenTTL: 600,
        }),
        useGrantedResource: () => true,
      },
    },
    ...(client !== undefined && {
      clients: [
        {
          client_id: client.id,
          client_secret: client.secret,
          redirect_uris: [`http://127.0.0.1:${client.port}/callback`],
          grant_types: ["authorization_code", "refresh_token"],
          response_types: ["code"],
          application_type: "native",
        },
      ],
    }),
    issueRefreshToken: (_, known) => known.grantTypeAllowed("refresh_token"),
    rotateRefreshToken: true,
    cookies: { keys: ["of a test"] },
    pkce: { required: () => true },
  });
  const grants: string[] = [];
  let registrations = 0;
  provider.on("grant.success", ({ oidc }) => grants.push(String(oidc.params?.["grant_type"])));
  const answer = provider.callback();
  front.on("request", (request, response) => {
    if (request.method === "POST" && request.url === "/reg") registrations += 1;
    // What nobody asked for by name is what this provider thinks best (RFC 6749, 3.3).
    if (request.url?.startsWith("/auth?") === true && !/[?&]scope=/.test(request.url)) request.url += "&scope=read";
    void answer(request, response);
  });

  const handler = createMcpHandler(() => {
    const server = new McpServer({ name: "protected", version: "1.0.0" });
    server.registerTool("echo", { description: "Answers." }, () => ({ content: [{ type: "text", text: "come in" }] }));
    return server;
  });
  const server = await listen(async (request) => {
    const { origin, pathname } = new URL(request.url);
    if (pathname.startsWith("/.well-known/oauth-protected-resource")) {
      return Response.json({ resource, authorization_servers: [issuer], scopes_supported: advertised });
    }
    const [, value = ""] = /^Bearer (.+)$/.exec(request.headers.get("authorization") ?? "") ?? [];
    const token = value === "" ? undefined : await provider.AccessToken.find(value);
    if (token?.isValid !== true || token.aud !== resource) {
      const where = `Bearer resource_metadata="${origin}/.well-known/oauth-protected-resource/mcp"`;
      return new Response(null, { status: 401, headers: { "www-authenticate": where } });
    }
    return handler.fetch(request);
  });
  resource = server.url;
  return {
    url: server.url,
    issuer,
    grants,
    registrations: () => registrations,
    async close() {
      await handler.close();
      await server.close();
      front.closeAllConnections();
      front.close();
      await once(front, "close");
    },
  };
}

/** What a person does in a browser: logs in, agrees, and is sent back. The text of the last page. */
export async function agree(start: string): Promise<string> {
  const jar = new Map<string, string>();
  let next: { readonly url: string; readonly form: string | null } = { url: start, form: null };
  for (let page = 0; page < 20; page++) {
    const cookie = [...jar].map(([name, value]) => `${name}=${value}`).join("; ");
    // oxlint-disable-next-line no-await-in-loop -- a page leads to the next
    const response = await fetch(next.url, {
      redirect: "manual",
      headers: { cookie, ...(next.form !== null && { "content-type": "application/x-www-form-urlencoded" }) },
      ...(next.form !== null && { method: "POST", body: next.form }),
    });
    for (const line of response.headers.getSetCookie()) {
      const [, name = "", value = ""] = /^([^=]+)=([^;]*)/.exec(line) ?? [];
      jar.set(name, value);
    }
    const to = response.headers.get("location");
    if (to !== null) {
      next = { url: new URL(to, next.url).href, form: null };
      continue;
    }
    // oxlint-disable-next-line no-await-in-loop -- the same
    const text = await response.text();
    const [, action = ""] = /<form[^>]* action="([^"]+)"/.exec(text) ?? [];
    const [, prompt = ""] = /name="prompt" value="([^"]+)"/.exec(text) ?? [];
    if (prompt === "") return text;
    next = { url: new URL(action, next.url).href, form: `prompt=${prompt}&login=somebody&password=any` };
  }
  throw new Error("the pages have no end");
}
