import { randomBytes } from "node:crypto";
import type * as SdkPart from "@modelcontextprotocol/client";
import type { AuthorizationServerMetadata, OAuthServerInfo } from "@modelcontextprotocol/client";
import type { McpHttp, McpServer } from "../../config/index.ts";
import { escapeText, SandboxedError } from "../../policy/index.ts";
import type { DoorFetch } from "../http/door-fetch.ts";
import { providerWords, withSecret, withTokens } from "./bearer.ts";
import { listenForCallback } from "./callback.ts";
import type { Callback } from "./callback.ts";
import type { Login } from "./credentials.ts";

export interface LoginRequest {
  readonly server: McpServer;
  readonly transport: McpHttp;
  readonly fetch: DoorFetch;
  readonly environment: ReadonlyMap<string, string>;
  /** Asked for on the command line; null where nothing was. */
  readonly scopes: readonly string[] | null;
  /** Shows the address that the person opens. */
  readonly show: (url: string) => void;
  /** In milliseconds. */
  readonly timeout: number;
}

type Sdk = typeof SdkPart;

const CHALLENGE_MS = 10_000;

/** Where the provider said no to what was asked for, so that asking for less may help. */
class ScopesRefused extends Error {}

/**
 * Logs in with the authorization server that the MCP server names: authorization code, PKCE, and a callback on the
 * loopback address. Scopes: those asked for, else configured, else advertised by the server; those alone are left out and tried once
 * more when the provider refuses them. Errors: `mcp_auth`.
 */
export async function logIn(request: LoginRequest): Promise<Login> {
  const { transport, fetch } = request;
  const sdk = await import("@modelcontextprotocol/client");
  try {
    const { resourceMetadataUrl, scope } = await challengeOf(sdk, request);
    const found = await sdk.discoverOAuthServerInfo(transport.url, {
      fetchFn: fetch,
      ...(resourceMetadataUrl !== undefined && { resourceMetadataUrl }),
    });
    checkIssuer(found, transport);
    const chosen = request.scopes ?? transport.scopes;
    const advertised = scope?.split(" ") ?? found.resourceMetadata?.scopes_supported ?? [];
    try {
      return await logInWith(sdk, request, found, chosen ?? advertised);
    } catch (error) {
      if (!(error instanceof ScopesRefused)) throw error;
      if (chosen !== null || advertised.length === 0) throw new SandboxedError("mcp_auth", error.message);
      return await logInWith(sdk, request, found, []).catch((again: unknown) => {
        throw again instanceof ScopesRefused ? new SandboxedError("mcp_auth", again.message) : again;
      });
    }
  } catch (error) {
    throw named(error, request, sdk);
  }
}

/** What the server says to who has no token: where its metadata are, and for which scopes to log in. */
async function challengeOf(sdk: Sdk, { transport, fetch }: LoginRequest) {
  const asked = { jsonrpc: "2.0", id: 1, method: "ping" };
  const headers = { "content-type": "application/json", accept: "application/json, text/event-stream" };
  const init = { method: "POST", headers, body: JSON.stringify(asked), signal: AbortSignal.timeout(CHALLENGE_MS) };
  const response = await fetch(transport.url, init);
  await response.body?.cancel();
  return response.status === 401 ? sdk.extractWWWAuthenticateParams(response) : {};
}

async function logInWith(sdk: Sdk, request: LoginRequest, found: OAuthServerInfo, scopes: readonly string[]) {
  const { transport, fetch } = request;
  const callback = await listenForCallback(transport.oauth.callbackPort);
  try {
    const { authorizationServerUrl, authorizationServerMetadata: metadata } = found;
    const resource = resourceOf(sdk, transport, found);
    const scope = scopes.join(" ");
    const client = await clientOf(sdk, request, found, callback, scope);
    const state = randomBytes(32).toString("base64url");
    const { authorizationUrl, codeVerifier } = await sdk.startAuthorization(authorizationServerUrl, {
      ...(metadata && { metadata }),
      clientInformation: client,
      redirectUrl: callback.url,
      state,
      ...(scope !== "" && { scope }),
      ...(resource !== null && { resource }),
    });
    request.show(authorizationUrl.href);
    const answer = await callback.answer(state, request.timeout);
    sdk.validateAuthorizationResponseIssuer({
      iss: answer.iss,
      expectedIssuer: metadata?.issuer,
      issParameterSupported: saysItsName(metadata),
    });
    if (answer.kind === "error") {
      const words = `the provider refused: ${providerWords(answer)}`;
      throw answer.code === "invalid_scope" ? new ScopesRefused(words) : new SandboxedError("mcp_auth", words);
    }
    const tokens = await sdk.exchangeAuthorization(authorizationServerUrl, {
      ...(metadata && { metadata }),
      clientInformation: client,
      authorizationCode: answer.code,
      ...(answer.iss !== undefined && { iss: answer.iss }),
      codeVerifier,
      redirectUri: callback.url,
      ...(resource !== null && { resource }),
      fetchFn: fetch,
    });
    // The secret of a client registered beforehand stays where its owner keeps it.
    const { client_secret: _, ...known } = client;
    const login: Login = {
      url: transport.url,
      issuer: metadata?.issuer ?? authorizationServerUrl,
      resource,
      metadata: metadata ?? null,
      client: transport.oauth.clientId === null ? client : known,
      accessToken: "",
      refreshToken: null,
      expires: null,
    };
    return withTokens(login, tokens);
  } finally {
    callback.close();
  }
}

/** One registered beforehand, or one that is registered now. */
async function clientOf(
  sdk: Sdk,
  { transport, environment, fetch }: LoginRequest,
  { authorizationServerUrl, authorizationServerMetadata: metadata }: OAuthServerInfo,
  { url }: Callback,
  scope: string,
): Promise<Login["client"]> {
  const { clientId } = transport.oauth;
  if (clientId !== null) return withSecret({ client_id: clientId }, transport, environment);
  try {
    const registered = await sdk.registerClient(authorizationServerUrl, {
      ...(metadata && { metadata }),
      clientMetadata: {
        client_name: "sandboxed-run",
        redirect_uris: [url],
        grant_types: ["authorization_code", "refresh_token"],
        response_types: ["code"],
        token_endpoint_auth_method: "none",
        application_type: "native",
      },
      ...(scope !== "" && { scope }),
      fetchFn: fetch,
    });
    return { ...registered };
  } catch (error) {
    if (!(error instanceof sdk.RegistrationRejectedError)) throw error;
    const words = `the provider does not register this client: ${escapeText(error.body.slice(0, 300))}`;
    throw scope !== "" && /scope/i.test(error.body)
      ? new ScopesRefused(words)
      : new SandboxedError("mcp_auth", words, { hint: "register one yourself, and name it as oauth.client_id" });
  }
}

/** What the tokens are for: as configured, else as the server says, as long as that is the server itself. */
function resourceOf(sdk: Sdk, { url, oauth }: McpHttp, { resourceMetadata }: OAuthServerInfo): string | null {
  const resource = oauth.resource ?? resourceMetadata?.resource ?? null;
  if (oauth.resource !== null || resource === null) return resource;
  if (sdk.checkResourceAllowed({ requestedResource: url, configuredResource: resource })) return resource;
  throw new SandboxedError("mcp_auth", `its metadata are about another resource: ${escapeText(resource)}`);
}

function checkIssuer(
  { authorizationServerMetadata: metadata, authorizationServerUrl }: OAuthServerInfo,
  { oauth }: McpHttp,
) {
  const issuer = metadata?.issuer ?? authorizationServerUrl;
  if (oauth.issuer === null || withoutSlash(issuer) === withoutSlash(oauth.issuer)) return;
  throw new SandboxedError(
    "mcp_auth",
    `it names the authorization server ${escapeText(issuer)}, and oauth.authorization_server_issuer is ${escapeText(oauth.issuer)}`,
  );
}

function withoutSlash(url: string): string {
  return url.replace(/\/$/, "");
}

/** RFC 9207. */
function saysItsName(metadata: AuthorizationServerMetadata | undefined): boolean {
  return metadata !== undefined && metadata["authorization_response_iss_parameter_supported"] === true;
}

function named(error: unknown, { server: { name }, transport }: LoginRequest, sdk: Sdk): SandboxedError {
  const words =
    error instanceof sdk.OAuthError
      ? `the provider refused: ${providerWords(error)}`
      : error instanceof SandboxedError
        ? error.message
        : escapeText(error instanceof Error ? error.message : String(error));
  // The server chooses whom it names; where that may be is up to the entry.
  const isElsewhere = error instanceof SandboxedError && error.code === "mcp_server" && transport.oauth.issuer === null;
  const hint = isElsewhere
    ? { hint: `if you trust its provider: mcp_servers.${name}.oauth.authorization_server_issuer = "https://…"` }
    : error instanceof SandboxedError && error.hint !== null
      ? { hint: error.hint }
      : {};
  return new SandboxedError("mcp_auth", `MCP server ${name}: ${words}`, { ...hint, cause: error });
}
