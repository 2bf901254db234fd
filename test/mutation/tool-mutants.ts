import type { Person } from "../stage/index.ts";
import {
  call,
  findsKey,
  inheritsDescriptor,
  ioUring,
  JOIN_SESSION,
  keyctl,
  liftsMask,
  makesSegment,
  NEW_USER_NAMESPACE,
  readsAsAdministrator,
  readsByGroup,
  runsOnOtherTree,
  works,
} from "./attacks.ts";
import { leavesHook, outlivesGuard, outlivesLauncher, replacedByHost, unmaskedByHost } from "./host-acts.ts";
import { both, off } from "./offs.ts";
import type { Off, ToolStage } from "./tool.ts";

/** One protection of the built tool, the attack it is there for, and what is left when it is gone. */
export interface ToolMutant {
  readonly protection: string;
  /** Carries the attack out; true when it had its effect. */
  readonly attack: (stage: ToolStage) => boolean | Promise<boolean>;
  readonly off: Off;
  /** What still stops the attack when this one is off. Either alone is enough; with both off the attack succeeds. */
  readonly redundant?: { readonly heldBy: string; readonly off: Off };
  readonly person?: Person;
  /** Why only root can try it. */
  readonly needsRoot?: string;
}

const ids = "the program of an ordinary user has one id, whatever else it is given";
export const callMutants: readonly ToolMutant[] = [
  { protection: "a user namespace", script: call(`libc.unshare(${NEW_USER_NAMESPACE})`) },
  { protection: "a keyring", script: call(`libc.syscall(${keyctl}, ${JOIN_SESSION}, None)`) },
  { protection: "a ring of io_uring", script: call(`libc.syscall(${ioUring}, 4, ctypes.create_string_buffer(256))`) },
].map(({ protection, script }) => ({
  protection: `the filter of calls, against ${protection}`,
  attack: (stage) => works(stage, script),
  off: off.seccomp,
}));

const rights = both(off.dropCapabilities, off.checkCapabilities);

export const processMutants: readonly ToolMutant[] = [
  {
    protection: "closing the caller's descriptors before the program",
    attack: inheritsDescriptor,
    off: off.programDescriptors,
    redundant: { heldBy: "closing them in the guard and in init", off: off.earlierDescriptors },
  },
  {
    protection: "dropping capabilities",
    needsRoot: ids,
    attack: readsAsAdministrator,
    off: off.dropCapabilities,
    redundant: { heldBy: "the check that they are gone", off: off.checkCapabilities },
  },
  {
    protection: "the program's own user namespace",
    needsRoot: ids,
    attack: liftsMask,
    off: off.userNamespace,
    redundant: { heldBy: "dropped capabilities, seccomp and Landlock", off: both(rights, off.seccomp, off.landlock) },
  },
  {
    protection: "Landlock's ban on mounting",
    needsRoot: ids,
    attack: liftsMask,
    off: off.landlock,
    redundant: {
      heldBy: "dropped capabilities, the user namespace and seccomp",
      off: both(rights, off.userNamespace, off.seccomp),
    },
  },
  {
    protection: "the filter of calls, against mounting",
    needsRoot: ids,
    attack: liftsMask,
    off: off.seccomp,
    redundant: {
      heldBy: "dropped capabilities, the user namespace and Landlock",
      off: both(rights, off.userNamespace, off.landlock),
    },
  },
  {
    protection: "the privacy of the first process",
    needsRoot: ids,
    attack: (stage) => works(stage, `import os\nos.close(os.open("/proc/1/exe", os.O_RDONLY))\nprint("worked")`),
    off: off.privacyOfInit,
    redundant: { heldBy: "the user namespace and Landlock", off: both(off.userNamespace, off.landlock) },
  },
  {
    protection: "leaving the caller's groups",
    needsRoot: ids,
    person: "root-elsewhere",
    attack: readsByGroup,
    off: off.groups,
  },
  {
    protection: "limits of the process",
    attack: (stage) =>
      works(
        stage,
        `import os, resource\nmost = resource.getrlimit(resource.RLIMIT_NOFILE)[1]\nresource.setrlimit(resource.RLIMIT_NOFILE, (most, most))\nfor _ in range(5000): os.dup(0)\nprint("worked")`,
      ),
    off: off.limits,
  },
  {
    protection: "leaving the caller's keyring",
    attack: findsKey,
    off: off.keyring,
    redundant: { heldBy: "the filter of calls", off: off.seccomp },
  },
  { protection: "the IPC namespace", attack: makesSegment, off: off.ipcNamespace },
];

export const treeMutants: readonly ToolMutant[] = [
  {
    protection: "the cover over /proc/sys",
    needsRoot: "the settings belong to root",
    // In the network namespace of the run alone.
    attack: (stage) => stage.sh("echo 65 >/proc/sys/net/ipv4/ip_default_ttl && echo worked").stdout.includes("worked"),
    off: off.coverOfSettings,
  },
  {
    protection: "the masks over what the kernel tells of itself",
    attack: (stage) => Number(stage.sh("head -c 64 /proc/kallsyms | wc -c").stdout) > 0,
    off: off.masksInProc,
  },
  { protection: "the check of what was mounted", attack: runsOnOtherTree, off: off.expectations },
  { protection: "binding again what the host replaced", attack: replacedByHost, off: off.rebind },
  { protection: "covering again what the host put under a mask", attack: unmaskedByHost, off: off.rebind },
  { protection: "the last look after a launcher that was killed", attack: leavesHook, off: off.aftermath },
  {
    protection: "the guard's watch over the launcher",
    attack: outlivesLauncher,
    off: off.guardLifeline,
    redundant: { heldBy: "init's own", off: off.initLifeline },
  },
  {
    protection: "death with the parent process",
    attack: outlivesGuard,
    off: off.deathSignals,
    redundant: { heldBy: "init's watch over the launcher", off: off.initLifeline },
  },
];
