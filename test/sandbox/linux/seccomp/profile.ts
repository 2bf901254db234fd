import { readFileSync } from "node:fs";
import { parse } from "smol-toml";
import { parseTable, type SeccompArch, type Table } from "../../../../src/sandbox/linux/seccomp/index.ts";

/** The shipped table, read from its source. */
export const document: Record<string, unknown> = parse(
  readFileSync(new URL("../../../../sandbox-profiles/seccomp.toml", import.meta.url), "utf8"),
);
export const table: Table = parseTable(document);

export function namesOf(arch: SeccompArch): ReadonlyMap<number, string> {
  const names = new Map<number, string>();
  for (const [name, byArch] of table.numbers) {
    const number = byArch.get(arch);
    if (number !== undefined) names.set(number, name);
  }
  return names;
}
