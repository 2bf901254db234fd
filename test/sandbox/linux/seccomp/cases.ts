import { type Case, everywhere, type Options, type Row, rows, withoutNamespaces } from "./case.ts";

const sigchld = 17;
const cwd = -100;
const garbage = 0xdead_beef_0000_0000n;
const privilege: Options = { sameWithout: "privilege" };
const feature: Options = { sameWithout: "feature" };

const boundary = [
  ...everywhere("ENOSYS", [
    [470, [], feature],
    [1000, [], feature],
    [0x3fff_ffff, [], feature],
    [0xffff_ffff, [], feature],
  ]),
  ...everywhere("ALLOW", [[469, [-1, 0, 0, 0, 0xffff]]]),
];

const throughPointers = everywhere("ENOSYS", [
  ["io_uring_setup", [0, 0]],
  ["io_uring_enter", [-1, 0, 0, 0xffff, 0, 0]],
  ["io_uring_register", [-1, 9999, 0, 0]],
  ["clone3", [0, 0]],
  ["openat2", [cwd, "file", 0, 0]],
  ["open_tree", [cwd, "file", 0xffff_ffff]],
  ["open_tree_attr", [cwd, "file", 0xffff_ffff, 0, 0], feature],
  ["move_mount", [-1, 0, -1, 0, 0xffff_ffff]],
  ["fsopen", ["nosuchfs", 0]],
  ["fsconfig", [-1, 99, 0, 0, 0]],
  ["fsmount", [-1, 0xffff, 0]],
  ["fspick", [-1, 0, 0xffff]],
  ["mount_setattr", [-1, 0, 0xffff_ffff, 0, 0]],
  ["modify_ldt", [0, "@memory", 16]],
]);

const namespaceFlags = [0x2_0000, 0x200_0000, 0x400_0000, 0x800_0000, 0x2000_0000, 0x4000_0000];
const shape = [
  ...everywhere("EPERM", [
    ["mount", [0, "nosuch", 0, 0, 0]],
    ["umount2", ["nosuch", 0]],
    ["pivot_root", ["nosuch", "nosuch"], privilege],
    ["chroot", ["nosuch"]],
    ["setns", [-1, 0]],
    ["open_by_handle_at", [-1, 0, 0], privilege],
    ["name_to_handle_at", [-1, "file", 0, 0, 0]],
    ...namespaceFlags.flatMap((flag): Row[] => [
      ["clone", [flag | sigchld], privilege],
      ["unshare", [flag], privilege],
    ]),
    ["clone", [0x1000_0000 | sigchld]],
    ["clone", [0x1000_0000n | BigInt(sigchld) | garbage]],
    ["unshare", [0x1000_0000]],
    ["unshare", [0x1000_0000n | garbage]],
    ["unshare", [0x80], privilege],
  ]),
  ...everywhere("ALLOW", [
    ["clone", [sigchld]],
    ["clone", [0x80 | sigchld], { onPaperOnly: "the bit is part of an exit signal that no kernel has" }],
    ["unshare", [0]],
    ["unshare", [0x200]],
  ]),
];

const terminal = [
  ...everywhere("EPERM", [
    ["ioctl", ["@tty", 0x5412, "x"]],
    ["ioctl", ["@tty", 0x5412n | garbage, "x"]],
    ["ioctl", ["@tty", 0x541c, 0]],
    ["ioctl", ["@tty", 0x541cn | garbage, 0]],
    ["ioctl", ["@tty", 0x5423, 0]],
    ["ioctl", ["@tty", 0x5423n | garbage, 0]],
  ]),
  ...everywhere("ALLOW", [
    ["ioctl", ["@tty", 0x5401, "@memory"]],
    ["ioctl", ["@tty", 0x5413, "@memory"]],
  ]),
];

const [create, temporary] = [0o102, 0o20200002];
const modes = [0o4755, 0o2755, 0o6755];
const setuid = [
  ...everywhere(
    "EPERM",
    modes.flatMap((mode): Row[] => [
      ["chmod", ["file", mode]],
      ["fchmod", ["@file", mode]],
      ["fchmodat", [cwd, "file", mode]],
      ["fchmodat2", [cwd, "file", mode, 0], feature],
      ["creat", ["made", mode]],
      ["open", ["made", create, mode]],
      ["openat", [cwd, "made", create, mode]],
      ["mkdir", ["made", mode]],
      ["mkdirat", [cwd, "made", mode]],
      ["mknod", ["made", 0o100000 | mode, 0]],
      ["mknodat", [cwd, "made", 0o100000 | mode, 0]],
    ]),
  ),
  ...everywhere("EPERM", [
    ["chmod", ["file", 0o4755n | garbage]],
    ["open", [".", temporary, 0o4755], { onPaperOnly: "O_DIRECTORY differs between architectures" }],
    ["openat", [cwd, ".", temporary, 0o4755], { onPaperOnly: "O_DIRECTORY differs between architectures" }],
  ]),
  ...everywhere("ALLOW", [
    ["chmod", ["file", 0o1755]],
    ["fchmod", ["@file", 0o755]],
    ["fchmodat", [cwd, "file", 0o777]],
    ["fchmodat2", [cwd, "file", 0o700, 0]],
    ["creat", ["made", 0o1644]],
    ["open", ["made", create, 0o644]],
    ["open", ["file", 0, 0o6755]],
    ["openat", [cwd, "made", create, 0o644]],
    ["openat", [cwd, "file", 2, 0o6755]],
    ["mkdir", ["made", 0o1777]],
    ["mkdirat", [cwd, "made", 0o755]],
    ["mknod", ["made", 0o010644, 0]],
    ["mknodat", [cwd, "made", 0o100644, 0]],
  ]),
];

const [cloexec, stream, datagram, raw, sequence] = [0o2000000, 1, 2, 3, 5];
const strange: readonly (readonly [name: string, family: number])[] = [
  ["AX25", 3],
  ["IPX", 4],
  ["APPLETALK", 5],
  ["X25", 9],
  ["KEY", 15],
  ["RDS", 21],
  ["CAN", 29],
  ["TIPC", 30],
  ["BLUETOOTH", 31],
  ["ALG", 38],
  ["NFC", 39],
  ["VSOCK", 40],
  ["QIPCRTR", 42],
  ["SMC", 43],
  ["XDP", 44],
  ["MCTP", 45],
];
const sockets = [
  ...everywhere("EAFNOSUPPORT", [
    ...strange.map(([, family]): Row => [
      "socket",
      [family, family === 38 || family === 21 ? sequence : stream, 0],
      feature,
    ]),
    ["socket", [17, raw, 0], privilege],
    ["socket", [17n | garbage, raw, 0], privilege],
    ["socketpair", [2, stream, 0, "@memory"]],
    ["socketpair", [30, stream, 0, "@memory"], feature],
  ]),
  ...rows(
    ["EAFNOSUPPORT", "EAFNOSUPPORT", "EAFNOSUPPORT"],
    [
      ["socket", [2, 10, 0x300], privilege],
      ["socket", [2, 10 | cloexec, 0x300], privilege],
      ["socket", [16, raw, 9], feature],
      ["socket", [16, raw, 15]],
      ["socket", [16, raw, 21], feature],
      ["socket", [16n | garbage, raw, 15n | garbage]],
    ],
  ),
  ...rows(
    ["ALLOW", "EPERM", "ALLOW"],
    [
      ["socket", [2, stream, 0]],
      ["socket", [2, datagram | cloexec, 0]],
      ["socket", [2, stream, 6]],
      ["socket", [10, datagram, 17]],
      ["socket", [2n | garbage, stream, 0]],
      ["socket", [10, stream, 0]],
      ["socket", [10, 10, 0]],
      ["socket", [16, raw, 0]],
      ["socket", [16, raw | cloexec, garbage]],
    ],
  ),
  ...withoutNamespaces("EPERM", [
    ["socket", [1, stream, 0]],
    ["socket", [1, datagram | cloexec, 0]],
    ["socket", [1n | garbage, stream, 0]],
    ["socketpair", [1, datagram, 0, "@memory"]],
    ["socketpair", [1, raw, 0, "@memory"]],
    ["socketpair", [1, datagram | cloexec, 0, "@memory"]],
  ]),
  ...everywhere("ALLOW", [
    ["socketpair", [1, stream, 0, "@memory"]],
    ["socketpair", [1, stream | cloexec, 0, "@memory"]],
    ["socketpair", [1, sequence, 0, "@memory"]],
  ]),
];

const others = [
  ...withoutNamespaces("EPERM", [
    ["ptrace", [0, 0, 0, 0]],
    ["process_vm_readv", [0, 0, 0, 0, 0, 99]],
    ["process_vm_writev", [0, 0, 0, 0, 0, 99]],
    ["pidfd_getfd", [-1, -1, 0]],
    ["kcmp", [0, 0, 99, 0, 0]],
    ["prlimit64", [0x7fff_ffff, 7, 0, 0]],
    ["shmget", [0x7ead, 4096, 0]],
    ["shmat", [-1, 0, 0]],
    ["shmctl", [-1, 99, 0]],
    ["msgget", [0x7ead, 0]],
    ["msgsnd", [-1, "@memory", 0, 0]],
    ["msgrcv", [-1, "@memory", 0, 0, 0]],
    ["msgctl", [-1, 99, 0]],
    ["semget", [0x7ead, 0, 0]],
    ["semop", [-1, "@memory", 1]],
    ["semtimedop", [-1, "@memory", 1, 0]],
    ["semctl", [-1, 0, 99, 0]],
    ["mq_open", ["nosuch", 0, 0, 0]],
    ["mq_unlink", ["nosuch"]],
  ]),
  ...everywhere("EPERM", [
    ["prlimit64", [1, 7, 0, 0], privilege],
    ["prlimit64", [1n | garbage, 7, 0, 0], privilege],
    ["sched_setscheduler", [1, 99, 0], privilege],
    ["sched_setparam", [1, 0], privilege],
    ["sched_setaffinity", [1, 0, 0], privilege],
    ["sched_setattr", [1, 0, 0], privilege],
    ["setpriority", [0, 1, 20], privilege],
  ]),
  ...everywhere("ALLOW", [
    ["prlimit64", [0, 7, 0, "@memory"]],
    ["prlimit64", [garbage, 7, 0, "@memory"]],
    ["sched_setscheduler", [0, 99, 0]],
    ["sched_setparam", [0, 0]],
    ["sched_setattr", [0, 0, 0]],
    ["setpriority", [0, 0, 20]],
    ["setpriority", [2, 1, 20]],
  ]),
];

const kernel = [
  ...everywhere("EPERM", [
    ["bpf", [9999, 0, 0], privilege],
    ["perf_event_open", [0, 0, 0, 0, 0xffff_ffff]],
    ["userfaultfd", [0x7fff]],
    ["fanotify_init", [0xffff_ffff, 0], privilege],
    ["keyctl", [9999, 0, 0]],
    ["add_key", [0, 0, 0, 0, 0]],
    ["request_key", [0, 0, 0, 0]],
    ["personality", [8]],
    ["personality", [0x2_0000]],
    ["personality", [0x40_0000]],
    ["personality", [0x44_0000]],
    ["personality", [0x40_0000n | garbage]],
  ]),
  ...everywhere("ALLOW", [
    ["personality", [0]],
    ["personality", [0x4_0000]],
    ["personality", [0xffff_ffff]],
    ["personality", [garbage]],
  ]),
];

const host = everywhere("EPERM", [
  ["kexec_load", [0, 9999, 0, 0xffff], privilege],
  ["kexec_file_load", [-1, -1, 0, 0, 0xffff], privilege],
  ["init_module", [0, 0, 0], privilege],
  ["finit_module", [-1, 0, 0xffff], privilege],
  ["delete_module", ["nosuch", 0], privilege],
  ["settimeofday", [0, 0], privilege],
  ["clock_settime", [999, 0]],
  ["adjtimex", [0]],
  ["clock_adjtime", [999, 0]],
  ["swapon", ["nosuch", 0], privilege],
  ["swapoff", ["nosuch"], privilege],
  ["reboot", [0, 0, 0, 0], privilege],
  ["acct", ["nosuch"], privilege],
  ["quotactl", [0xffff_ff00, 0, 0, 0]],
  ["quotactl_fd", [-1, 0, 0, 0]],
  ["sethostname", [0, -1], privilege],
  ["setdomainname", [0, -1], privilege],
  ["iopl", [4]],
  ["ioperm", [0x1000_0000, 1, 0]],
  ["syslog", [99, 0, 0], privilege],
  ["vhangup", [], privilege],
  ["nfsservctl", [0, 0, 0]],
  ["lookup_dcookie", [0, 0, 0]],
]);

/** The calls that only x86-64 has. */
export const onlyX64: ReadonlySet<string> = new Set([
  "chmod",
  "creat",
  "ioperm",
  "iopl",
  "mkdir",
  "mknod",
  "modify_ldt",
  "open",
]);

export const cases: readonly Case[] = [
  ...boundary,
  ...throughPointers,
  ...shape,
  ...terminal,
  ...setuid,
  ...sockets,
  ...others,
  ...kernel,
  ...host,
];
