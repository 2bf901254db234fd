import {
  closeSync,
  constants,
  fsyncSync,
  linkSync,
  lstatSync,
  openSync,
  renameSync,
  rmdirSync,
  unlinkSync,
} from "node:fs";
import type { BigIntStats } from "node:fs";
import { codeOf } from "../../../policy/index.ts";
import type { Authority } from "../authority.ts";
import { hold, look, named, spelled } from "../descriptor.ts";
import type { Descriptor } from "../descriptor.ts";
import { conflict, translated } from "../refusal.ts";
import { isSame } from "../root.ts";
import type { Found } from "../walk.ts";
import type { FileChange, Permissions } from "./model.ts";
import { keepBy, passingName, stage } from "./stage.ts";
import { changed, openTarget, requireStill, requireUnchanged } from "./target.ts";

/**
 * Makes all changes or none. Everything is checked from held directories and written beside its place first; then
 * names change hands, each in one step, so that whoever looks meanwhile, or after a crash, finds of every file the
 * old or the new one. Errors: `conflict` where a file is not what it was when the change was planned; those of the walk and
 * the policy.
 */
export function applyChanges(authority: Authority, changes: readonly FileChange[]): void {
  const doing = new Doing(authority);
  let shown = "";
  try {
    for (const change of changes) {
      shown = change.asked.shown;
      doing.prepare(change);
    }
    for (const step of doing.steps.toSorted((one, other) => rank(one) - rank(other))) {
      shown = step.change.asked.shown;
      doing.commit(step);
    }
    doing.settle();
  } catch (error) {
    doing.undo();
    throw translated(error, shown);
  } finally {
    doing.close();
  }
}

interface Step {
  readonly change: FileChange;
  readonly found: Found;
  /** Of the file that is there, after a second name was given to it. */
  readonly old: BigIntStats | null;
  /** Names beside the target: of the new bytes, and of the old file. */
  readonly staged: string | null;
  readonly kept: string | null;
}

/** What adds comes first, what removes last: a crash leaves too much rather than too little. */
function rank({ change }: Step): number {
  return change.before === null ? 0 : change.after === null ? 2 : 1;
}

class Doing {
  readonly steps: Step[] = [];
  readonly #authority: Authority;
  readonly #made: { readonly directory: Descriptor; readonly name: string }[] = [];
  readonly #found: Found[] = [];
  /** Takes back what was done, last first. */
  readonly #back: (() => void)[] = [];
  /** Names that are of no use once all is done or undone. */
  readonly #passing: { readonly directory: Descriptor; readonly name: string }[] = [];

  constructor(authority: Authority) {
    this.#authority = authority;
  }

  prepare(change: FileChange): void {
    const found = openTarget(this.#authority, change, ({ directory, name }) => {
      // The walk that made it closes its own.
      const held = openSync(spelled(directory), constants.O_RDONLY | constants.O_DIRECTORY);
      this.#made.push({ directory: held, name });
    });
    this.#found.push(found);
    const { directory, name, entry } = found;
    const { shown, root } = change.asked;
    const kept = entry === null ? null : keepBy(directory, name, entry.fd, shown);
    if (kept !== null) this.#passing.push({ directory, name: kept });
    const old = requireUnchanged(change, found);
    const { identity } = root;
    const put = (bytes: Buffer, permissions: Permissions): string => {
      const beside = stage(directory, bytes, { old, permissions, identity });
      this.#passing.push({ directory, name: beside });
      return beside;
    };
    const spare = kept === null && change.before !== null ? put(change.before.bytes, "usual") : null;
    const staged = change.after === null ? null : put(change.after.bytes, change.permissions);
    this.steps.push({ change, found, old, staged, kept: kept ?? spare });
  }

  commit(step: Step): void {
    if (step.old !== null) requireStill(step.change, step.found, step.old);
    if (step.old === null) this.#add(step);
    else if (step.staged === null) this.#remove(step, step.old);
    else this.#replace(step);
  }

  #add({ change, found: { directory, name }, staged }: Step): void {
    const [from, to] = [named(directory, staged ?? ""), named(directory, name)];
    const own = lstatSync(from, { bigint: true });
    try {
      // Unlike a rename it takes nobody's place.
      linkSync(from, to);
    } catch (error) {
      const code = codeOf(error);
      if (code !== "EPERM" && code !== "EOPNOTSUPP" && code !== "ENOSYS") throw error;
      if (lstatSync(to, { throwIfNoEntry: false }) !== undefined) throw conflict(change.asked.shown, "exists by now");
      renameSync(from, to);
    }
    this.#back.push(() => {
      const now = lstatSync(to, { bigint: true, throwIfNoEntry: false });
      if (now !== undefined && isSame(now, own)) unlinkSync(to);
    });
  }

  #replace({ found: { directory, name }, staged, kept }: Step): void {
    const to = named(directory, name);
    renameSync(named(directory, staged ?? ""), to);
    this.#back.push(() => {
      if (kept !== null) renameSync(named(directory, kept), to);
    });
  }

  /** Takes the name away first and looks at what came with it: nobody's newer file is lost. */
  #remove({ change, found: { directory, name } }: Step, old: BigIntStats): void {
    const aside = passingName();
    renameSync(named(directory, name), named(directory, aside));
    this.#passing.push({ directory, name: aside });
    const back = (): void => linkSync(named(directory, aside), named(directory, name));
    this.#back.push(back);
    const fd = hold(directory, aside);
    const isIt = isSame(look(fd), old);
    closeSync(fd);
    if (!isIt) throw changed(change.asked.shown);
  }

  /** What was renamed is on the disk; where that cannot be had, the change has happened all the same. */
  settle(): void {
    this.#back.length = 0;
    this.#made.splice(0).forEach(({ directory }) => closeSync(directory));
    this.#sweep();
    for (const { directory } of this.#found) {
      try {
        const fd = openSync(spelled(directory), constants.O_RDONLY | constants.O_DIRECTORY);
        try {
          fsyncSync(fd);
        } finally {
          closeSync(fd);
        }
      } catch (error) {
        if (codeOf(error) === null) throw error;
      }
    }
  }

  undo(): void {
    for (const back of this.#back.toReversed()) ignoringSystem(back);
    this.#back.length = 0;
    this.#sweep();
    for (const { directory, name } of this.#made.splice(0).toReversed()) {
      ignoringSystem(() => rmdirSync(named(directory, name)));
      closeSync(directory);
    }
  }

  close(): void {
    for (const found of this.#found) found.close();
  }

  #sweep(): void {
    for (const { directory, name } of this.#passing.splice(0)) {
      ignoringSystem(() => unlinkSync(named(directory, name)));
    }
  }
}

/** Of taking back, each part is tried: one that somebody made impossible does not keep the others. */
function ignoringSystem(act: () => void): void {
  try {
    act();
  } catch (error) {
    if (codeOf(error) === null) throw error;
  }
}
