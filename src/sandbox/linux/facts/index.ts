import { totalmem } from "node:os";
import { normalise, SandboxedError } from "../../../policy/index.ts";
import type { AbsolutePath } from "../../../policy/index.ts";
import type { HostFacts } from "../../facts.ts";
import { findToolchains } from "../toolchains/index.ts";
import { readAccount } from "./account.ts";
import { certificateFiles } from "./certificates.ts";
import { openDisk } from "./disk.ts";
import type { Disk } from "./disk.ts";
import { readKernel } from "./kernel.ts";
import { readPlatform } from "./platform.ts";
import { unsafeWorkspace, workspaceOf } from "./workspace.ts";

export { openDisk } from "./disk.ts";
export type { Disk, Found, KnownNames, Look } from "./disk.ts";
export { mountTable, otherNames } from "./mounts.ts";
export { explainRefusal, OLDEST_BWRAP } from "./refusal.ts";
export type { NamespaceSettings, Refusal } from "./refusal.ts";
export { assertToolSafe, changeableBy, makeableBy, replaceableBy, toolLocations } from "./tool.ts";
export type { ToolLocation } from "./tool.ts";
export { unsafeWorkspace, workspaceOf } from "./workspace.ts";
export type { Surroundings } from "./workspace.ts";

export interface FactsRequest {
  readonly cwd: string;
  /** The caller's, unfiltered. */
  readonly environment: ReadonlyMap<string, string>;
  /** From here the workspace is found, `cwd` by default. */
  readonly workspaceFrom?: string;
  /** How the workspace is found. */
  readonly workspace: "repo" | "cwd";
  /** The tool's cache folder; null keeps nothing between runs. */
  readonly cache: AbsolutePath | null;
  /** The native first process; null when none was built. */
  readonly init: AbsolutePath | null;
  readonly disk?: Disk;
}

/** The facts, and what the working directory may stand for. */
export interface Gathered {
  readonly facts: HostFacts;
  readonly workspace: {
    readonly path: AbsolutePath;
    /** Why it does not become a workspace by itself; null when it may. */
    readonly unsafe: string | null;
  };
}

/**
 * Reads what a plan needs to know of this machine. Repositories and protected paths depend on which roots are
 * writable, which depends on these facts: whoever scans them adds them.
 * Errors: `setup_failed` when the working directory or the home cannot be resolved.
 */
export function readFacts(request: FactsRequest): Gathered {
  const { environment, disk = openDisk() } = request;
  const cwd = canonicalDirectory(request.cwd, disk);
  const account = readAccount(ids(), environment, disk);
  const { platform: programs, platformLinks } = readPlatform(disk);
  const platform = [...programs, ...certificateFiles(environment, programs, disk)];
  const tmpdir = directory(environment.get("TMPDIR"), disk);
  const known = { account, platform, tmpdir, toolchains: [] };
  const from = request.workspaceFrom === undefined ? cwd : canonicalDirectory(request.workspaceFrom, disk);
  const path = workspaceOf(from, request.workspace, known, disk);
  const toolchains = findToolchains({
    environment,
    home: account.home,
    cwd,
    workspace: path,
    platform: programs,
    platformLinks: platformLinks.map((link) => link.path),
    disk,
  });
  const facts: HostFacts = {
    kernel: readKernel({
      uid: account.uid,
      search: environment.get("PATH"),
      init: request.init,
      cache: request.cache,
      disk,
    }),
    account,
    cwd,
    tmpdir,
    environment,
    platform,
    platformLinks,
    toolchains,
    repositories: [],
    protectedPaths: [],
    sockets: disk.sockets(),
    memoryBytes: memory(),
    look: disk.look,
    canonical: disk.canonical,
    program: disk.program,
  };
  return { facts, workspace: { path, unsafe: unsafeWorkspace(path, facts) } };
}

function ids(): { uid: number; gid: number } {
  return { uid: process.geteuid?.() ?? 0, gid: process.getegid?.() ?? 0 };
}

function canonicalDirectory(path: string, disk: Disk): AbsolutePath {
  const found = directory(path, disk);
  if (found !== null) return found;
  throw new SandboxedError("setup_failed", `the working directory ${path} cannot be resolved`, {
    hint: "start from a directory that exists, or name one with --cd",
  });
}

function directory(path: string | undefined, disk: Disk): AbsolutePath | null {
  const named = path === undefined ? null : normalise(path);
  const real = named === null ? null : disk.canonical(named);
  return real !== null && disk.look(real).kind === "directory" ? real : null;
}

/** Of the machine, or of the container that holds this process. */
function memory(): number {
  const limit = process.constrainedMemory();
  return limit > 0 ? Math.min(limit, totalmem()) : totalmem();
}
