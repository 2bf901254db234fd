import { isAbsolute, join, resolve } from "node:path";
import { escapeText, readProfile, SandboxedError, selectProfile } from "../policy/index.ts";
import type { Layer, ProfilePatch } from "../policy/index.ts";
import { parseDocument, showPath, where } from "./document.ts";
import type { Document } from "./document.ts";
import { readOverrides } from "./override.ts";
import { readConfigFile } from "./read.ts";
import type { RawConfig } from "./schema.ts";
import { checkProjectKeys, checkShape, systemFile } from "./shape.ts";

/** One source of configuration, its shape and the meaning of its profiles checked. */
export interface ConfigLayer {
  readonly document: Document;
  readonly raw: RawConfig;
  readonly profiles: ReadonlyMap<string, ProfilePatch>;
}

export interface Sources {
  /** Lowest first; all speak with the user's authority. */
  readonly own: readonly ConfigLayer[];
  /** Speaks for itself and can only narrow. */
  readonly project: ConfigLayer | null;
}

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
  /** How a file is read; `readConfigFile` by default. */
  readonly read?: typeof readConfigFile;
}

/**
 * Reads every source there is. A source that cannot be read, parsed or understood is an error, never skipped.
 * Errors: `config_parse`, `config_schema`, `config_permissions`, `policy_invalid`, `usage`.
 */
export async function readSources(request: SourcesRequest): Promise<Sources> {
  const { read = readConfigFile } = request;
  const system = request.systemFile ?? systemFile;
  const user = userConfigFile(request.environment, request.home);
  const documents = [
    fileDocument(read, system, "system", "the administrator"),
    fileDocument(read, user, "user", "you"),
    request.file === null ? null : namedDocument(resolve(request.cwd, request.file), request.file, read),
    readOverrides(request.overrides),
  ];
  const own: ConfigLayer[] = [];
  for (const document of documents) if (document !== null) own.push(await readLayer(document));
  return { own, project: await readProject(read, request.workspace, user, documents) };
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
  read: typeof readConfigFile,
  workspace: string | null,
  user: string,
  others: readonly (Document | null)[],
): Promise<ConfigLayer | null> {
  if (workspace === null) return null;
  const path = projectConfigFile(workspace);
  // A home directory under version control: the user's file stays the user's.
  if (others.some((document) => document?.file === path)) return null;
  const text = read(path, "anyone");
  if (text === null) return null;
  const layer = await readLayer(parseDocument(text, path, "project", "the project"));
  checkProjectKeys(layer.document, user);
  return layer;
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
