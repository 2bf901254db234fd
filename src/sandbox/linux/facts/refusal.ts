import { absolutePath } from "../../../policy/index.ts";
import type { Disk } from "./disk.ts";

/** Kernel settings that forbid user namespaces; null where this kernel has no such setting. */
export interface NamespaceSettings {
  readonly maxUserNamespaces: number | null;
  readonly unprivilegedUsernsClone: number | null;
  readonly apparmorRestrict: number | null;
  /** A seccomp filter is upon this very process, as container engines put one. */
  readonly filtered: boolean;
}

export function readSettings(disk: Disk): NamespaceSettings {
  const number = (path: string): number | null => {
    const text = disk.text(absolutePath(path))?.trim();
    return text === undefined || !/^\d+$/.test(text) ? null : Number(text);
  };
  return {
    maxUserNamespaces: number("/proc/sys/user/max_user_namespaces"),
    unprivilegedUsernsClone: number("/proc/sys/kernel/unprivileged_userns_clone"),
    apparmorRestrict: number("/proc/sys/kernel/apparmor_restrict_unprivileged_userns"),
    filtered: /^Seccomp:\s*2$/m.test(disk.text(absolutePath("/proc/self/status")) ?? ""),
  };
}

export interface Refusal {
  /** Who refuses, in words. */
  readonly refusedBy: string;
  /** What to change, as an administrator writes it; empty when it could not be found out. */
  readonly setting: string;
}

/** The first with `--size`. */
export const OLDEST_BWRAP = "0.7.0";

/** What bubblewrap prints when the kernel refuses it namespaces, or what it needs inside them. */
const NAMESPACE_TROUBLE =
  /creating new namespace failed|no permissions to create new namespace|clone failed|unshare failed|setting up uid map|uid_map|loopback: failed|failed to make \/ slave|mounting/i;
const OLD_PROGRAM = /unknown option/i;
const SETUID = /not permitted in setuid mode/i;
const OUT_OF_SPACE = /no space left on device|ENOSPC|too many users/i;
const UNSUPPORTED = /not support user namespaces|invalid argument/i;

/** Who stopped bubblewrap, from what it printed and the settings of this kernel; null when it was something else. */
export function explainRefusal(printed: string, settings: NamespaceSettings, uid: number): Refusal | null {
  if (OLD_PROGRAM.test(printed)) return { refusedBy: `a bubblewrap older than ${OLDEST_BWRAP}`, setting: "" };
  if (SETUID.test(printed)) return { refusedBy: "a bubblewrap installed setuid root", setting: "" };
  if (!NAMESPACE_TROUBLE.test(printed)) return null;
  if (settings.maxUserNamespaces === 0 || OUT_OF_SPACE.test(printed)) {
    return { refusedBy: "the kernel's limit on user namespaces", setting: "user.max_user_namespaces" };
  }
  if (settings.unprivilegedUsernsClone === 0 && uid !== 0) {
    return { refusedBy: "the kernel, for ordinary users", setting: "kernel.unprivileged_userns_clone" };
  }
  if (settings.apparmorRestrict === 1 && uid !== 0) {
    return {
      refusedBy: "AppArmor, for programs without a profile",
      setting: "kernel.apparmor_restrict_unprivileged_userns",
    };
  }
  if (UNSUPPORTED.test(printed))
    return { refusedBy: "a kernel built without user namespaces", setting: "CONFIG_USER_NS" };
  if (settings.filtered) {
    return { refusedBy: "the system call filter of this container", setting: "the container's seccomp profile" };
  }
  return { refusedBy: `the system: ${firstLine(printed)}`, setting: "" };
}

/** The first line of foreign text, short enough for a message. */
export function firstLine(text: string): string {
  return (text.trim().split("\n", 1)[0] ?? "").slice(0, 200);
}
