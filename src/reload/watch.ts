import { lstatSync } from "node:fs";
import { dirname } from "node:path";
import type { FSWatcher } from "chokidar";
import { codeOf } from "../policy/index.ts";

/** Milliseconds. Whoever saves a file writes it more than once; whoever never stops is not waited for. */
const SETTLING = 50;
const MOST_SETTLING = 300;
/** What the system does not report is seen by looking: a folder above that is another one now, a disk over the network. */
const LOOKING = 500;

/** Calls `changed` soon after something may have happened to one of the files, and never twice at a time. */
export class FileWatch {
  readonly #changed: () => Promise<void>;
  #paths: readonly string[] = [];
  #there: readonly string[] = [];
  #seen = "";
  #watcher: FSWatcher | null = null;
  #timer: NodeJS.Timeout | null = null;
  #since: number | null = null;
  #last: Promise<void> = Promise.resolve();
  #isClosed = false;
  readonly #looking: NodeJS.Timeout;

  constructor(changed: () => Promise<void>) {
    this.#changed = changed;
    this.#looking = setInterval(() => this.#look(), LOOKING).unref();
  }

  /** From now on these are watched. They need not be there. */
  async watch(paths: readonly string[]): Promise<void> {
    if (paths.some((path) => !this.#paths.includes(path))) this.#seen = shapeOf(paths);
    this.#paths = paths;
    // What is not there has no folder either, perhaps; then it is looked for.
    const there = paths.filter(isThere);
    if (JSON.stringify(there) === JSON.stringify(this.#there)) return;
    this.#there = there;
    const { watch } = await import("chokidar");
    const before = this.#watcher;
    if (this.#isClosed) return;
    // Whoever puts a folder there does not have all that is in it watched.
    const ignored = (path: string): boolean => !there.includes(path);
    this.#watcher = watch(there, { ignoreInitial: true, followSymlinks: false, ignored });
    this.#watcher.on("all", () => this.soon());
    // Without watches left, or where there are none: looking is enough, if later.
    this.#watcher.on("error", () => this.soon());
    await before?.close();
  }

  /** As if something had happened. */
  soon(): void {
    if (this.#isClosed) return;
    const now = performance.now();
    this.#since ??= now;
    if (this.#timer !== null) {
      if (now - this.#since > MOST_SETTLING) return;
      clearTimeout(this.#timer);
    }
    this.#timer = setTimeout(() => {
      this.#timer = null;
      this.#since = null;
      this.run(this.#changed);
    }, SETTLING);
  }

  /** One act after the other, and none after the end. */
  run(act: () => Promise<void>): void {
    this.#last = this.#last.then(() => (this.#isClosed ? undefined : act()));
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    clearInterval(this.#looking);
    if (this.#timer !== null) clearTimeout(this.#timer);
    await this.#watcher?.close();
    await this.#last;
  }

  #look(): void {
    const shape = shapeOf(this.#paths);
    if (shape === this.#seen) return;
    this.#seen = shape;
    this.soon();
  }
}

/** What tells that a file may be another one, or be kept by others: its own state, and that of all folders above. */
function shapeOf(paths: readonly string[]): string {
  return paths.map((path) => levelsOf(path).map(stateOf).join(" ")).join("\n");
}

function isThere(path: string): boolean {
  return !stateOf(path, 0).startsWith("E");
}

function stateOf(path: string, index: number): string {
  try {
    const { dev, ino, mode, uid, size, mtimeMs, ctimeMs } = lstatSync(path);
    // What else happens in a folder is no concern.
    const times = index === 0 ? `${size} ${mtimeMs} ${ctimeMs}` : "";
    return `${dev} ${ino} ${mode} ${uid} ${times}`;
  } catch (error) {
    return codeOf(error) ?? "?";
  }
}

function levelsOf(path: string): readonly string[] {
  const levels = [path];
  for (let at = dirname(path); at !== levels.at(-1); at = dirname(at)) levels.push(at);
  return levels;
}
