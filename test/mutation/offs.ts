import { inCommand, inNative } from "./tool.ts";
import type { Off } from "./tool.ts";

/** Every protection of the native programs, switched off. */
export const off = {
  seccomp: { everyCall: true },
  landlock: { edits: [inNative("init/landlock.c", "if (!told->landlock)", "if (told != NULL)")] },
  programDescriptors: {
    edits: [
      inNative(
        "init/child.c",
        'must(syscall(SYS_close_range, terminal < 0 ? TERMINAL : TERMINAL + 1, ~0u, 0) == 0, "streams", "close_range");',
      ),
    ],
  },
  earlierDescriptors: {
    edits: [
      inNative("init/init.c", "syscall(SYS_close_range, LAST_KNOWN_FD + 1, CHANNEL - 1, 0);"),
      inNative("init/init.c", "syscall(SYS_close_range, CHANNEL + 1, ~0u, 0);"),
      inNative("guard/guard.c", "syscall(SYS_close_range, FIRST_UNKNOWN_FD, ~0u, 0);"),
    ],
  },
  dropCapabilities: {
    edits: [
      inNative("init/child.c", 'must(capabilities_keep(0), "capabilities", "drop");'),
      inNative("init/child.c", 'must(capabilities_unbind(), "capabilities", "bounding set");'),
    ],
  },
  checkCapabilities: { edits: [inNative("init/child.c", "if (!capabilities_are_gone(unbound))", "if (false)")] },
  userNamespace: {
    edits: [
      inNative("init/child.c", 'must(unshare(CLONE_NEWUSER) == 0, "userns", "unshare");'),
      inNative("init/child.c", "if (!write_maps(told))", "if (false && !write_maps(told))"),
    ],
  },
  groups: { edits: [inNative("init/child.c", 'must(setgroups(0, NULL) == 0, "id", "groups");')] },
  limits: { edits: [inNative("init/child.c", "\tset_limits(told);", "\t(void)set_limits;")] },
  privacyOfInit: {
    edits: [
      inNative(
        "init/init.c",
        "if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0 || prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) != 0)",
        "if (false)",
      ),
    ],
  },
  coverOfSettings: {
    edits: [inNative("init/mounts.c", "\t\tmake_read_only(settings[i]);", "\t\t(void)make_read_only;")],
  },
  masksInProc: { edits: [inNative("init/mounts.c", "\t\thide(secrets[i]);", "\t\t(void)hide;")] },
  keyring: { edits: [inNative("init/init.c", "\t\tleave_keyring();", "\t\t(void)leave_keyring;")] },
  expectations: { edits: [inNative("init/init.c", "\t\tmounts_verify(told);")] },
  rebind: { edits: [inNative("init/init.c", "\t\trebind_watch(told);")] },
  guardLifeline: {
    edits: [
      inNative("guard/guard.c", "if (!control_read())\n\t\tlauncher_lost = true;", "(void)control_read();"),
      inNative(
        "guard/guard.c",
        "if (info.ssi_signo == (uint32_t)SIGRTMIN && getppid() != launcher)\n\t\t\tlauncher_lost = true;",
      ),
    ],
  },
  aftermath: {
    edits: [
      inNative("guard/guard.c", "become_aftermath(told.aftermath, told.aftermath_input);", "(void)become_aftermath;"),
    ],
  },
  initLifeline: { edits: [inNative("init/supervise.c", "if (!control_read())\n\t\tend();", "(void)control_read();")] },
  deathSignals: {
    edits: [
      inNative("guard/spawn.c", "prctl(PR_SET_PDEATHSIG, SIGKILL);"),
      inNative("init/init.c", "prctl(PR_SET_PDEATHSIG, SIGKILL);"),
      inCommand('"--die-with-parent",'),
    ],
  },
  ipcNamespace: { edits: [inCommand('"--unshare-ipc",')] },
} as const satisfies Readonly<Record<string, Off>>;

export const both = (...offs: readonly Off[]): Off => ({
  edits: offs.flatMap(({ edits = [] }) => edits),
  ...(offs.some(({ everyCall }) => everyCall) && { everyCall: true }),
});
