import { escapeText, formatDuration, formatSize } from "../policy/index.ts";
import { printRefusal } from "../sandbox/index.ts";
import type { LaunchPlan, RunOutcome } from "../sandbox/index.ts";

/** Paths are shown as short as these allow. */
type Places = Parameters<typeof printRefusal>[1];

/** What a person is told after a run: refusals, repairs, the limit that ended it. Nothing when all went well. */
export function outcomeText(outcome: RunOutcome, verbose: boolean, places: Places): readonly string[] {
  return [
    ...limitText(outcome),
    ...outcome.repairs.map(({ path, action, kept }) => {
      const where = kept === null ? "" : `, kept in ${escapeText(kept)}`;
      return `protected: ${escapeText(path)} was ${action}${where}`;
    }),
    ...outcome.denials.flatMap((denial) => printRefusal(denial, places)),
    ...outcome.notices.map((notice) => `note: ${escapeText(notice)}`),
    ...(verbose ? verboseText(outcome) : []),
  ];
}

/** What `-v` tells before the start. */
export function planText(plan: LaunchPlan, dropped: readonly string[]): readonly string[] {
  return [
    `profile ${escapeText(plan.profile)}, backend ${plan.backend}, network ${plan.network}`,
    ...(dropped.length === 0 ? [] : [`dropped from the environment: ${dropped.map(escapeText).join(" ")}`]),
    ...plan.reductions.map(
      ({ rule, holds, why }) => `holds in part: ${escapeText(rule)}: ${holds} (${escapeText(why)})`,
    ),
  ];
}

function limitText({ limit }: RunOutcome): readonly string[] {
  if (limit === null) return [];
  const amount = limit.allowed === null ? "" : ` of ${limitAmount(limit.name, limit.allowed)}`;
  switch (limit.name) {
    case "wall_time":
      return [`ended: the time limit${amount} was over (--timeout)`];
    case "memory":
      return [`ended: it used more memory than the limit${amount} (--memory)`];
    case "processes":
      return [`ended: it had more processes than the limit${amount} (--processes)`];
    case "home_size":
      return [`ended: its private home grew above the limit${amount} (limits.home_size)`];
    case "tampering":
      return ["ended: a protected file was changed"];
    case "requirements":
      return ["ended: what the organisation requires has changed, and it could not start any more"];
    default:
      return limit.name satisfies never;
  }
}

function limitAmount(name: string, allowed: number): string {
  if (name === "wall_time") return formatDuration(allowed);
  return name === "processes" ? String(allowed) : formatSize(allowed);
}

function verboseText({ handOff, session, timing }: RunOutcome): readonly string[] {
  const files = handOff.map(
    ({ path, category, change }) =>
      `look at it before you use it: ${escapeText(path)} (${change}, ${escapeText(category)})`,
  );
  return [...files, `session ${session}: set up in ${timing.setup} ms, ran ${timing.wall} ms`];
}
