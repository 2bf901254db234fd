import { closeSync, statfsSync } from "node:fs";
import type { BigIntStats } from "node:fs";
import { codeOf, components } from "../../policy/index.ts";
import type { AbsolutePath } from "../../policy/index.ts";
import { SessionError } from "../error.ts";
import { hold, holdRoot, look, spelled } from "./descriptor.ts";
import type { Descriptor, Identity } from "./descriptor.ts";
import { OwnDirectories } from "./own.ts";
import { missing, unsupported } from "./refusal.ts";

/** A directory that is held open, under which operations walk. */
export interface FileRoot {
  /** Where it was when it was opened; canonical. */
  readonly path: AbsolutePath;
  readonly fd: Descriptor;
  /** Whose rights count. */
  readonly identity: Identity | null;
  /** No operation enters them. */
  readonly own: OwnDirectories;
  close(): void;
}

const nothing = new OwnDirectories([]);

/**
 * Walks to `path` from `/`, one real directory at a time, and holds it. `path` is canonical: a symlink on the way is
 * refused. A process that is root acts for `actsFor`, or else for whoever owns the directory, as the run's program does.
 * Errors: `not_found`, `unsupported`, `policy_denied`.
 */
export function openRoot(path: AbsolutePath, actsFor?: Identity | null, own: OwnDirectories = nothing): FileRoot {
  if (process.platform !== "linux") {
    throw new SessionError("unsupported", `files cannot be held by descriptor on ${process.platform}`);
  }
  let fd = holdRoot();
  try {
    for (const name of components(path)) {
      const next = hold(fd, name);
      closeSync(fd);
      fd = next;
      const stats = look(fd);
      if (!stats.isDirectory()) throw unsupported(path, "is no directory, or is reached through a symlink");
      own.refuse(stats, path);
    }
    refuseKernelFiles(fd, path);
    const identity = actsFor === undefined ? ownerOf(fd) : actsFor;
    const held = fd;
    return { path, fd, identity, own, close: () => closeSync(held) };
  } catch (error) {
    closeSync(fd);
    const code = codeOf(error);
    throw code === "ENOENT" || code === "ENOTDIR" ? missing(path) : error;
  }
}

function ownerOf(fd: Descriptor): Identity | null {
  const { uid, gid } = look(fd);
  return process.getuid?.() === 0 && uid !== 0n ? { uid: Number(uid), gid: Number(gid) } : null;
}

/**
 * What the kernel makes up on the spot shows the broker's own secrets, never the program's, and answers to reading and
 * writing with acts. Values from linux/magic.h.
 */
const kernelFileSystems: ReadonlyMap<number, string> = new Map([
  [0x9fa0, "proc"],
  [0x62656572, "sysfs"],
  [0x64626720, "debugfs"],
  [0x74726163, "tracefs"],
  [0x73636673, "securityfs"],
  [0xf97cff8c, "selinuxfs"],
  [0x5a3c69f0, "apparmorfs"],
  [0x27e0eb, "cgroup"],
  [0x63677270, "cgroup2"],
  [0xcafe4a11, "bpf"],
  [0x62656570, "configfs"],
  [0x1cd1, "devpts"],
  [0x19800202, "mqueue"],
  [0xde5e81e4, "efivarfs"],
  [0x42494e4d, "binfmt_misc"],
  [0x187, "autofs"],
  [0x6e736673, "nsfs"],
  [0x6165676c, "pstore"],
]);

/** Errors: `unsupported`. */
export function refuseKernelFiles(fd: Descriptor, shown: string): void {
  // Magic numbers above 2³¹ come back negative where the kernel's field is signed.
  const kind = kernelFileSystems.get(statfsSync(spelled(fd)).type >>> 0);
  if (kind !== undefined) throw unsupported(shown, `lies in ${kind}, which belongs to the kernel and to no session`);
}

/** Whether two looks were at the same inode. */
export function isSame(one: BigIntStats, other: BigIntStats): boolean {
  return one.ino === other.ino && one.dev === other.dev;
}
