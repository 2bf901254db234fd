import type { AbsolutePath, Denial } from "../../../policy/index.ts";
import { findRefusals, toDenial } from "../../refusals/index.ts";
import type { Known } from "./launchable.ts";

/** What the program's standard error tells of refusals, judged by the oracle. */
export function explain(text: Buffer, cwd: AbsolutePath, { oracle, facts }: Known, session: string): readonly Denial[] {
  const refusals = findRefusals({
    text,
    oracle,
    cwd,
    home: facts.account.home,
    environment: facts.environment,
    exists: (path) => facts.look(path).kind !== "missing",
  });
  const time = new Date().toISOString();
  return refusals.map((refusal) => toDenial(refusal, { session, time }));
}
