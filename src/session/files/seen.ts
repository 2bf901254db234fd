import type { AbsolutePath } from "../../policy/index.ts";
import type { ReadFile } from "./read.ts";
import { changed } from "./change/target.ts";

/** Beyond so many files the ones read first are forgotten. */
const MOST_SEEN = 20_000;

interface Sight {
  readonly sha256: string | null;
  readonly version: string;
}

/** What one holder was told of files: what it changes must still be so. */
export class Seen {
  readonly #files = new Map<AbsolutePath, Sight>();

  note({ path, sha256, version }: Pick<ReadFile, "path" | "sha256" | "version">): void {
    this.#files.delete(path);
    this.#files.set(path, { sha256, version });
    if (this.#files.size > MOST_SEEN) for (const oldest of [...this.#files.keys()].slice(0, 1)) this.forget(oldest);
  }

  forget(path: AbsolutePath): void {
    this.#files.delete(path);
  }

  /** Errors: `conflict` where the file is not the one that was read. What was never read may be changed. */
  requireSame({ path, sha256, version }: Pick<ReadFile, "path" | "sha256" | "version">, shown: string): void {
    const sight = this.#files.get(path);
    if (sight === undefined) return;
    const isSame = sight.sha256 === null || sha256 === null ? sight.version === version : sight.sha256 === sha256;
    if (!isSame) throw changed(shown);
  }
}
