import { isWithin, rootPath } from "../../policy/index.ts";
import type { AbsolutePath } from "../../policy/index.ts";
import { SessionError } from "../error.ts";
import { OwnDirectories } from "./own.ts";
import type { Asked } from "./read.ts";
import { openRoot } from "./root.ts";
import type { FileRoot } from "./root.ts";
import { namesBelow } from "./walk.ts";

/** The directories that a session holds: its workspaces from the start, and `/` for what else was granted. */
export class Places {
  readonly #workspaces: readonly FileRoot[];
  readonly #own: OwnDirectories;
  #system: FileRoot | null = null;
  #isClosed = false;

  /** `own`: the tool's own directories. Errors: those of `openRoot`. */
  constructor(workspaceRoots: readonly AbsolutePath[], own: readonly AbsolutePath[]) {
    const opened: FileRoot[] = [];
    this.#own = new OwnDirectories(own);
    try {
      for (const path of workspaceRoots) opened.push(openRoot(path, opened[0]?.identity, this.#own));
    } catch (error) {
      for (const root of opened) root.close();
      this.#own.close();
      throw error;
    }
    this.#workspaces = opened.toSorted((one, other) => other.path.length - one.path.length);
  }

  /** `path` is absolute and normal; `shown` is how the caller wrote it. */
  at(path: AbsolutePath, shown: string): Asked {
    const root = this.rootOf(path);
    return { root, names: namesBelow(root, path) ?? [], shown };
  }

  /** The deepest held directory that the path lies in. */
  rootOf(path: AbsolutePath): FileRoot {
    if (this.#isClosed) throw new SessionError("cancelled", "the session has ended");
    this.#own.look();
    const workspace = this.#workspaces.find((root) => isWithin(path, root.path));
    if (workspace !== undefined) return workspace;
    // Whoever the program runs as is told by its first workspace.
    this.#system ??= openRoot(rootPath, this.#workspaces.at(0)?.identity ?? null, this.#own);
    return this.#system;
  }

  close(): void {
    this.#isClosed = true;
    for (const root of this.#workspaces) root.close();
    this.#system?.close();
    this.#system = null;
    this.#own.close();
  }
}
