import type { AbsolutePath, ProtectPolicy } from "../../../policy/index.ts";
import type { LaunchPlan } from "../../plan.ts";
import { gitEnvironment, survey } from "../../protection/index.ts";
import type { Survey } from "../../protection/index.ts";

/** What a look at the writable roots starts from. */
export interface SurveyRequest {
  /** Existing directories, canonical. */
  readonly roots: readonly AbsolutePath[];
  /** Directories inside of the roots that somebody named, and workspaces there: names count at their top as well. */
  readonly tops: readonly AbsolutePath[];
  readonly protect: ProtectPolicy;
  readonly home: AbsolutePath;
}

/** The look itself, made afresh before each launch. */
export function surveyFor(
  { roots, tops, protect, home }: SurveyRequest,
  environment: ReadonlyMap<string, string>,
): Survey {
  return survey(roots, tops, protect, gitEnvironment(home, environment));
}

/** A protected name that the person gave free by its own name is not watched either. */
export function withoutFreed(found: Survey, plan: Pick<LaunchPlan, "missing">): Survey {
  const watched = new Set(plan.missing);
  const paths = found.protection.paths.filter(({ path, kind }) => kind !== "missing" || watched.has(path));
  return { ...found, protection: { ...found.protection, paths } };
}
