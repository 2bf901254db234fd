import { closeSync, constants, openSync, unlinkSync, writeSync } from "node:fs";

let count = 0;

/**
 * A descriptor of a file that has no name any more and holds `content`: an argument no other process can reach
 * through the file system. The caller closes it.
 */
export function instructionFile(folder: string, content: Uint8Array): number {
  const path = `${folder}/.instructions-${process.pid}-${count++}`;
  const flags = constants.O_RDWR | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;
  const fd = openSync(path, flags, 0o600);
  try {
    unlinkSync(path);
    writeSync(fd, content);
    return fd;
  } catch (error) {
    closeSync(fd);
    throw error;
  }
}
