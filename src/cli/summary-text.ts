import { escapeText } from "../policy/index.ts";
import type { RunOutcome } from "../sandbox/index.ts";
import { dataLines } from "../session/questions/index.ts";
import type { Json } from "../session/index.ts";

/** What the program handed over, apart from what it printed: all of it, escaped, with who said it. */
export function summaryText(summaries: NonNullable<RunOutcome["summaries"]>): readonly string[] {
  const width = Math.max(40, (process.stderr.columns || 80) - 18);
  return summaries.flatMap(({ title, data, by }) => [
    `summary (${escapeText(by)}): ${escapeText(title)}`,
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- it came over the channel
    ...dataLines(data as Json, width).map((line) => `  ${line}`),
  ]);
}
