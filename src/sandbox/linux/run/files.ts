import {
  chmodSync,
  closeSync,
  constants,
  existsSync,
  lstatSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { hostname } from "node:os";
import { dirname, join } from "node:path";
import { absolutePath, codeOf, SandboxedError } from "../../../policy/index.ts";
import type { AbsolutePath } from "../../../policy/index.ts";
import type { HostFacts } from "../../facts.ts";
import { usualFolders } from "../../folders.ts";
import type { ToolFolders } from "../../folders.ts";
import type { LaunchPlan } from "../../plan.ts";
import { doorFiles } from "../door/files.ts";
import type { LaunchFiles } from "../launch/index.ts";
import { seccompFileName } from "../seccomp/file-name.ts";
import type { SeccompVariant } from "../seccomp/index.ts";
import type { Launchable } from "./launchable.ts";

/**
 * The tool's own folders: none of them may be a program's to make and to fill, so that a launch makes even the one for
 * configuration where a program could. Those that the account has when no variable moves them count as well, unless
 * nobody could make them: the next run may be started without the variable.
 */
export function ownFolders(
  folders: ToolFolders,
  { account, canonical, look }: HostFacts,
  isMakeable: (path: AbsolutePath) => boolean,
): readonly AbsolutePath[] {
  const named = ({ state, cache, config }: ToolFolders): readonly AbsolutePath[] =>
    [state, cache, config].map((folder) => canonical(folder) ?? folder);
  const usual = [account.home, ...(account.otherHomes ?? [])].flatMap((home) => named(usualFolders(home)));
  const counting = usual.filter((folder) => look(folder).kind !== "missing" || isMakeable(folder));
  return [...new Set([...named(folders), ...counting])];
}

/** Errors: `setup_failed` when one of the tool's own folders cannot be made. */
export function makeFolders(folders: ToolFolders, { made }: LaunchPlan): void {
  for (const folder of [folders.state, folders.cache, `${folders.cache}/homes`, ...made]) {
    try {
      // Node tries for ever to make folders in a file system of the kernel's.
      if (/^\/(proc|sys)(\/|$)/.test(folder)) throw new Error("it lies in a file system of the kernel");
      mkdirSync(folder, { recursive: true, mode: 0o700 });
    } catch (cause) {
      const why = cause instanceof Error ? cause.message : String(cause);
      throw new SandboxedError("setup_failed", `cannot make the tool's own folder ${folder}: ${why}`, {
        hint: "make it writable, move it with XDG_STATE_HOME and XDG_CACHE_HOME, or keep nothing with --ephemeral",
        cause,
      });
    }
  }
}

/** Holds the files that a program with a door finds in /etc. */
export function doorFolder({ cache }: ToolFolders): AbsolutePath {
  return absolutePath(`${cache}/door`);
}

/** Writes them anew unless they are what they should be. Errors: `setup_failed`. */
export function makeDoorFiles(folders: ToolFolders): void {
  const folder = doorFolder(folders);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  for (const [name, text] of Object.entries(doorFiles(hostname()))) {
    const path = join(folder, name);
    try {
      if (readFileSync(path, "utf8") === text) continue;
    } catch {
      // it was never made
    }
    const draft = `${path}.${process.pid}`;
    writeFileSync(draft, text, { flag: "wx" });
    // Whatever the umask: the program may be another user.
    chmodSync(draft, 0o644);
    renameSync(draft, path);
  }
}

/** The certificates a program is to trust. Gone with the run; a crash leaves public certificates in the tool's cache. */
export function makeTrust(path: AbsolutePath, pem: string): void {
  writeFileSync(path, pem, { flag: "wx" });
  chmodSync(path, 0o644);
}

export function removeTrust(path: AbsolutePath): void {
  rmSync(path, { force: true });
}

/** Errors: `setup_failed` when the native programs were not built. */
export function launchFiles({ folders, kernel, plan }: Launchable): LaunchFiles {
  const built = builtFolder();
  const { bwrap, arch } = kernel;
  return {
    guard: join(built, "native/sandbox-guard"),
    init: join(built, "native/sandbox-init"),
    seccomp: join(built, "seccomp", seccompFileName(arch, seccompVariant(plan, kernel))),
    starter: isNode() ? join(built, "native/sandbox-starter.node") : null,
    bwrap: "path" in bwrap ? bwrap.path : "",
    scratch: folders.cache,
    emptyFile: emptyFile(folders.cache),
    aftermath: isNode() ? [process.execPath, join(built, "bin/aftermath.cjs")] : null,
  };
}

/** Other runtimes, and programs with Node.js built in, do not take a file to run as their argument. */
function isNode(): boolean {
  const { versions, release } = process;
  return release.name === "node" && versions["electron"] === undefined && versions["bun"] === undefined;
}

/** Landlock keeps abstract sockets in from its sixth ABI on; before, a shared network takes all Unix sockets away. */
const SCOPED_SOCKETS_ABI = 6;

function seccompVariant(plan: LaunchPlan, kernel: Launchable["kernel"]): SeccompVariant {
  const shared = plan.network === "full";
  if (plan.backend === "landlock") return shared ? "landlock-network" : "landlock";
  if (!shared) return "namespaced";
  return kernel.landlockAbi >= SCOPED_SOCKETS_ABI ? "shared-network" : "landlock-network";
}

/** `dist/`, whether this code runs from there, from a bundle in `dist/bin`, or from the sources. */
export function builtFolder(): string {
  let at = import.meta.dirname;
  for (; at !== dirname(at); at = dirname(at)) {
    for (const candidate of [at, join(at, "dist")]) {
      if (existsSync(join(candidate, "native/sandbox-guard"))) return candidate;
    }
  }
  throw new SandboxedError("setup_failed", "the native programs are missing beside the tool", {
    hint: "npm run build makes them; it needs a C compiler",
  });
}

/** An empty file that nobody may open, to be bound over what is denied. */
function emptyFile(cache: string): string {
  const path = join(cache, "denied");
  // An exception costs ten times a look.
  if (lstatSync(path, { throwIfNoEntry: false }) !== undefined) return path;
  try {
    closeSync(openSync(path, constants.O_CREAT | constants.O_EXCL | constants.O_WRONLY | constants.O_NOFOLLOW, 0o000));
  } catch (error) {
    if (codeOf(error) !== "EEXIST") throw error;
  }
  return path;
}
