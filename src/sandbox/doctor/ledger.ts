import type { KernelFacts } from "../facts.ts";
import type { Backend, LaunchPlan, Reduction } from "../plan.ts";

/** `always`: from the first instruction to the last. The others say what `Reduction` says. */
export type Holds = "always" | Reduction["holds"];

/** A class of rules, the layer that enforces it here, and for how long it holds. */
export interface Guarantee {
  readonly rule: string;
  readonly layer: string;
  readonly holds: Holds;
  /** What is missing where it is not `always`. */
  readonly why: string | null;
}

export type Launched = Pick<LaunchPlan, "backend" | "network" | "landlock" | "pidMax" | "reductions"> & {
  readonly landlockAbi: number;
};

/** What a launch guarantees: what its backend holds by nature, and the reductions that its plan admits. */
export function ledger(launched: Launched): readonly Guarantee[] {
  const rows = byNature(launched);
  for (const { rule, holds, why } of launched.reductions) {
    const at = rows.findIndex((row) => row.rule === rule);
    const layer = rows[at]?.layer ?? "sandboxed-run";
    const row: Guarantee = { rule, layer, holds: weaker(rows[at]?.holds ?? "always", holds), why };
    if (at === -1) rows.push(row);
    else rows[at] = row;
  }
  return rows;
}

/** What a run of the default kind would be given on this host by a backend. */
export function hostLedger(kernel: KernelFacts, backend: Backend): readonly Guarantee[] {
  return ledger({
    backend,
    network: "restricted",
    landlock: kernel.landlockAbi > 0,
    landlockAbi: kernel.landlockAbi,
    pidMax: kernel.pidMaxPerNamespace ? 1 : null,
    reductions: [],
  });
}

const STRENGTH: readonly Holds[] = ["no", "snapshot", "watched", "always"];

function weaker(one: Holds, other: Holds): Holds {
  return STRENGTH.indexOf(one) < STRENGTH.indexOf(other) ? one : other;
}

function byNature(launched: Launched): Guarantee[] {
  switch (launched.backend) {
    case "bwrap":
    case "bwrap-outer-proc":
      return namespaced(launched);
    case "landlock":
      return landlocked(launched);
    case "none":
      return [];
    default:
      return launched.backend satisfies never;
  }
}

/** Landlock keeps abstract sockets in from this ABI on. */
const SCOPES = 6;

function namespaced({ backend, network, landlock, landlockAbi, pidMax }: Launched): Guarantee[] {
  const outerProc = backend === "bwrap-outer-proc";
  const shared = network === "full";
  return [
    always("reading only what is granted", "mount namespace"),
    always("writing only where granted", landlock ? "mount namespace, Landlock" : "mount namespace"),
    always("credentials and denied paths", "mount namespace"),
    always("protected names", "read-only mounts, ancestors pinned"),
    watched("protected names that do not exist yet", "watch and final sweep", "moved aside when they appear"),
    {
      rule: "deny globs",
      layer: "mount namespace",
      holds: "snapshot",
      why: "files that match after the start are not covered",
    },
    {
      rule: "unix sockets",
      layer: "masks",
      holds: "snapshot",
      why: "sockets bound after the start in a granted directory are visible",
    },
    shared
      ? always("abstract sockets", landlock && landlockAbi >= SCOPES ? "Landlock" : "seccomp")
      : always("abstract sockets", "network namespace"),
    shared
      ? { rule: "network", layer: "none", holds: "no", why: "the policy grants the whole network" }
      : always("network", "network namespace"),
    outerProc
      ? {
          rule: "hiding the host's processes",
          layer: "none",
          holds: "no",
          why: "names and arguments are read in the outer /proc",
        }
      : always("hiding the host's processes", "PID namespace, fresh /proc"),
    always("reaching the host's processes", "PID and user namespace"),
    ...everywhere(),
    always("nothing outlives the run", "PID namespace"),
    pidMax === null
      ? watched(
          "number of tasks",
          "RLIMIT_NPROC, watchdog",
          "root is not bound by the limit; the tree is counted at intervals",
        )
      : always("number of tasks", "pid_max of the PID namespace"),
    always("size of temporary directories", "sized tmpfs"),
    watched("memory, home size", "watchdog", "measured at intervals, the tree is killed above the limit"),
  ];
}

function landlocked({ landlockAbi }: Launched): Guarantee[] {
  const scoped = landlockAbi >= SCOPES;
  return [
    always("reading only what is granted", "Landlock"),
    always("writing only where granted", "Landlock"),
    no("hiding what exists", "names, sizes and owners outside the grants can be looked up"),
    always("denying below what may be read", "Landlock: what stands beside it is granted, name by name"),
    no("denying below what may be written", "Landlock cannot: a policy that asks for it is refused"),
    no("modes, times and attributes of files", "those of the program's user can be changed anywhere"),
    no("private temporary directories and home", "there are no mounts: a policy that asks for them is refused"),
    always("network", "seccomp: no sockets but connected pairs"),
    scoped ? always("abstract sockets", "Landlock") : always("abstract sockets", "seccomp"),
    no("hiding the host's processes", "names and arguments are read in /proc"),
    scoped
      ? always("reaching the host's processes", "Landlock: ptrace and signals")
      : no("reaching the host's processes", "signals to processes of the same user arrive"),
    ...everywhere(),
    watched("nothing outlives the run", "watchdog", "there is no PID namespace"),
    watched("number of tasks", "watchdog", "the tree is counted at intervals"),
    watched("memory, home size", "watchdog", "measured at intervals, the tree is killed above the limit"),
  ];
}

function everywhere(): Guarantee[] {
  return [
    always("no new privileges", "no_new_privs, empty capabilities"),
    always("kernel interfaces", "seccomp"),
    always("input pushed into the terminal", "seccomp"),
    always("environment", "launcher"),
    always("open files, core dumps", "resource limits"),
    watched("wall time", "launcher", "a timer ends the tree"),
  ];
}

function always(rule: string, layer: string): Guarantee {
  return { rule, layer, holds: "always", why: null };
}

function no(rule: string, why: string): Guarantee {
  return { rule, layer: "none", holds: "no", why };
}

function watched(rule: string, layer: string, why: string): Guarantee {
  return { rule, layer, holds: "watched", why };
}
