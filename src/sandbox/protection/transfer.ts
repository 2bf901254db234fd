import {
  closeSync,
  constants,
  fstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readSync,
  rmdirSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from "node:fs";
import { linkTarget, lookAt } from "./disk.ts";
import { openUp } from "./held.ts";

/** What may be carried to another file system. */
export interface TransferBudget {
  entries: number;
  bytes: number;
}

export class TransferTooLarge extends Error {}

const depthLimit = 64;

/**
 * Copies without following a symlink, link for link. FIFOs, sockets and devices are left out: nothing in them is
 * worth keeping. `place` has a held parent; `to` does not exist.
 * Errors: `TransferTooLarge`; whatever the system says.
 */
export function copyEntry(place: string, to: string, budget: TransferBudget, depth = 0): void {
  const stats = lookAt(place);
  if (stats === null) return;
  budget.entries -= 1;
  if (budget.entries < 0 || depth > depthLimit) throw new TransferTooLarge();
  if (stats.isSymbolicLink()) symlinkSync(linkTarget(place) ?? "", to);
  else if (stats.isDirectory()) {
    mkdirSync(to, { mode: 0o700 });
    inside(place, (name, held) => copyEntry(`${held}/${name}`, `${to}/${name}`, budget, depth + 1));
  } else if (stats.isFile()) copyFile(place, to, budget);
}

/** Removes a tree, links as links. What cannot be removed is left. */
export function removeEntry(place: string, depth = 0): void {
  const stats = lookAt(place);
  if (stats === null) return;
  if (!stats.isDirectory()) return unlinkSync(place);
  if (depth > depthLimit) throw new TransferTooLarge();
  inside(place, (name, held) => removeEntry(`${held}/${name}`, depth + 1));
  rmdirSync(place);
}

function inside(place: string, act: (name: string, held: string) => void): void {
  openUp(place);
  const fd = openSync(place, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW);
  try {
    const held = process.platform === "linux" ? `/proc/self/fd/${fd}` : place;
    for (const name of readdirSync(held)) act(name, held);
  } finally {
    closeSync(fd);
  }
}

function copyFile(place: string, to: string, budget: TransferBudget): void {
  const from = openSync(place, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  try {
    if (!fstatSync(from).isFile()) return;
    const out = openSync(to, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL, 0o600);
    try {
      const chunk = Buffer.allocUnsafe(64 * 1024);
      for (let got = readSync(from, chunk); got > 0; got = readSync(from, chunk)) {
        budget.bytes -= got;
        if (budget.bytes < 0) throw new TransferTooLarge();
        // All of it: on a full disk one write may take a part.
        writeFileSync(out, chunk.subarray(0, got));
      }
    } finally {
      closeSync(out);
    }
  } finally {
    closeSync(from);
  }
}
