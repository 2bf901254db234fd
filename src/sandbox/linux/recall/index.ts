/**
 * A launch that was decided before, for a run of which nothing has changed. Preparing is a function of the request,
 * of what the disk answers and of the survey: where all three are the same, so is the plan.
 */
import type { AbsolutePath } from "../../../policy/index.ts";
import { toolFolders } from "../../folders.ts";
import type { Survey } from "../../protection/index.ts";
import type { Known, Launchable } from "../run/launchable.ts";
import type { Prepared } from "../run/prepare.ts";
import { surveyFor, withoutFreed } from "../run/survey.ts";
import type { SurveyRequest } from "../run/survey.ts";
import { saysTheSame } from "./answers.ts";
import type { Answers } from "./answers.ts";
import { compareMountTable } from "./mount-table.ts";

export { notingDisk } from "./answers.ts";
export type { Answers } from "./answers.ts";

/** A prepared launch as plain JSON. Of the caller's environment it holds names alone. */
export interface KeptLaunch {
  readonly answers: Answers;
  readonly survey: { readonly asked: KeptSurveyRequest; readonly said: string };
  readonly plan: Omit<Prepared["plan"], "environment">;
  readonly fingerprint: string;
  /** A value of null stands for the caller's own. */
  readonly environment: readonly (readonly [name: string, value: string | null])[];
  readonly home: Launchable["home"];
  readonly kernel: Launchable["kernel"];
  readonly denied: ReturnType<Launchable["denied"]>;
}

type KeptSurveyRequest = Omit<SurveyRequest, "protect"> & {
  readonly protect: Omit<SurveyRequest["protect"], "off"> & { readonly off: readonly string[] };
};

/** What may differ from the run that was prepared. */
export interface Recalling {
  readonly environment: ReadonlyMap<string, string>;
  /** Without the program's name. */
  readonly arguments: readonly string[];
  readonly session: string;
  readonly known: () => Promise<Known>;
}

const SESSION = "SANDBOXED_SESSION_ID";

/**
 * Null for a launch that does something before it can be seen whether it still may: bubblewrap makes what a mask is put
 * over, placeholders are made for the run, warnings are told.
 */
export function keep(prepared: Prepared, answers: Answers): KeptLaunch | null {
  const { plan, surveyed, home, kernel, warnings, facts } = prepared;
  if (plan.backend === "none" || plan.placeholders.length > 0 || warnings.length > 0) return null;
  // Whoever serves a door needs the policy itself.
  if (plan.door !== null) return null;
  if (plan.mounts.some((step) => step.do === "mask")) return null;
  const { environment, ...rest } = plan;
  const { arch, bwrap, landlockAbi } = kernel;
  const { protect } = surveyed.asked;
  return {
    answers,
    survey: { asked: { ...surveyed.asked, protect: { ...protect, off: [...protect.off] } }, said: said(surveyed.said) },
    plan: { ...rest, argv: rest.argv.slice(0, 1) },
    environment: environment.map(([name, value]) => [
      name,
      name === SESSION || facts.environment.get(name) === value ? null : value,
    ]),
    fingerprint: prepared.fingerprint(),
    home,
    kernel: { arch, bwrap, landlockAbi },
    denied: prepared.denied(),
  };
}

/** The launch again. Whether the host still says what it said is found out by `survey`, before the program starts. */
export function recall(kept: KeptLaunch, now: Recalling): Launchable {
  const { plan, home, kernel, denied, answers } = kept;
  const isSameTable = answers.mounts === null ? () => false : compareMountTable(answers.mounts.table);
  return {
    plan: {
      ...plan,
      argv: [...plan.argv, ...now.arguments],
      environment: kept.environment.map(([name, value]) => [
        name,
        value ?? (name === SESSION ? now.session : (now.environment.get(name) ?? "")),
      ]),
    },
    fingerprint: () => kept.fingerprint,
    folders: toolFolders(now.environment),
    survey: () => surveyAgain(kept, now.environment, isSameTable),
    home,
    kernel,
    warnings: [],
    publish: [],
    denied: () => denied,
    known: now.known,
  };
}

function surveyAgain(
  { answers, survey, plan }: KeptLaunch,
  environment: Recalling["environment"],
  isSameTable: () => boolean,
): Survey | null {
  if (!saysTheSame(answers, isSameTable)) return null;
  const { asked } = survey;
  const request = { ...asked, protect: { ...asked.protect, off: new Set(asked.protect.off) } };
  const found = surveyFor(request, environment);
  return said(found) === survey.said ? withoutFreed(found, plan) : null;
}

function said({ scan, ...rest }: Survey): string {
  return JSON.stringify({ ...rest, scan: { ...scan, time: 0 } });
}

/** What a program sees of the host, and not of a private place. */
export function shownPlaces({ mounts }: Prepared["plan"]): readonly AbsolutePath[] {
  return mounts.flatMap((step) => (step.do === "bind" && step.from === step.to ? [step.to] : []));
}
