import { isWithin, knownNormal } from "../../../policy/index.ts";
import type { AbsolutePath } from "../../../policy/index.ts";
import type { LaunchPlan, MountStep } from "../../plan.ts";

/** A folder that the first process fills: bubblewrap takes as long for these few files as for all the rest. */
export interface Gathering {
  readonly folder: AbsolutePath;
  /** Parents first. */
  readonly entries: readonly GatheredStep[];
}

type GatheredStep = Extract<MountStep, { readonly do: "bind" | "directory" | "symlink" }>;

/** Holds many small things of which programs need a few. */
const FOLDER = knownNormal("/etc");

/** As many as PID 1 has room for. */
const MOST = 256;

/**
 * Null where bubblewrap has to do it: the folder is more than a way to parts of the host's own, read-only, none over another.
 */
export function gathering({ mounts }: Pick<LaunchPlan, "mounts">): Gathering | null {
  const here = mounts.filter((step) => step.to === FOLDER);
  if (here.length !== 1 || here[0]?.do !== "directory") return null;
  const below = mounts.filter((step) => step.to !== FOLDER && isWithin(step.to, FOLDER));
  const entries = below.filter((step) => isGathered(step));
  const shown = entries.filter((step) => step.do === "bind");
  const isAlone = ({ to }: MountStep): boolean => below.every((step) => step.to === to || !isWithin(step.to, to));
  if (entries.length < below.length || entries.length > MOST) return null;
  return shown.length > 0 && shown.every(isAlone) ? { folder: FOLDER, entries } : null;
}

function isGathered(step: MountStep): step is GatheredStep {
  if (step.do === "bind") return step.access === "read" && step.from === step.to;
  return step.do === "directory" || step.do === "symlink";
}
