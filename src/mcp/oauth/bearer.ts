import type { AuthProvider, AuthorizationServerMetadata } from "@modelcontextprotocol/client";
import { escapeText, SandboxedError } from "../../policy/index.ts";
import type { McpHttp } from "../../config/index.ts";
import type { DoorFetch } from "../http/door-fetch.ts";
import type { Credentials, Login } from "./credentials.ts";
import { underLock } from "./lock.ts";

/** A token that ends sooner than this is renewed before it is used. */
const EARLY_MS = 30_000;

export interface BearerParts {
  readonly credentials: Credentials;
  /** Where the secret of a client registered beforehand is. */
  readonly environment: ReadonlyMap<string, string>;
  readonly fetch: DoorFetch;
}

/**
 * The token of a login, renewed when it ends or is refused. Of several processes one renews it, the others take what it
 * got. Null where nobody has logged in.
 */
export async function bearerFor(
  server: string,
  transport: McpHttp,
  { credentials, environment, fetch }: BearerParts,
): Promise<AuthProvider | null> {
  const { url } = transport;
  const first = await credentials.read(server, url);
  if (first === null) return null;
  let login: Login = first;
  let renewing: Promise<void> | null = null;
  const renew = (): Promise<void> => {
    renewing ??= underLock(credentials.lockFile(server, url), async () => {
      const kept = await credentials.read(server, url);
      if (kept === null) throw loginAgain(server, "it was logged out");
      if (kept.accessToken === login.accessToken) {
        const client = withSecret(kept.client, transport, environment);
        const renewed = await renewedLogin(server, kept, client, fetch);
        await credentials.keep(server, renewed);
        login = renewed;
      } else {
        login = kept;
      }
    }).finally(() => {
      renewing = null;
    });
    return renewing;
  };
  return {
    async token() {
      const ends = login.expires;
      if (ends !== null && login.refreshToken !== null && ends - Date.now() < EARLY_MS) await renew();
      return login.accessToken;
    },
    onUnauthorized: renew,
  };
}

async function renewedLogin(server: string, login: Login, client: Login["client"], fetch: DoorFetch): Promise<Login> {
  if (login.refreshToken === null) throw loginAgain(server, "its token is no longer taken, and cannot be renewed");
  const { OAuthError, refreshAuthorization } = await import("@modelcontextprotocol/client");
  try {
    const tokens = await refreshAuthorization(login.issuer, {
      ...(login.metadata != null && { metadata: asMetadata(login.metadata) }),
      clientInformation: client,
      refreshToken: login.refreshToken,
      ...(login.resource !== null && { resource: login.resource }),
      fetchFn: fetch,
    });
    return withTokens(login, tokens);
  } catch (error) {
    if (error instanceof OAuthError)
      throw loginAgain(server, `its login was not renewed: ${providerWords(error)}`, error);
    throw error;
  }
}

/** Errors: `mcp_auth` when the variable that holds the secret is not set. */
export function withSecret(
  client: Login["client"],
  { oauth }: McpHttp,
  environment: ReadonlyMap<string, string>,
): Login["client"] {
  if (oauth.clientSecretVariable === null) return client;
  const secret = environment.get(oauth.clientSecretVariable) ?? "";
  if (secret !== "") return { ...client, client_secret: secret };
  const variable = escapeText(oauth.clientSecretVariable);
  throw new SandboxedError("mcp_auth", `the variable ${variable}, which holds the client's secret, is not set`, {
    hint: `export ${variable}`,
  });
}

/** What a provider says, short and harmless to show. */
export function providerWords({ code, message }: { readonly code: string; readonly message: string }): string {
  return escapeText(`${code}${message === "" || message === code ? "" : ` (${message.slice(0, 300)})`}`);
}

export function withTokens(
  login: Login,
  tokens: {
    readonly access_token: string;
    readonly refresh_token?: string | undefined;
    readonly expires_in?: number | undefined;
  },
): Login {
  return {
    ...login,
    accessToken: tokens.access_token,
    refreshToken: tokens.refresh_token ?? login.refreshToken,
    expires: tokens.expires_in === undefined ? null : Date.now() + tokens.expires_in * 1000,
  };
}

export function asMetadata(value: unknown): AuthorizationServerMetadata {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the SDK checked it when it was discovered
  return value as AuthorizationServerMetadata;
}

function loginAgain(server: string, why: string, cause?: unknown): SandboxedError {
  return new SandboxedError("mcp_auth", `MCP server ${server}: ${why}`, {
    hint: `log in: sandboxed mcp login ${server}`,
    cause,
  });
}
