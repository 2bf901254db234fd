import { chownSync, closeSync, constants, lstatSync, mkdirSync, openSync, writeSync } from "node:fs";
import { codeOf, SandboxedError } from "../../../policy/index.ts";
import type { AbsolutePath } from "../../../policy/index.ts";
import type { LaunchPlan, PrivateHome } from "../../plan.ts";
import { carriedSettings } from "../carried-settings/index.ts";

/**
 * Makes the private home and its mount points, or checks those of an earlier run: the program of that run could write
 * here, so nothing is followed that it may have left.
 * Errors: `workspace_unsafe` when a mount point or a folder above it is not what it was made as.
 */
export function preparePrivateHome(plan: LaunchPlan, home: AbsolutePath): void {
  const { privateHome, ids } = plan;
  if (privateHome === null) return;
  const made = mkdirSync(privateHome.folder, { recursive: true, mode: 0o700 });
  if (made !== undefined) {
    if (plan.fullIdRange) chownSync(privateHome.folder, ids.uid, ids.gid);
    for (const [name, text] of carriedSettings(home)) makeFile(`${privateHome.folder}/${name}`, text, ids);
  }
  requireFolder(privateHome.folder);
  for (const point of privateHome.points) makePoint(privateHome, point, home, ids);
}

type Ids = LaunchPlan["ids"];

function makePoint(privateHome: PrivateHome, point: PrivateHome["points"][number], home: AbsolutePath, ids: Ids): void {
  const names = point.path.slice(home.length + 1).split("/");
  let at: string = privateHome.folder;
  for (const [index, name] of names.entries()) {
    at = `${at}/${name}`;
    const last = index === names.length - 1;
    if (last && point.kind === "file") makeFile(at, "", ids);
    else makeFolder(at, ids);
  }
}

function makeFolder(path: string, ids: Ids): void {
  // Nearly always it is there, and an exception costs ten times a look.
  if (lstatSync(path, { throwIfNoEntry: false }) !== undefined) return requireFolder(path);
  try {
    mkdirSync(path, { mode: 0o700 });
    chownSync(path, ids.uid, ids.gid);
  } catch (error) {
    if (!isExisting(error)) throw error;
    requireFolder(path);
  }
}

function makeFile(path: string, text: string, ids: Ids): void {
  if (lstatSync(path, { throwIfNoEntry: false }) !== undefined) return requireFile(path);
  const { O_WRONLY, O_CREAT, O_EXCL, O_NOFOLLOW } = constants;
  try {
    const fd = openSync(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600);
    writeSync(fd, text);
    closeSync(fd);
    chownSync(path, ids.uid, ids.gid);
  } catch (error) {
    if (!isExisting(error)) throw error;
    requireFile(path);
  }
}

function requireFile(path: string): void {
  if (!lstatSync(path).isFile()) throw changed(path, "file");
}

function requireFolder(path: string): void {
  if (!lstatSync(path).isDirectory()) throw changed(path, "directory");
}

function changed(path: string, kind: string): SandboxedError {
  return new SandboxedError("workspace_unsafe", `${path} in the private home is not the ${kind} it was made as`, {
    hint: "an earlier run replaced it; remove the private home and start again",
  });
}

function isExisting(error: unknown): boolean {
  return codeOf(error) === "EEXIST";
}
