import type { Provenance } from "../policy/index.ts";
import { isMerged } from "./combine.ts";
import { idleKeys } from "./idle.ts";
import { keyNames, keys } from "./keys.ts";
import type { Key, KeyRow } from "./keys.ts";
import type { Requirements } from "./model.ts";

/** A key in force, as it is shown. */
export interface Field extends Pick<KeyRow, "combine" | "conflict"> {
  readonly key: Key;
  /** As TOML and JSON have it. */
  readonly value: unknown;
  /** Who made it what it is, lowest rank first. */
  readonly from: readonly Provenance[];
  /** Nothing in this version acts on it. */
  readonly isIdle: boolean;
}

/** Every key that a source says something about, in the order of the table; more than once where each source's holds. */
export function fieldsOf(requirements: Requirements): readonly Field[] {
  return keyNames.flatMap((key): readonly Field[] => {
    const { combine, conflict } = keys[key];
    const isIdle = idleKeys.has(key);
    if (isMerged(key)) {
      const merged = requirements.merged(key);
      return merged === null ? [] : [{ key, combine, conflict, isIdle, ...merged }];
    }
    return requirements.kept(key).map(({ value, place }) => ({ key, combine, conflict, isIdle, value, from: [place] }));
  });
}
