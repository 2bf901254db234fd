import type { KernelFacts } from "../facts.ts";
import { backendOption, reachableBackends } from "../linux/run/index.ts";
import type { Backend } from "../plan.ts";

/** One rung of the fallback ladder, best first; `refuse` is always reached. */
export interface Rung {
  readonly name: Exclude<Backend, "none"> | "refuse";
  readonly reached: boolean;
  /** What stands in the way, or what this rung gives up. */
  readonly why: string;
}

export interface Ladder {
  readonly rungs: readonly Rung[];
  /** Where a run stands. `landlock` is never taken unasked: it holds less than policies ask for. */
  readonly rung: Rung["name"];
}

/** The rungs this host reaches; `forced` is what `--backend` names, and a rung that is not reached stays refused. */
export function ladder({ kernel }: { readonly kernel: KernelFacts }, forced: Backend | null = null): Ladder {
  const reachable = reachableBackends(kernel);
  const rungs: readonly Rung[] = [
    {
      name: "bwrap",
      reached: reachable.includes("bwrap"),
      why: namespaces(kernel) ?? proc(kernel) ?? "namespaces, mounts, Landlock and seccomp",
    },
    {
      name: "bwrap-outer-proc",
      reached: reachable.includes("bwrap-outer-proc"),
      why: namespaces(kernel) ?? "as bwrap, but programs see which processes the host runs",
    },
    {
      name: "landlock",
      reached: reachable.includes("landlock"),
      why:
        kernel.landlockAbi === 0
          ? "this kernel has no Landlock"
          : `Landlock (ABI ${kernel.landlockAbi}) and seccomp, with ${backendOption("landlock")}`,
    },
    { name: "refuse", reached: true, why: "nothing runs" },
  ];
  const wanted = rungs.find(
    ({ name, reached }) => reached && (forced === null ? name !== "landlock" : name === forced),
  );
  return { rungs, rung: wanted?.name ?? "refuse" };
}

function namespaces({ bwrap, userNamespaces }: KernelFacts): string | null {
  if ("missing" in bwrap) return `bubblewrap: ${bwrap.missing}`;
  if (userNamespaces === "ok") return null;
  const { refusedBy, setting } = userNamespaces;
  return `user namespaces are refused by ${refusedBy}${setting === "" ? "" : ` (${setting})`}`;
}

function proc({ freshProc }: KernelFacts): string | null {
  return freshProc ? null : "a fresh /proc may not be mounted: parts of it are covered, as container engines do";
}
