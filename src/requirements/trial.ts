import type { Provenance } from "../policy/index.ts";
import type { Source } from "./source.ts";

/** Lists of what is denied, each of whose members can be on trial by itself. */
export const deniedLists = [
  "permissions.filesystem.deny_read",
  "permissions.filesystem.deny_write",
  "network.denied_domains",
] as const;

export type DeniedList = (typeof deniedLists)[number];

/** A member of such a list. */
export interface DeniedMember {
  /** A path, or a pattern of paths or destinations. */
  readonly text: string;
  readonly place: Provenance;
  /** Its own `report_only_until`. */
  readonly until: string | null;
}

/** The members of one list, as a source writes them. */
export function membersOf({ get, place }: Pick<Source, "get" | "place">, key: DeniedList): readonly DeniedMember[] {
  return (get(key) ?? []).map((member, index) => ({
    text: typeof member === "string" ? member : "path" in member ? member.path : member.domain,
    place: place(key, index),
    until: typeof member === "string" ? null : member.report_only_until,
  }));
}

/** Every time until which something is on trial, with its place. */
export function trialsOf(source: Source): readonly (readonly [place: Provenance, until: string])[] {
  const { get, place } = source;
  const tables = (["permissions.filesystem.report_only_until", "network.report_only_until"] as const).flatMap((key) => {
    const until = get(key);
    return until === undefined ? [] : [[place(key), until] as const];
  });
  const members = deniedLists.flatMap((key) =>
    membersOf(source, key).flatMap((member) => (member.until === null ? [] : [[member.place, member.until] as const])),
  );
  const destinations = Object.entries(get("network.domains") ?? {}).flatMap(([pattern, rule]) => {
    const until = typeof rule === "string" ? undefined : rule.report_only_until;
    return until === undefined ? [] : [[place("network.domains", pattern), until] as const];
  });
  const rules = (get("rules.prefix_rules") ?? []).flatMap(({ report_only_until: until }, index) =>
    until === undefined ? [] : [[place("rules.prefix_rules", index, "report_only_until"), until] as const],
  );
  return [...tables, ...members, ...destinations, ...rules];
}

/** A rule's own time counts before that of its table. */
export function isOnTrial(own: string | null | undefined, tables: string | undefined, now: number): boolean {
  const until = own ?? tables;
  return until !== undefined && Date.parse(until) > now;
}
