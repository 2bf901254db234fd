import {
  closeSync,
  constants,
  fchmodSync,
  fchownSync,
  mkdirSync,
  openSync,
  renameSync,
  unlinkSync,
  writeFileSync,
} from "node:fs";
import { codeOf, isWithin, parentPath } from "../../policy/index.ts";
import type { AbsolutePath } from "../../policy/index.ts";
import type { PathKind } from "../facts.ts";
import type { Repair } from "../outcome.ts";
import { childPath, kindOf, lookAt, readSmall } from "./disk.ts";
import { openUp, withParent } from "./held.ts";
import { copyEntry, removeEntry } from "./transfer.ts";

/** A repair with what a person needs to judge and undo it. */
export interface Finding extends Repair {
  /** What stood at the path. */
  readonly found: PathKind;
  readonly why: string;
  /** The command that puts back what was found; null when nothing was kept. */
  readonly restore: readonly string[] | null;
}

/** What became of a path that was to be moved aside. */
export type Taken =
  | { readonly state: "kept"; readonly kept: AbsolutePath; readonly kind: PathKind }
  /** Not there: never was, or somebody else took it. */
  | { readonly state: "gone" }
  | { readonly state: "failed"; readonly kind: PathKind; readonly code: string };

/**
 * Keeps what was moved out of the workspace, under `<state>/quarantine/<session>`. The folder is made when first
 * needed. Everything in it came from a sandbox: look, do not run.
 */
export class Quarantine {
  readonly folder: AbsolutePath;
  #made = false;
  #next = 1;

  constructor(folder: AbsolutePath) {
    this.folder = folder;
  }

  /** Moves a path under `root` aside, as it is, following nothing. Never throws for what a run can cause. */
  take(path: AbsolutePath, root: AbsolutePath): Taken {
    if (path === root || !isWithin(path, root)) return { state: "gone" };
    return withParent(path, root, (place) => this.#move(place, path)) ?? { state: "gone" };
  }

  /**
   * Replaces a small file's text and keeps the file as it was. Null when it is not the file that was read any more.
   */
  rewrite(
    path: AbsolutePath,
    root: AbsolutePath,
    change: (text: string) => string | null,
    limit: number,
  ): Taken | null {
    return withParent(path, root, (place) => {
      const stats = lookAt(place);
      const text = readSmall(place, limit);
      const changed = text === null || stats === null ? null : change(text);
      if (text === null || stats === null || changed === null || changed === text) return null;
      try {
        const kept = this.#slot(path);
        writeFileSync(kept, text, { encoding: "latin1", flag: "wx", mode: 0o600 });
        writeBeside(place, changed, stats);
        return { state: "kept", kept, kind: "file" };
      } catch (error) {
        return { state: "failed", kind: "file", code: codeOf(error) ?? "unknown" };
      }
    });
  }

  #move(place: string, path: AbsolutePath): Taken {
    const kind = kindOf(lookAt(place));
    if (kind === "missing") return { state: "gone" };
    try {
      return { state: "kept", kept: this.#rename(place, path), kind };
    } catch (error) {
      const code = codeOf(error) ?? "unknown";
      if (code === "ENOENT") return { state: "gone" };
      try {
        return { state: "kept", kept: this.#beside(place, path), kind };
      } catch {
        return { state: "failed", kind, code };
      }
    }
  }

  #rename(place: string, path: AbsolutePath): AbsolutePath {
    const kept = this.#slot(path);
    for (let attempt = 0; ; attempt++) {
      try {
        renameSync(place, kept);
        return kept;
      } catch (error) {
        const code = codeOf(error);
        if (code === "EXDEV") return this.#carry(place, path, kept);
        if ((code !== "EACCES" && code !== "EPERM") || attempt > 0) throw error;
        // Moving a directory writes its `..`, and taking a name out writes its parent: a run may have closed both.
        openUp(place);
        openUp(place.slice(0, place.lastIndexOf("/") + 1) + ".");
      }
    }
  }

  /** Across file systems. What is too large to carry, or finds no room, is left to its place. */
  #carry(place: string, path: AbsolutePath, kept: AbsolutePath): AbsolutePath {
    try {
      copyEntry(place, kept, { entries: 10_000, bytes: 256 * 1024 * 1024 });
    } catch {
      const beside = this.#beside(place, path);
      removeEntry(kept);
      return beside;
    }
    removeEntry(place);
    return kept;
  }

  /** What cannot be kept elsewhere stays where it is, under a name that nothing obeys. */
  #beside(place: string, path: AbsolutePath): AbsolutePath {
    const session = this.folder.slice(this.folder.lastIndexOf("/") + 1);
    const suffix = `.quarantined-${session}-${this.#next++}`;
    renameSync(place, place + suffix);
    return childPath(parentPath(path), `${path.slice(path.lastIndexOf("/") + 1)}${suffix}`);
  }

  /** A free name in the folder: the last component, harmless to a terminal. */
  #slot(path: AbsolutePath): AbsolutePath {
    if (!this.#made) mkdirSync(this.folder, { recursive: true, mode: 0o700 });
    this.#made = true;
    const name = path
      .slice(path.lastIndexOf("/") + 1)
      .replace(/[^\w.+@ -]/g, "_")
      .slice(0, 100);
    for (;;) {
      const kept = childPath(this.folder, `w${this.#next++}-${name}`);
      if (lookAt(kept) === null) return kept;
    }
  }
}

/** The finding for something taken; null when nothing was there. */
export function finding(
  path: AbsolutePath,
  taken: Taken,
  why: string,
  action: Repair["action"] = "quarantined",
): Finding | null {
  if (taken.state === "gone") return null;
  if (taken.state === "failed") {
    return {
      path,
      action,
      kept: null,
      found: taken.kind,
      why: `${why}; it could not be moved aside (${taken.code})`,
      restore: null,
    };
  }
  return { path, action, kept: taken.kept, found: taken.kind, why, restore: ["mv", "--", taken.kept, path] };
}

/** Puts a new file in the place of an old one in one step, with its owner and mode. */
export function writeBeside(place: string, text: string, like: { uid: number; gid: number; mode: number }): void {
  const beside = `${place}.${Math.random().toString(36).slice(2)}`;
  const fd = openSync(beside, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW, 0o600);
  try {
    writeFileSync(fd, text, "latin1");
    if (process.getuid?.() === 0) fchownSync(fd, like.uid, like.gid);
    fchmodSync(fd, like.mode & 0o777);
    renameSync(beside, place);
  } catch (error) {
    unlinkSync(beside);
    throw error;
  } finally {
    closeSync(fd);
  }
}
