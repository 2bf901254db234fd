import { accessSync, closeSync, constants, fstatSync, openSync } from "node:fs";
import type { BigIntStats } from "node:fs";

/** Opens a place without the right to read it; Node has no name for it. Value of Linux on all processors. */
const O_PATH = 0o10000000;

/** A descriptor of a place: whatever happens to its name, it stays the same file or directory. */
export type Descriptor = number;

/** What may be done with an inode; what somebody else's name means is decided elsewhere. */
export type Permission = "read" | "write" | "search";

/** Ids that a broker who is root acts for: the program's own. Null where the kernel's answer is the program's already. */
export interface Identity {
  readonly uid: number;
  readonly gid: number;
}

/** The spelling by which calls that take paths reach a held place. */
export function spelled(fd: Descriptor): string {
  return `/proc/self/fd/${fd}`;
}

/** A name in a held directory. No call may follow it: `open` with O_NOFOLLOW, `lstat`, `rename`, `link`, `unlink`. */
export function named(directory: Descriptor, name: string): string {
  return `/proc/self/fd/${directory}/${name}`;
}

/** Holds whatever has the name, a symlink too; opens no device and waits for no FIFO. Errors: the system's. */
export function hold(directory: Descriptor, name: string): Descriptor {
  return openSync(named(directory, name), O_PATH | constants.O_NOFOLLOW);
}

/** By its name, symlinks followed: for what nobody else names. Errors: the system's. */
export function holdDirectory(path: string): Descriptor {
  return openSync(path, O_PATH | constants.O_DIRECTORY);
}

export function holdRoot(): Descriptor {
  return openSync("/", O_PATH | constants.O_DIRECTORY | constants.O_NOFOLLOW);
}

/** The held file or directory itself, opened for reading: no name is looked up. Errors: the system's. */
export function reopen(fd: Descriptor): Descriptor {
  return openSync(spelled(fd), constants.O_RDONLY | constants.O_NONBLOCK);
}

export function look(fd: Descriptor): BigIntStats {
  return fstatSync(fd, { bigint: true });
}

/** `attempt` with the descriptor, which is closed afterwards. */
export function closing<T>(fd: Descriptor, attempt: (fd: Descriptor) => T): T {
  try {
    return attempt(fd);
  } finally {
    closeSync(fd);
  }
}

/** Whether the program could do it by itself: of a broker that is root the kernel would refuse nothing. */
export function permits(
  fd: Descriptor,
  stats: BigIntStats,
  permission: Permission,
  identity: Identity | null,
): boolean {
  if (identity === null) {
    try {
      accessSync(spelled(fd), kernelBits[permission]);
      return true;
    } catch {
      return false;
    }
  }
  if (identity.uid === 0) return true;
  const shift = stats.uid === BigInt(identity.uid) ? 6n : stats.gid === BigInt(identity.gid) ? 3n : 0n;
  return ((stats.mode >> shift) & bits[permission]) !== 0n;
}

const kernelBits = { read: constants.R_OK, write: constants.W_OK, search: constants.X_OK };
const bits = { read: 4n, write: 2n, search: 1n };
