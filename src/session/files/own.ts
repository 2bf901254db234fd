import { closeSync, lstatSync, readdirSync } from "node:fs";
import type { BigIntStats, Dirent } from "node:fs";
import { join } from "node:path";
import { codeOf } from "../../policy/index.ts";
import type { AbsolutePath } from "../../policy/index.ts";
import { holdDirectory, look, spelled } from "./descriptor.ts";
import type { Descriptor } from "./descriptor.ts";
import { denied } from "./refusal.ts";

/** Entries that are looked at for second names of one's own files; where there are more, no second name is trusted. */
const MOST_ENTRIES = 200_000;

/** Below the tool's folders: the private homes of programs, which are theirs and may be large. */
const HOMES = "homes";

/** Times of inodes lag behind the clock by a tick of the kernel's, in milliseconds. */
const CLOCK_STEP = 50;

/**
 * The tool's own directories by what they are: a policy refuses them by their names, and another mount, a renamed parent
 * or letter case leads to them by other names. Each is held, so that no other directory gets its inode meanwhile.
 */
export class OwnDirectories {
  readonly #held = new Map<AbsolutePath, { readonly fd: Descriptor; readonly stats: BigIntStats }>();
  readonly #missing: Set<AbsolutePath>;
  /** Inodes in them that have several names, as of a time. */
  #linked: Linked = { inodes: new Set(), at: 0 };

  constructor(paths: readonly AbsolutePath[]) {
    this.#missing = new Set(paths);
    this.look();
  }

  /** Holds those that were made since. */
  look(): void {
    for (const path of this.#missing) {
      try {
        const fd = holdDirectory(path);
        this.#held.set(path, { fd, stats: look(fd) });
        this.#missing.delete(path);
      } catch (error) {
        if (codeOf(error) === null) throw error; // else it is not there, or closed to us as well
      }
    }
  }

  /** Errors: `policy_denied` for one of them. */
  refuse(stats: BigIntStats, shown: string): void {
    if (this.has(stats)) throw refusal(shown);
  }

  has({ ino, dev }: BigIntStats): boolean {
    for (const { stats } of this.#held.values()) if (stats.ino === ino && stats.dev === dev) return true;
    return false;
  }

  /** Errors: `policy_denied` for a second name of a file in one of them. */
  refuseTwin(stats: BigIntStats, shown: string): void {
    if (stats.nlink < 2n || ![...this.#held.values()].some((own) => own.stats.dev === stats.dev)) return;
    // To give a file one more name is to change its inode.
    if (Number(stats.ctimeNs / 1_000_000n) >= this.#linked.at - CLOCK_STEP) this.#linked = this.#findLinked();
    if (this.#linked.inodes?.has(keyOf(stats)) !== false) throw refusal(shown);
  }

  close(): void {
    for (const { fd } of this.#held.values()) closeSync(fd);
    this.#held.clear();
    this.#missing.clear();
  }

  #findLinked(): Linked {
    const at = Date.now();
    const inodes = new Set<string>();
    let left = MOST_ENTRIES;
    const directories = [...this.#held.values()].map(({ fd }) => spelled(fd));
    for (let directory = directories.pop(); directory !== undefined; directory = directories.pop()) {
      for (const entry of entriesOf(directory)) {
        if (--left < 0) return { inodes: null, at };
        const path = join(directory, entry.name);
        if (entry.isDirectory() && entry.name !== HOMES) directories.push(path);
        if (!entry.isFile()) continue;
        const stats = lstatSync(path, { bigint: true, throwIfNoEntry: false });
        if (stats !== undefined && stats.nlink > 1n) inodes.add(keyOf(stats));
      }
    }
    return { inodes, at };
  }
}

interface Linked {
  /** Null where they were too many to look at. */
  readonly inodes: ReadonlySet<string> | null;
  readonly at: number;
}

function entriesOf(directory: string): readonly Dirent[] {
  try {
    return readdirSync(directory, { withFileTypes: true });
  } catch (error) {
    if (codeOf(error) === null) throw error;
    return []; // gone meanwhile, or closed to us as well
  }
}

function keyOf({ dev, ino }: BigIntStats): string {
  return `${dev}:${ino}`;
}

function refusal(shown: string): Error {
  return denied(
    shown,
    "belongs to the tool itself, whatever name leads to it",
    null,
    "no grant opens the tool's state",
  );
}
