import { startWatch } from "../../protection/index.ts";
import type { Finding, Survey } from "../../protection/index.ts";

/** What a run leaves for the case that its launcher is killed: all that the last look needs. */
export interface Estate {
  readonly session: string;
  /** The tool's own folder. */
  readonly state: string;
  /** Where what is moved aside is kept. */
  readonly quarantine: string;
  readonly survey: Survey;
}

/** Copies of what could not be pinned died with the launcher. */
export function estateText({ survey, ...estate }: Estate): string {
  const paths = survey.protection.paths.filter(({ kind }) => kind === "missing");
  const protection = { ...survey.protection, paths, unpinned: [], borrowed: [] };
  return JSON.stringify({ ...estate, survey: { ...survey, protection } } satisfies Estate);
}

/** The last look at a run whose launcher was killed, once nothing of it is alive. Null where it had not begun. */
export function settleEstate(
  text: string,
): (Omit<Estate, "survey"> & { readonly findings: readonly Finding[] }) | null {
  if (text === "") return null;
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- `estateText` wrote it, where nobody else can
  const { survey, ...estate } = JSON.parse(text) as Estate;
  const watch = startWatch({ survey, folder: estate.quarantine, onRepair: () => {} });
  return { ...estate, findings: watch.sweep() };
}
