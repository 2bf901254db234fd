import type { AbsolutePath, Denial } from "../../../policy/index.ts";
import { findRefusals, toDenial } from "../../refusals/index.ts";
import type { DoorRefusal } from "./entrances.ts";
import type { Known } from "./launchable.ts";

export interface Unexplained {
  /** The program's standard error. */
  readonly text: Buffer;
  readonly atDoor: readonly DoorRefusal[];
  readonly cwd: AbsolutePath;
  readonly known: Known;
  readonly session: string;
}

/** What the door refused, and what the program's standard error tells of refusals, judged by the oracle. */
export function explain({ text, atDoor, cwd, known, session }: Unexplained): readonly Denial[] {
  const { oracle, facts } = known;
  const told = findRefusals({
    text,
    oracle,
    cwd,
    home: facts.account.home,
    environment: facts.environment,
    exists: (path) => facts.look(path).kind !== "missing",
  });
  const time = new Date().toISOString();
  // The door knows which host it was; words about it in the error say less.
  const named = atDoor.length === 0 ? told : told.filter(({ query }) => query.op !== "connect" && query.op !== "dns");
  return [...atDoor, ...named].map((refusal) => toDenial(refusal, { session, time }));
}
