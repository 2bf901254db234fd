import { isTable, MOST_PAGES, nextCursor } from "../catalogue.ts";
import type { JsonTable } from "../catalogue.ts";
import type { RelayRules } from "./relay-rules.ts";

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
    const next = isTable(result) ? nextCursor(result) : null;
    if (next === null || next === cursor) return;
    cursor = next;
  }
}
