import { execFileSync } from "node:child_process";
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { absolutePath } from "../../../src/policy/index.ts";
import type { AbsolutePath, ProtectPolicy } from "../../../src/policy/index.ts";
import { protect, scanRoots, startWatch } from "../../../src/sandbox/protection/index.ts";
import type { Finding, Survey, Watch } from "../../../src/sandbox/protection/index.ts";

/** A temporary place with a workspace, a state folder and things outside both. */
export interface Stage {
  readonly base: AbsolutePath;
  readonly ws: AbsolutePath;
  readonly state: AbsolutePath;
  readonly outside: AbsolutePath;
  path(relative: string): AbsolutePath;
  write(relative: string, text?: string): AbsolutePath;
  git(directory: string, ...words: string[]): string;
  /** A repository with one commit, at a path relative to the workspace. */
  repository(relative?: string): AbsolutePath;
  close(): void;
}

export const metadata: ProtectPolicy = {
  git: "metadata",
  off: new Set(),
  missing: "watch",
  provenance: { layer: "builtin", file: null, line: null, column: null, owner: "a test" },
};

/** `folder` is where the stage is built; many files are made faster in memory. */
export function openStage(folder: string = tmpdir()): Stage {
  const base = absolutePath(realpathSync(mkdtempSync(join(folder, "protection-"))));
  const ws = absolutePath(`${base}/ws`);
  const outside = absolutePath(`${base}/outside`);
  for (const each of [ws, outside]) mkdirSync(each);
  const path = (relative: string): AbsolutePath => (relative === "" ? ws : absolutePath(`${ws}/${relative}`));
  const stage: Stage = {
    base,
    ws,
    outside,
    state: absolutePath(`${base}/state`),
    path,
    write: (relative, text = "x\n") => {
      mkdirSync(dirname(path(relative)), { recursive: true });
      writeFileSync(path(relative), text);
      return path(relative);
    },
    git,
    repository: (relative = "") => {
      mkdirSync(path(relative), { recursive: true });
      git(path(relative), "init", "-q");
      git(path(relative), "commit", "-q", "--allow-empty", "-m", "first");
      return path(relative);
    },
    close: () => {
      openTree(base);
      rmSync(base, { recursive: true, force: true });
    },
  };
  return stage;
}

export function git(directory: string, ...words: string[]): string {
  return execFileSync(
    "git",
    ["-c", "protocol.file.allow=always", "-c", "user.name=A", "-c", "user.email=a@example.com", ...words],
    {
      cwd: directory,
      encoding: "utf8",
      stdio: ["ignore", "pipe", "pipe"],
      env: {
        PATH: process.env["PATH"],
        GIT_CONFIG_GLOBAL: "/dev/null",
        GIT_CONFIG_SYSTEM: "/dev/null",
        HOME: "/nonexistent",
      },
    },
  );
}

export function surveyOf(roots: readonly AbsolutePath[], policy: Partial<ProtectPolicy> = {}): Survey {
  const scan = scanRoots(roots);
  return { roots, scan, protection: protect(roots, scan, { ...metadata, ...policy }) };
}

let sessions = 0;

/** The watch of one run; what it repaired while running is in `live`. */
export function watchOf(stage: Stage, survey: Survey): Watch & { readonly live: Finding[]; readonly folder: string } {
  const live: Finding[] = [];
  const folder = `${stage.state}/quarantine/s${++sessions}`;
  const watch = startWatch({ survey, folder, onRepair: (finding) => live.push(finding) });
  watch.begin();
  return Object.assign(watch, { live, folder });
}

/** Every entry below a directory with its type, mode and bytes. */
export function treeOf(directory: string): ReadonlyMap<string, string> {
  const tree = new Map<string, string>();
  const visit = (at: string): void => {
    for (const name of readdirSync(at).toSorted()) {
      const path = `${at}/${name}`;
      const stats = lstatSync(path);
      const mode = stats.mode.toString(8);
      if (stats.isSymbolicLink()) tree.set(path, `link ${readlinkSync(path)}`);
      else if (stats.isDirectory()) {
        tree.set(path, mode);
        visit(path);
      } else tree.set(path, `${mode} ${stats.isFile() ? readFileSync(path, "latin1") : "special"}`);
    }
  };
  visit(directory);
  return tree;
}

export async function until(condition: () => boolean, what: string): Promise<void> {
  for (let waited = 0; !condition(); waited += 5) {
    if (waited > 5000) throw new Error(`waited in vain for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

function openTree(directory: string): void {
  if (!existsSync(directory) || !lstatSync(directory).isDirectory()) return;
  chmodSync(directory, 0o755);
  for (const entry of readdirSync(directory, { withFileTypes: true })) {
    if (entry.isDirectory()) openTree(join(directory, entry.name));
  }
}
