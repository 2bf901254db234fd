import type { Unfinished } from "../audit/index.ts";

/** Removes what sessions left beside files whose processes died while they changed them. */
export async function removeLeftovers(unfinished: readonly Unfinished[]): Promise<void> {
  if (unfinished.length === 0) return;
  const { sweepLeftovers } = await import("../session/index.ts");
  for (const { pid, paths } of unfinished) sweepLeftovers(pid, paths);
}
