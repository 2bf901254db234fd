import { createHash } from "node:crypto";
import { mkdirSync, renameSync, unlinkSync, writeFileSync } from "node:fs";
import { codeOf, SandboxedError } from "../../policy/index.ts";
import { readOwnFile } from "../../sandbox/index.ts";
import { isTable } from "../catalogue.ts";
import { openKeyring } from "./keyring.ts";
import type { Keyring, LoadKeyring } from "./keyring.ts";

/** What a login came to: all that is needed to use it and to renew it, and for which server. */
export interface Login {
  /** The address it was made for; at another one it is none. */
  readonly url: string;
  readonly issuer: string;
  readonly resource: string | null;
  /** As the authorization server described itself then: a token to renew goes nowhere else. */
  readonly metadata: unknown;
  readonly client: { readonly client_id: string; readonly [member: string]: unknown };
  readonly accessToken: string;
  readonly refreshToken: string | null;
  /** In milliseconds since 1970. */
  readonly expires: number | null;
}

export type Place = "keyring" | "file";

/** Logins by name of server and address, each in the keyring or in a file that nobody else may read. */
export interface Credentials {
  read(server: string, url: string): Promise<Login | null>;
  /** Where it is kept now. */
  keep(server: string, login: Login): Promise<Place>;
  /** Whether there was one. */
  forget(server: string, url: string): Promise<boolean>;
  /** A file that only one process at a time may hold, for renewing this login. */
  lockFile(server: string, url: string): string;
}

const LARGEST = 256 * 1024;
const SERVICE = "sandboxed-run";

/** `folder` is the tool's own, which every sandbox is denied. */
export function credentialsIn(folder: string, load?: LoadKeyring): Credentials {
  const place = `${folder}/mcp/logins`;
  const nameOf = (server: string, url: string): string =>
    `${server}-${createHash("sha256").update(url).digest("hex").slice(0, 16)}`;
  let keyring: Promise<Keyring | null> | null = null;
  const ring = (): Promise<Keyring | null> => (keyring ??= openKeyring(SERVICE, load));
  const readFile = (name: string): string | null =>
    readOwnFile(place, `${name}.json`, process.geteuid?.() ?? 0, LARGEST);
  const dropFile = (name: string): boolean => {
    try {
      unlinkSync(`${place}/${name}.json`);
      return true;
    } catch {
      return false;
    }
  };
  return {
    async read(server, url) {
      const name = nameOf(server, url);
      const text = readFile(name) ?? (await ring())?.read(name) ?? null;
      return text === null ? null : parseLogin(text, url);
    },
    async keep(server, login) {
      const name = nameOf(server, login.url);
      const text = JSON.stringify(login);
      if ((await ring())?.write(name, text) === true) {
        dropFile(name);
        return "keyring";
      }
      writePrivate(place, `${name}.json`, text);
      return "file";
    },
    async forget(server, url) {
      const name = nameOf(server, url);
      const wasFile = dropFile(name);
      const wasKept = (await ring())?.remove(name) ?? false;
      return wasFile || wasKept;
    },
    lockFile(server, url) {
      mkdirSync(place, { recursive: true, mode: 0o700 });
      return `${place}/${nameOf(server, url)}.lock`;
    },
  };
}

function writePrivate(folder: string, name: string, text: string): void {
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    const draft = `${folder}/${name}.${process.pid}`;
    writeFileSync(draft, text, { flag: "wx", mode: 0o600 });
    renameSync(draft, `${folder}/${name}`);
  } catch (cause) {
    const why = codeOf(cause) ?? "it failed";
    throw new SandboxedError("mcp_auth", `the login cannot be kept: ${why}`, { cause });
  }
}

/** Null for what is not of this address, or no login. */
function parseLogin(text: string, url: string): Login | null {
  try {
    const value: unknown = JSON.parse(text);
    if (!isTable(value) || value["url"] !== url || !isClient(value["client"])) return null;
    const { issuer, resource, metadata, client, accessToken, refreshToken, expires } = value;
    if (typeof issuer !== "string" || typeof accessToken !== "string") return null;
    return {
      url,
      issuer,
      resource: typeof resource === "string" ? resource : null,
      metadata,
      client,
      accessToken,
      refreshToken: typeof refreshToken === "string" ? refreshToken : null,
      expires: typeof expires === "number" ? expires : null,
    };
  } catch {
    return null;
  }
}

function isClient(value: unknown): value is Login["client"] {
  return isTable(value) && typeof value["client_id"] === "string";
}
