import { SandboxedError } from "../../../policy/index.ts";
import type { KernelFacts } from "../../facts.ts";
import type { Backend } from "../../plan.ts";

/**
 * The highest rung this host reaches, or the one asked for if it is reached.
 * Errors: `backend_missing`, `backend_refused`, each naming what is in the way and the rung that remains.
 */
export function chooseBackend(asked: Backend | null, kernel: KernelFacts): Backend {
  const [highest] = reachableBackends(kernel);
  if (asked === null && highest !== undefined && highest !== "landlock") return highest;
  if (asked !== null && reachableBackends(kernel).includes(asked)) return asked;
  const { bwrap, userNamespaces } = kernel;
  const remains = highest === undefined ? "nothing remains" : `what remains is ${backendOption(highest)}`;
  if ("missing" in bwrap) {
    throw new SandboxedError("backend_missing", `there is no bubblewrap to use: ${bwrap.missing}`, {
      hint: `install it if it is missing (Debian, Ubuntu: apt install bubblewrap); ${remains}`,
    });
  }
  if (userNamespaces !== "ok") {
    throw new SandboxedError("backend_refused", `this kernel forbids user namespaces: ${userNamespaces.refusedBy}`, {
      hint: `setting: ${userNamespaces.setting}; ${remains}`,
    });
  }
  throw new SandboxedError("backend_refused", `this host does not reach --backend ${asked ?? "bwrap"}`, {
    hint: remains,
  });
}

/** What a person adds to take a rung that is not taken by itself, and for what. */
export function backendOption(backend: Backend): string {
  if (backend !== "landlock") return `--backend ${backend}`;
  return "--backend landlock --enable use_legacy_landlock, for policies that Landlock can express, as :read-only";
}

/** Rungs of the ladder, best first. */
export function reachableBackends(kernel: KernelFacts): readonly Backend[] {
  const rungs: Backend[] = [];
  if ("path" in kernel.bwrap && kernel.userNamespaces === "ok") {
    if (kernel.freshProc) rungs.push("bwrap");
    rungs.push("bwrap-outer-proc");
  }
  if (kernel.landlockAbi > 0) rungs.push("landlock");
  return rungs;
}
