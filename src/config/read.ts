import {
  closeSync,
  constants,
  existsSync,
  fstatSync,
  lstatSync,
  openSync,
  readdirSync,
  readlinkSync,
  readSync,
  realpathSync,
  statSync,
} from "node:fs";
import type { Stats } from "node:fs";
import { dirname, resolve } from "node:path";
import { codeOf, escapeText, SandboxedError } from "../policy/index.ts";

const largestFile = 1024 * 1024;

/**
 * Who may have written a file for it to count. `trusted`: it grants, so its owner is the user or root and nobody else
 * can write it. `anyone`: it only narrows, so whoever works on the project may own it, and it is no symlink, so that
 * a project cannot have another file of the user's read and quoted in messages. `administrator`: it binds the user, so it
 * is root's alone, and so is every directory that leads to it; no symlink. `given`: as `trusted`, and no symlink.
 * `names`: it is a folder, whose names are told, a line each: `f NAME` for a file, `d NAME` for a folder, `o NAME` for
 * anything else, in order.
 */
export type Trust = "trusted" | "anyone" | "administrator" | "given" | "names";

/** The text of a configuration file, read once through one descriptor; null when there is no such file. */
export function readConfigFile(path: string, trust: Trust): string | null {
  const shown = escapeText(path);
  if (trust === "names") return namesIn(path, shown);
  if (trust === "administrator") checkFolders(path);
  if (isMissing(path, trust)) return null;
  let descriptor: number;
  try {
    // O_NONBLOCK: a FIFO somebody put there must not hang the start.
    const noFollow = trust === "trusted" ? 0 : constants.O_NOFOLLOW;
    descriptor = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK | noFollow);
  } catch (error) {
    const code = errorCode(error);
    if (code === "ENOENT" || (code === "ENOTDIR" && trust !== "administrator")) return null;
    if (code === "ENOTDIR") {
      // `cp requirements.toml /etc/sandboxed` makes a file of what was to be a folder: then nothing would hold.
      const folder = escapeText(dirname(path));
      throw new SandboxedError("config_permissions", `${folder} is not a folder`, {
        hint: `make it one, with ${shown} in it, or remove it`,
        cause: error,
      });
    }
    if (code === "ELOOP") {
      throw new SandboxedError("config_permissions", `${shown} is a symbolic link`, {
        hint: "put a regular file there, or remove it",
        cause: error,
      });
    }
    throw new SandboxedError("config_permissions", `${shown} cannot be read (${code})`, {
      hint: "make it readable for you, or remove it; configuration that cannot be read is never skipped",
      cause: error,
    });
  }
  try {
    const stats = fstatSync(descriptor);
    check(shown, stats, trust);
    return decode(shown, readAll(shown, descriptor, stats));
  } finally {
    closeSync(descriptor);
  }
}

/** Most such files are not there, and an error of the system's takes longer to make than to look. */
function isMissing(path: string, trust: Trust): boolean {
  const look = trust === "trusted" ? statSync : lstatSync;
  try {
    return look(path, { throwIfNoEntry: false }) === undefined;
  } catch {
    return false; // whoever opens it learns why it cannot be looked at
  }
}

function namesIn(path: string, shown: string): string | null {
  try {
    const stats = lstatSync(path, { throwIfNoEntry: false });
    if (stats === undefined) return null;
    if (!stats.isDirectory()) {
      throw new SandboxedError("config_permissions", `${shown} is not a folder`, {
        hint: "put a folder there, or remove it",
      });
    }
    const entries = readdirSync(path, { withFileTypes: true });
    const lines = entries.map((entry) => `${entry.isFile() ? "f" : entry.isDirectory() ? "d" : "o"} ${entry.name}`);
    const odd = lines.find((line) => line.includes("\n") || line.includes("\uFFFD"));
    if (odd === undefined) return lines.toSorted().join("\n");
    throw new SandboxedError("config_permissions", `${shown}: ${escapeText(odd.slice(2))} is no plain name`, {
      hint: "rename it",
    });
  } catch (error) {
    if (error instanceof SandboxedError) throw error;
    const code = errorCode(error);
    if (code === "ENOENT" || code === "ENOTDIR") return null;
    throw new SandboxedError("config_permissions", `${shown} cannot be read (${code})`, {
      hint: "make it readable for you, or remove it",
      cause: error,
    });
  }
}

function check(shown: string, stats: Stats, trust: Trust): void {
  if (!stats.isFile()) {
    throw new SandboxedError("config_permissions", `${shown} is not a regular file`, { hint: "name a TOML file" });
  }
  if (trust === "anyone") return;
  if (trust === "administrator" && stats.uid !== 0) {
    throw new SandboxedError("config_permissions", `${shown} belongs to user ${stats.uid}, not to root`, {
      hint: `chown root ${shown}, after a look at what is in it`,
    });
  }
  const user = process.geteuid?.() ?? stats.uid;
  if (stats.uid !== user && stats.uid !== 0) {
    throw new SandboxedError(
      "config_permissions",
      `${shown} belongs to user ${stats.uid}, neither to you nor to root`,
      {
        hint: `chown ${user} ${shown}, or use a copy of your own`,
      },
    );
  }
  if ((stats.mode & 0o022) !== 0) {
    throw new SandboxedError("config_permissions", `${shown} can be written by others (mode ${octal(stats.mode)})`, {
      hint: `chmod go-w ${shown}`,
    });
  }
}

/** As many as the kernel follows. */
const MOST_LINKS = 40;

/**
 * Whoever can write a directory can put another file in its place, or take it away. A directory that is not there is
 * no concern: then its parent was checked, and nothing is in it. Where a directory is a link, those that it leads to
 * and by count as well.
 */
function checkFolders(path: string, links = 0): void {
  for (let folder = dirname(path); ; folder = dirname(folder)) {
    const stats = lstatSync(folder, { throwIfNoEntry: false });
    const isRoots = stats === undefined || stats.uid === 0;
    const isLink = stats?.isSymbolicLink() === true;
    const isShared = stats !== undefined && !isLink && (stats.mode & 0o022) !== 0;
    const isSticky = stats !== undefined && (stats.mode & 0o1000) !== 0;
    if (!isRoots || (isShared && !isSticky) || links > MOST_LINKS) {
      const shown = escapeText(folder);
      throw new SandboxedError("config_permissions", `${shown} can be changed by others than root`, {
        hint: `chown root ${shown} and chmod go-w ${shown}: what binds users must not be theirs to replace`,
      });
    }
    if (isLink && !existsSync(folder)) {
      const shown = escapeText(folder);
      throw new SandboxedError("config_permissions", `${shown} leads nowhere`, { hint: `mend ${shown}, or remove it` });
    }
    if (isLink) checkFolders(resolve(realpathSync(dirname(folder)), readlinkSync(folder), "x"), links + 1);
    if (folder === dirname(folder)) return;
  }
}

function readAll(shown: string, descriptor: number, stats: Stats): Buffer {
  if (stats.size > largestFile) throw tooLarge(shown);
  // One byte more than the file had: growth while reading is noticed instead of cut off.
  const buffer = Buffer.alloc(stats.size + 1);
  let length = 0;
  while (length < buffer.length) {
    const read = readSync(descriptor, buffer, length, buffer.length - length, null);
    if (read === 0) break;
    length += read;
  }
  if (length > stats.size) {
    throw new SandboxedError("config_parse", `${shown} grew while it was read`, { hint: "run the command again" });
  }
  return buffer.subarray(0, length);
}

function decode(shown: string, bytes: Buffer): string {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (error) {
    throw new SandboxedError("config_parse", `${shown} is not valid UTF-8`, { hint: "save it as UTF-8", cause: error });
  }
}

function tooLarge(shown: string): SandboxedError {
  return new SandboxedError("config_parse", `${shown} is larger than 1 MiB`, {
    hint: "a configuration is a few lines",
  });
}

function octal(mode: number): string {
  return (mode & 0o777).toString(8).padStart(3, "0");
}

function errorCode(error: unknown): string {
  return codeOf(error) ?? "unknown error";
}
