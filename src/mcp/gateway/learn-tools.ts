import { isTable } from "../catalogue.ts";
import type { JsonTable } from "../catalogue.ts";
import type { RelayRules } from "./relay-rules.ts";

const MOST_PAGES = 100;

/** Reads what the server offers, for a call that came before its client had asked. `ask` gives a `tools/list` result. */
export async function learnTools(
  rules: RelayRules,
  { params }: JsonTable,
  ask: (params: JsonTable) => Promise<unknown>,
): Promise<void> {
  const meta = isTable(params) ? params["_meta"] : undefined;
  let cursor: string | undefined;
  for (let page = 0; page < MOST_PAGES; page++) {
    const result = await ask({ ...(isTable(meta) && { _meta: meta }), ...(cursor !== undefined && { cursor }) });
    rules.list(result);
    const next = isTable(result) ? result["nextCursor"] : undefined;
    if (typeof next !== "string" || next === cursor) return;
    cursor = next;
  }
}
