/** What Node.js itself loads of the native programs. */
import type { BackgroundSync } from "../../../policy/index.ts";

/** `native/linux/starter`, as it is loaded. */
export interface Starter {
  /**
   * `descriptors` become the program's 0, 1, 2 and so on; `heard` is called with what a channel says, by its number,
   * with null at its end, and with -1 and null when the process has ended. Returns a handle, then the other ends of
   * pipes, by place. Errors: what the system says.
   */
  start(
    program: string,
    descriptors: readonly number[],
    heard: (number: number, chunk: Buffer | null) => void,
  ): readonly [StartedHandle, ...number[]];
  say(handle: StartedHandle, number: number, line: string): void;
  hangUp(handle: StartedHandle): void;
  /** A descriptor of a file in memory that holds these bytes. Errors: what the system says. */
  memory(bytes: Uint8Array): number;
  /** Begins to bring files to the disk; they may be closed then. Errors: what the system says. */
  beginSync(files: readonly number[]): SyncHandle;
  /** Waits until they are there. Errors: what the system says. */
  endSync(handle: SyncHandle): void;
  /**
   * Of `questions` (a letter and a path, then what was said, each with a zero after it) the places of those that are not
   * surely answered the same today: `surely_says` has the letters.
   */
  unsure(questions: string): readonly number[];
}

declare const started: unique symbol;
/** Means something to the starter alone. */
export interface StartedHandle {
  readonly [started]: true;
}

declare const synced: unique symbol;
/** Likewise. */
interface SyncHandle {
  readonly [synced]: true;
}

let loaded: { readonly path: string; readonly starter: Starter | null } | null = null;

/** Null where this Node does not take it: built for another system, or native code is switched off. */
export function loadStarter(path: string): Starter | null {
  if (loaded?.path !== path) loaded = { path, starter: load(path) };
  return loaded.starter;
}

/** The one that a launch has loaded. */
export function starterAtHand(): Starter | null {
  return loaded?.starter ?? null;
}

/** As `unsure` takes it. */
export function asQuestion(letter: string, path: string, said = ""): string {
  return `${letter}${path}\0${said}\0`;
}

/** Not without a starter. */
export function isSurely(asked: string): boolean {
  return starterAtHand()?.unsure(asked).length === 0;
}

/** By that one; null also where there is no thread or descriptor left for it. */
export const syncInBackground: BackgroundSync = (files) => {
  const starter = starterAtHand();
  const handle = starter === null ? null : attemptToBegin(starter, files);
  return handle === null ? null : () => starter?.endSync(handle);
};

function attemptToBegin(starter: Starter, files: readonly number[]): SyncHandle | null {
  try {
    return starter.beginSync(files);
  } catch {
    return null;
  }
}

function load(path: string): Starter | null {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- filled by what is loaded
  const module = { exports: {} } as { exports: Starter };
  try {
    process.dlopen(module, path);
    return module.exports;
  } catch {
    return null;
  }
}
