import { join } from "node:path";
import { monotonicMs } from "../../clock.ts";

/**
 * Watches how much a private home holds: it stands on a disk, where no tmpfs size bounds it. Measuring takes at most
 * a twentieth of the time. Returns what stops the watch.
 */
export function watchHomeSize(folder: string, allowed: number, onExceeded: (used: number) => void): () => void {
  let stopped = false;
  const check = async (): Promise<void> => {
    const began = monotonicMs();
    const used = await usedBytes(folder, allowed, () => stopped);
    if (stopped) return;
    if (used > allowed) return onExceeded(used);
    next(Math.max(FIRST_CHECK_MS, 20 * (monotonicMs() - began)));
  };
  let timer: NodeJS.Timeout;
  const next = (delay: number): void => {
    timer = setTimeout(() => void check(), delay).unref();
  };
  next(FIRST_CHECK_MS);
  return () => {
    stopped = true;
    clearTimeout(timer);
  };
}

const FIRST_CHECK_MS = 1_000;
const BLOCK = 512;

/** Bytes on disk below a folder, without following links; stops counting above `enough`. */
async function usedBytes(folder: string, enough: number, stopped: () => boolean): Promise<number> {
  // Most runs end before the first look; loading this takes a millisecond of their start.
  const { lstat, opendir } = await import("node:fs/promises");
  let used = 0;
  const folders = [folder];
  for (let at = folders.pop(); at !== undefined && used <= enough && !stopped(); at = folders.pop()) {
    const entries = await opendir(at).catch(() => null); // removed or shut by the program meanwhile
    if (entries === null) continue;
    for await (const entry of entries) {
      const path = join(at, entry.name);
      if (entry.isDirectory()) folders.push(path);
      else used += ((await lstat(path).catch(() => null))?.blocks ?? 0) * BLOCK;
    }
  }
  return used;
}
