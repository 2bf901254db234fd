import { closeSync, constants, openSync, unlinkSync, writeFileSync } from "node:fs";
import { SandboxedError } from "../../../policy/index.ts";
import { starterAtHand } from "./starter.ts";

let count = 0;

/**
 * A descriptor of a file that has no name any more and holds `content`: an argument no other process can reach
 * through the file system. The caller closes it. Errors: `setup_failed`.
 */
export function instructionFile(folder: string, content: Uint8Array): number {
  try {
    const inMemory = starterAtHand()?.memory(content);
    if (inMemory !== undefined) return inMemory;
  } catch {
    // not where memory may hold no files
  }
  const path = `${folder}/.instructions-${process.pid}-${count++}`;
  const flags = constants.O_RDWR | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;
  const fd = openSync(path, flags, 0o600);
  try {
    unlinkSync(path);
    fillFile(fd, content);
    return fd;
  } catch (error) {
    closeSync(fd);
    throw error;
  }
}

/** All of `content` or nothing that counts: on a full disk one write may take a part of it. Errors: `setup_failed`. */
export function fillFile(fd: number, content: Uint8Array | string): void {
  try {
    writeFileSync(fd, content);
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new SandboxedError("setup_failed", `cannot write to the tool's own folder: ${why}`, {
      hint: "make room there, or move it with XDG_CACHE_HOME",
      cause,
    });
  }
}
