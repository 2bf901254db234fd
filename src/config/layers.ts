import { isAbsolute, join, resolve } from "node:path";
import { escapeText, readProfile, SandboxedError, selectProfile } from "../policy/index.ts";
import type { Layer, ProfilePatch, Provenance } from "../policy/index.ts";
import { parseDocument, showPath, where } from "./document.ts";
import type { Document } from "./document.ts";
import { accountConfigFile } from "./ceiling.ts";
import { readOverrides } from "./override.ts";
import { readConfigFile } from "./read.ts";
import type { RawConfig } from "./schema.ts";
import { checkCeilingPlace, checkProjectKeys, refuseRedirectedServers } from "./project-keys.ts";
import { checkShape, systemFile } from "./shape.ts";
import { trustOf } from "./trust.ts";
import type { TrustState } from "./trust.ts";

/** One source of configuration, its shape and the meaning of its profiles checked. */
export interface ConfigLayer {
  readonly document: Document;
  readonly raw: RawConfig;
  readonly profiles: ReadonlyMap<string, ProfilePatch>;
}

export interface Sources {
  /** Lowest first; all speak with the user's authority, a trusted project among them. */
  readonly own: readonly ConfigLayer[];
  /** Speaks for itself and can only narrow. */
  readonly project: ConfigLayer | null;
  /** Null when there is no project's file. */
  readonly trust: TrustState | null;
  /** The user's file by the account database, where variables moved it elsewhere: only its ceiling counts. */
  readonly account: ConfigLayer | null;
  readonly managed: ManagedProfiles;
}

const nothingManaged: ManagedProfiles = { profiles: new Map(), defaultPermissions: null };

export interface SourcesRequest {
  /** The caller's environment. */
  readonly environment: ReadonlyMap<string, string>;
  readonly home: string;
  readonly cwd: string;
  /** The directory whose `.sandboxed/config.toml` is the project's; null for none. */
  readonly workspace: string | null;
  /** `--config FILE` */
  readonly file: string | null;
  /** `-c KEY=VALUE` */
  readonly overrides: readonly string[];
  /** The administrator's file; another one for tests. */
  readonly systemFile?: string;
  /** The user's file by the account database, null for none; another one for tests. */
  readonly accountFile?: string | null;
  /** How a file is read; `readConfigFile` by default. */
  readonly read?: typeof readConfigFile;
  /** What the organisation defines for everybody. */
  readonly managed?: ManagedProfiles;
}

/** Profiles that can be named and not defined anew, and the one of those who choose none. */
export interface ManagedProfiles {
  readonly profiles: ReadonlyMap<string, ProfilePatch>;
  readonly defaultPermissions: { readonly value: string; readonly from: readonly Provenance[] } | null;
}

/**
 * Reads every source there is. A source that cannot be read, parsed or understood is an error, never skipped.
 * Errors: `config_parse`, `config_schema`, `config_permissions`, `policy_invalid`, `usage`.
 */
export async function readSources(request: SourcesRequest): Promise<Sources> {
  const { read = readConfigFile } = request;
  const system = request.systemFile ?? systemFile;
  const user = userConfigFile(request.environment, request.home);
  const settled = [fileDocument(read, system, "system", "the administrator"), fileDocument(read, user, "user", "you")];
  const typed = [
    request.file === null ? null : namedDocument(resolve(request.cwd, request.file), request.file, read),
    readOverrides(request.overrides),
  ];
  const account = request.accountFile === undefined ? accountConfigFile() : request.accountFile;
  const moved = account === null || account === user ? null : fileDocument(read, account, "user", "you");
  const { project, trust } = await readProject(request, read, user, [...settled, ...typed]);
  const isTrusted = trust === "trusted";
  if (project !== null)
    refuseRedirectedServers(
      project.document,
      settled.filter((document) => document !== null),
    );
  return {
    own: [
      ...(await layersOf(settled)),
      ...(isTrusted && project !== null ? [project] : []),
      ...(await layersOf(typed)),
    ],
    project: isTrusted ? null : project,
    trust: project === null ? null : trust,
    account: moved === null ? null : await readLayer(moved),
    managed: request.managed ?? nothingManaged,
  };
}

async function layersOf(documents: readonly (Document | null)[]): Promise<readonly ConfigLayer[]> {
  return Promise.all(documents.filter((document) => document !== null).map(readLayer));
}

/** `$SANDBOXED_HOME/config.toml`, else `$XDG_CONFIG_HOME/sandboxed/config.toml`, else the same below `~/.config`. */
export function userConfigFile(environment: ReadonlyMap<string, string>, home: string): string {
  const moved = environment.get("SANDBOXED_HOME") ?? "";
  if (moved !== "") {
    if (isAbsolute(moved)) return join(moved, "config.toml");
    throw new SandboxedError("usage", `SANDBOXED_HOME=${escapeText(moved)} is not an absolute path`, {
      hint: "write the whole path, or unset it",
    });
  }
  const xdg = environment.get("XDG_CONFIG_HOME") ?? "";
  // The base directory specification: relative values count as unset.
  return join(isAbsolute(xdg) ? xdg : join(home, ".config"), "sandboxed", "config.toml");
}

export function projectConfigFile(workspace: string): string {
  return join(workspace, ".sandboxed", "config.toml");
}

/** A document's shape and profiles, checked; also for `policy check`. */
export async function readLayer(document: Document): Promise<ConfigLayer> {
  const raw = await checkShape(document);
  checkMixture(document, raw);
  checkCeilingPlace(document);
  const profiles = new Map<string, ProfilePatch>();
  for (const [name, table] of Object.entries(raw.permissions ?? {})) {
    const patch = naming(document, () => readProfile(name, table, (path) => document.provenance(path)));
    // Names with a colon are the tool's: choosing one that is defined here is how that is refused.
    if (name.startsWith(":")) selectProfile(name, new Map([[name, patch]]));
    profiles.set(name, patch);
  }
  return { document, raw, profiles };
}

/** A file that somebody named; it has to be there. */
export function namedDocument(path: string, written: string, read = readConfigFile): Document {
  const document = fileDocument(read, path, "file", "you");
  if (document !== null) return document;
  throw new SandboxedError("usage", `there is no file ${escapeText(written)}`, { hint: "check the path" });
}

function fileDocument(read: typeof readConfigFile, path: string, layer: Layer, owner: string): Document | null {
  const text = read(path, "trusted");
  return text === null ? null : parseDocument(text, path, layer, owner);
}

async function readProject(
  { workspace, environment }: SourcesRequest,
  read: typeof readConfigFile,
  user: string,
  others: readonly (Document | null)[],
): Promise<{ readonly project: ConfigLayer | null; readonly trust: TrustState }> {
  const none = { project: null, trust: "untrusted" } as const;
  if (workspace === null) return none;
  const path = projectConfigFile(workspace);
  // A home directory under version control: the user's file stays the user's.
  if (others.some((document) => document?.file === path)) return none;
  const text = read(path, "anyone");
  if (text === null) return none;
  // What is trusted is what was read: the same text counts for both.
  const again: typeof readConfigFile = (file, trust) =>
    file === path && trust === "anyone" ? text : read(file, trust);
  const trust = await trustOf(workspace, environment, again);
  const isTrusted = trust === "trusted";
  const owner = isTrusted ? "the project, which you trust" : "the project";
  const layer = await readLayer(parseDocument(text, path, isTrusted ? "trusted" : "project", owner));
  checkProjectKeys(layer.document, user, isTrusted);
  return { project: layer, trust };
}

/** The two forms say the same things differently; which of them holds would be a guess. */
function checkMixture(document: Document, raw: RawConfig): void {
  const older = (["sandbox_mode", "sandbox_workspace_write"] as const).find((key) => raw[key] !== undefined);
  const newer = (["default_permissions", "permissions"] as const).find((key) => raw[key] !== undefined);
  if (older === undefined || newer === undefined) return;
  const other = document.position([newer]);
  const line = other === null ? "" : ` (line ${other.line})`;
  throw new SandboxedError(
    "config_schema",
    `${where(document, [older])}${showPath([older])} and ${showPath([newer])}${line} cannot both be set`,
    { hint: `keep ${showPath([newer])}; a profile that extends ":workspace" is what workspace-write was` },
  );
}

/** What is said about a document without lines starts with its name. */
function naming<T>(document: Document, act: () => T): T {
  try {
    return act();
  } catch (error) {
    if (document.file !== null || !(error instanceof SandboxedError)) throw error;
    const hint = error.hint === null ? {} : { hint: error.hint };
    throw new SandboxedError(error.code, `${document.name}: ${error.message}`, { ...hint, cause: error });
  }
}
