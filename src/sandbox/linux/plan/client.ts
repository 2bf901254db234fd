import { knownNormal } from "../../../policy/index.ts";
import type { AbsolutePath } from "../../../policy/index.ts";
import type { ProgramEnvironment } from "./environment.ts";
import type { Expectation, MountStep } from "../../plan.ts";

/** In /dev, which is made new by every launch: nothing of the host's is hidden by it. */
const PLACE = knownNormal("/dev/sandboxed-client");

interface Tree {
  readonly mounts: readonly MountStep[];
  readonly expectations: readonly Expectation[];
}

/** Shows the clients of the session channel, in `folder` on the host, read-only. Changes nothing where nothing is mounted. */
export function withClient<T extends Tree>(tree: T, folder: AbsolutePath): T {
  const dev = tree.mounts.findIndex((step) => step.do === "dev");
  if (dev < 0) return tree;
  return {
    ...tree,
    mounts: tree.mounts.toSpliced(dev + 1, 0, { do: "bind", from: folder, to: PLACE, access: "read" }),
    expectations: [...tree.expectations, { path: PLACE, access: "read", identity: null }],
  };
}

/**
 * Where Python looks for it: behind what the caller's own variable names, and what stands there gives way to any other
 * module of its name, so that it counts as the end of the search path. Python knows no variable for that end itself.
 */
export function withClientVariables(
  environment: ProgramEnvironment,
  { mounts }: Tree,
  folder: AbsolutePath,
): ProgramEnvironment {
  const place = mounts.some((step) => step.do === "bind" && step.to === PLACE) ? PLACE : folder;
  const variables = new Map(environment.variables);
  const before = variables.get("PYTHONPATH") ?? "";
  variables.set("PYTHONPATH", `${before === "" ? "" : `${before}:`}${place}/search`);
  return { ...environment, variables: [...variables] };
}
