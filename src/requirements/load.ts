import { homedir, hostname, userInfo } from "node:os";
import { join } from "node:path";
import { readConfigFile } from "../config/index.ts";
import type { Requirements } from "./model.ts";
import { escapeText, SandboxedError } from "../policy/index.ts";
import type { ErrorCode } from "../policy/index.ts";
import { readGivenFile, readSystemFile, readVariable, variableName } from "./read.ts";
import type { ReadFile } from "./read.ts";
import type { Obtained, ObtainRequest } from "./bundle/obtain.ts";
import type { PolicyStore } from "./platform.ts";
import type { SourceText } from "./source.ts";

export interface RequirementsRequest {
  /** The caller's environment. */
  readonly environment: ReadonlyMap<string, string>;
  readonly home: string;
  /** `--requirements FILE`, absolute; null for none. */
  readonly file: string | null;
  /** Of this machine; another one for tests. */
  readonly hostname?: string;
  /** The administrator's file; another one for tests. */
  readonly systemFile?: string;
  /** How a file is read; `readConfigFile` by default. */
  readonly read?: ReadFile;
  /** Milliseconds since 1970; the clock's for default. */
  readonly now?: number;
  /** Whose store of policies is asked, and how; those of this machine for default. */
  readonly platform?: NodeJS.Platform;
  readonly store?: PolicyStore;
  /** When a bundle that is due is fetched anew, see `obtainBundle`; in the background by default. */
  readonly renew?: ObtainRequest["renew"];
  /** Of bundles that hold already, by their address: an older one does not count. */
  readonly leastSerials?: ReadonlyMap<string, number>;
  /** Where fetched bundles are kept; below the account's home for default, whatever `HOME` says. */
  readonly stateFolder?: string;
}

/** Where no variable of a user's can lead elsewhere. */
const systemFiles: Readonly<Partial<Record<NodeJS.Platform, string>>> = {
  darwin: "/Library/Application Support/sandboxed/requirements.toml",
  win32: String.raw`C:\ProgramData\sandboxed\requirements.toml`,
};

export const systemRequirementsFile = systemFiles[process.platform] ?? "/etc/sandboxed/requirements.toml";

/** No source says anything. */
export const noRequirements: Requirements = {
  sources: [],
  supportContact: null,
  validUntil: null,
  changesAt: null,
  bundle: null,
  merged: () => null,
  kept: () => [],
  sandboxModes: free("allowed_sandbox_modes"),
  permissionProfiles: free("allowed_permission_profiles"),
  approvalPolicies: free("allowed_approval_policies"),
  approvalReviewers: free("allowed_approvals_reviewers"),
  backends: free("enforcement_level"),
  profiles: new Map(),
  defaultPermissions: null,
  layers: [],
  network: { domains: [], sockets: [], credentials: [], baseline: null, closesLocal: null },
  mcpAllowlist: null,
  exceptions: [],
  tests: [],
  warnings: [],
  refreshed: null,
};

function free(key: string) {
  return { key, allowed: null, from: [], conflict: "none", isSame: Object.is } as const;
}

/**
 * Reads every source of requirements there is; without one, nothing but the reads happens. A source that cannot be
 * read, verified or understood is an error, never skipped. Errors: those whose code starts with `requirements_`.
 */
export async function loadRequirements(request: RequirementsRequest): Promise<Requirements> {
  const texts: SourceText[] = [];
  try {
    return await loadFrom(request, texts);
  } catch (error) {
    if (!(error instanceof SandboxedError) || !unusable.has(error.code)) throw error;
    const own = [request.file, variableName].filter((name) => name !== null);
    if (own.some((name) => error.message.includes(escapeText(name)))) throw error;
    throw await forAdministrator(error, texts);
  }
}

/** What is wrong with a source itself, whoever asks. */
const unusable: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  "requirements_parse",
  "requirements_schema",
  "requirements_permissions",
]);

/** Who reads it may be somebody who cannot mend it. */
async function forAdministrator(error: SandboxedError, texts: readonly SourceText[]): Promise<SandboxedError> {
  const { contactIn, ownerOf } = await import("./source.ts");
  const contacts = texts.map((text) => {
    try {
      return contactIn(text);
    } catch {
      return null; // the one that is broken
    }
  });
  const owner = ownerOf("system", contacts.findLast((contact) => contact !== null) ?? null);
  const hint = `${error.hint ?? "mend it"}; that is up to ${owner}, and nothing runs before`;
  return new SandboxedError(error.code, error.message, { hint, cause: error });
}

/** `found`: filled with what was read, for whoever has to say what is wrong with it. */
async function loadFrom(request: RequirementsRequest, found: SourceText[]): Promise<Requirements> {
  const { environment, file, read = readConfigFile, systemFile = systemRequirementsFile } = request;
  const texts = [
    readSystemFile(read, systemFile),
    await readPlatform(request),
    file === null ? null : readGivenFile(read, file),
    readVariable(environment),
  ].filter((text) => text !== null);
  if (texts.length === 0) return noRequirements;
  found.push(...texts);
  const { assemble } = await import("./assemble.ts");
  const asker = { hostname: request.hostname ?? hostname(), user: account().name };
  const now = request.now ?? Date.now();
  const [system] = texts;
  const fetched = system?.kind === "system" ? await fetchedBundle(system, request, read, now) : null;
  if (fetched === null) return assemble(texts, asker, now);
  const { source, serial, expires, due, failure, warnings, refreshed } = fetched;
  const requirements = await assemble([...texts.slice(0, 1), source, ...texts.slice(1)], asker, now);
  return {
    ...requirements,
    validUntil: requirements.changesAt === null ? due : Math.min(requirements.changesAt, due),
    bundle: { url: source.name, serial, expires, due, failure },
    warnings: [...requirements.warnings, ...warnings],
    refreshed,
  };
}

/** Linux has no store of its own: its file is all there is, and nothing is loaded. */
async function readPlatform({ platform = process.platform, store }: RequirementsRequest): Promise<SourceText | null> {
  if (platform === "linux") return null;
  const { platformReader } = await import("./platform.ts");
  const reader = platformReader(platform);
  return reader === null ? null : reader.read(store ?? (await import("./platform-store.ts")).fileStore);
}

async function fetchedBundle(
  system: SourceText,
  { stateFolder, renew = "later", leastSerials = new Map() }: RequirementsRequest,
  read: ReadFile,
  now: number,
): Promise<Obtained | null> {
  const { bundleSourceOf } = await import("./bundle/source.ts");
  const from = await bundleSourceOf(system, read, leastSerials);
  if (from === null) return null;
  const { obtainBundle } = await import("./bundle/obtain.ts");
  const folder = stateFolder ?? join(account().home, ".local", "state", "sandboxed", "requirements");
  return obtainBundle({ from, folder, read, now, renew });
}

/** As the account database has them, not what a variable says; no name for an account without one, which no exception names. */
function account(): { readonly name: string; readonly home: string } {
  try {
    const { username: name, homedir: home } = userInfo();
    return { name, home };
  } catch {
    return { name: "", home: homedir() };
  }
}
