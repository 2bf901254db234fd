import type { AbsolutePath, ProtectedPath } from "../policy/index.ts";

/** What a path is, without following a symlink in its last component. */
export type PathKind = "directory" | "file" | "symlink" | "socket" | "device" | "fifo" | "missing";

/** Enough of an inode to notice that somebody swapped the path between the look and the mount. */
export interface Identity {
  readonly dev: string;
  readonly ino: string;
}

export interface Account {
  readonly uid: number;
  readonly gid: number;
  readonly name: string;
  /** From `$HOME` when absolute, else from the account database. Canonical. */
  readonly home: AbsolutePath;
  /** The home of the account database where `$HOME` says otherwise: `~` in a refusal means this one as well. */
  readonly otherHomes?: readonly AbsolutePath[];
}

/** What the kernel and the installed programs can do; probed once a boot (see `linux/probe`). */
export interface KernelFacts {
  readonly release: string;
  readonly arch: "x64" | "arm64";
  readonly bootId: string;
  readonly landlockAbi: number;
  /** Said by the kernel to a native program, or concluded from its release where none could ask. */
  readonly landlockFrom?: "kernel" | "release";
  /** `kernel.pid_max` belongs to the PID namespace (6.14 and later). */
  readonly pidMaxPerNamespace: boolean;
  readonly userNamespaces: "ok" | { readonly refusedBy: string; readonly setting: string };
  /** A fresh procfs may be mounted in a new PID namespace. */
  readonly freshProc: boolean;
  readonly bwrap: { readonly path: AbsolutePath; readonly version: string } | { readonly missing: string };
}

/** A directory tree of interpreters that a tool manager put into the home, and what must stay hidden beside it. */
export interface Toolchain {
  readonly name: string;
  /** Directories and files to show, read-only. */
  readonly roots: readonly AbsolutePath[];
  /** Real program directories that go to the front of PATH instead of the manager's shims. */
  readonly path: readonly AbsolutePath[];
  /** Entries of PATH that `path` stands for: directories of shims, and links to what `path` names directly. */
  readonly shims?: readonly string[];
  /** Variables the manager needs, passed through as found: `PYENV_ROOT`, `NVM_DIR`. */
  readonly environment: readonly string[];
}

/** A repository found under a writable root, or holding it. */
export interface Repository {
  readonly worktree: AbsolutePath;
  /** The directory the work tree's `.git` stands for. */
  readonly gitDir: AbsolutePath;
  /** Shared by linked work trees; equals `gitDir` otherwise. */
  readonly commonDir: AbsolutePath;
}

/**
 * Everything a plan needs to know about the machine, as data. A plan made from equal facts is equal,
 * wherever it is made.
 */
export interface HostFacts {
  readonly kernel: KernelFacts;
  readonly account: Account;
  readonly cwd: AbsolutePath;
  readonly tmpdir: AbsolutePath | null;
  /** The caller's environment, unfiltered. */
  readonly environment: ReadonlyMap<string, string>;
  /** What exists of the platform: `/usr`, `/lib64`, single files of `/etc`. */
  readonly platform: readonly AbsolutePath[];
  /** Symlinks of the platform that must exist inside as well: `/bin` -> `usr/bin`. */
  readonly platformLinks: readonly { readonly path: AbsolutePath; readonly to: string }[];
  readonly toolchains: readonly Toolchain[];
  readonly repositories: readonly Repository[];
  readonly protectedPaths: readonly ProtectedPath[];
  /** Pathname sockets that somebody listens on or that the scan of writable roots saw. */
  readonly sockets: readonly AbsolutePath[];
  readonly memoryBytes: number;
  /** What a path is and its inode; the plan asks only about paths it mounts. */
  readonly look: (path: AbsolutePath) => {
    readonly kind: PathKind;
    readonly identity: Identity | null;
    readonly uid: number;
    readonly gid: number;
  };
  readonly canonical: (path: AbsolutePath) => AbsolutePath | null;
  /** What a path is to somebody who wants to execute it; follows symlinks. */
  readonly program: (path: AbsolutePath) => "executable" | "file" | "directory" | "missing";
}
