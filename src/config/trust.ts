import {
  closeSync,
  constants,
  fsyncSync,
  mkdirSync,
  openSync,
  realpathSync,
  renameSync,
  unlinkSync,
  writeSync,
} from "node:fs";
import { readdirSync } from "node:fs";
import { codeOf, escapeText, SandboxedError } from "../policy/index.ts";
import { readClosure } from "./closure.ts";
import { toolFolders } from "./folders.ts";
import { readConfigFile } from "./read.ts";

/** A project that the user trusts as it was then. */
export interface TrustedProject {
  /** Canonical. */
  readonly path: string;
  /** Of its closure. */
  readonly hash: string;
  readonly files: readonly string[];
  /** ISO 8601, UTC. */
  readonly time: string;
}

/** `changed`: it was trusted, and is no longer what it was then. */
export type TrustState = "trusted" | "untrusted" | "changed";

type Environment = ReadonlyMap<string, string>;

/**
 * Whether the project at `workspace` is one that the user trusts, just as it is. Errors: `config_permissions` for a
 * record that others could have written, and those of `readClosure`.
 */
export async function trustOf(
  workspace: string,
  environment: Environment,
  read: typeof readConfigFile = readConfigFile,
): Promise<TrustState> {
  const path = canonical(workspace);
  const record = readRecord(await recordFile(path, environment), read);
  if (record === null || record.path !== path) return "untrusted";
  return (await readClosure(path, read))?.hash === record.hash ? "trusted" : "changed";
}

/** Trusts the project as it is now. Errors: `usage` where there is none, and those of `readClosure`. */
export async function trustProject(workspace: string, environment: Environment, now: Date): Promise<TrustedProject> {
  const path = canonical(workspace);
  const closure = await readClosure(path);
  if (closure === null) {
    throw new SandboxedError("usage", `${escapeText(path)} has no .sandboxed folder: there is nothing to trust`, {
      hint: "sandboxed init --project writes a first one",
    });
  }
  const project: TrustedProject = { path, hash: closure.hash, files: closure.files, time: now.toISOString() };
  writeRecord(await recordFile(path, environment), `${JSON.stringify(project)}\n`);
  return project;
}

/** False when it was not trusted. `workspace` need not exist any more. */
export async function revokeTrust(workspace: string, environment: Environment): Promise<boolean> {
  try {
    unlinkSync(await recordFile(canonical(workspace), environment));
    return true;
  } catch (error) {
    if (codeOf(error) === "ENOENT") return false;
    throw unwritable(error);
  }
}

/** In the order of their paths. Errors: as `trustOf`. */
export function trustedProjects(environment: Environment): readonly TrustedProject[] {
  const folder = trustFolder(environment);
  let names: readonly string[];
  try {
    names = readdirSync(folder);
  } catch (error) {
    if (codeOf(error) === "ENOENT") return [];
    throw error;
  }
  const records = names
    .filter((name) => name.endsWith(".json"))
    .map((name) => readRecord(`${folder}/${name}`, readConfigFile));
  return records.filter((record) => record !== null).toSorted((one, other) => (one.path < other.path ? -1 : 1));
}

/** One file a project, so that nobody's change is lost in another's. */
function trustFolder(environment: Environment): string {
  return `${toolFolders(environment).state}/trust`;
}

async function recordFile(path: string, environment: Environment): Promise<string> {
  const { createHash } = await import("node:crypto");
  return `${trustFolder(environment)}/${createHash("sha256").update(path).digest("hex")}.json`;
}

function canonical(workspace: string): string {
  try {
    return realpathSync.native(workspace);
  } catch (error) {
    if (codeOf(error) === "ENOENT") return workspace;
    throw error;
  }
}

function readRecord(file: string, read: typeof readConfigFile): TrustedProject | null {
  const text = read(file, "trusted");
  if (text === null) return null;
  try {
    const value: unknown = JSON.parse(text);
    if (isRecord(value)) return value;
  } catch {
    // told below
  }
  throw new SandboxedError("config_permissions", `${escapeText(file)} is no record of trust`, {
    hint: "remove it, and trust the project again with sandboxed trust",
  });
}

function isRecord(value: unknown): value is TrustedProject {
  if (typeof value !== "object" || value === null) return false;
  const { path, hash, files, time } = { path: null, hash: null, files: null, time: null, ...value };
  return [path, hash, time].every((member) => typeof member === "string") && Array.isArray(files);
}

/** Whole or not at all, readable for the user alone. */
function writeRecord(file: string, text: string): void {
  const draft = `${file}.${process.pid}`;
  try {
    mkdirSync(file.slice(0, file.lastIndexOf("/")), { recursive: true, mode: 0o700 });
    const descriptor = openSync(
      draft,
      constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW,
      0o600,
    );
    try {
      writeSync(descriptor, text);
      fsyncSync(descriptor);
    } finally {
      closeSync(descriptor);
    }
    renameSync(draft, file);
  } catch (error) {
    throw unwritable(error);
  }
}

function unwritable(cause: unknown): SandboxedError {
  return new SandboxedError(
    "config_permissions",
    `the record of trust cannot be written (${codeOf(cause) ?? "unknown error"})`,
    {
      hint: "make ~/.local/state/sandboxed writable for you, or move it with XDG_STATE_HOME",
      cause,
    },
  );
}
