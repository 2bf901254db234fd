import type { Asking } from "../gate/index.ts";
import { SandboxedError } from "../policy/index.ts";
import { answersOf, isSame, isSource, noting, replaying } from "./answers.ts";
import type { Answers, FileAnswer } from "./answers.ts";
import type { DecideAgain } from "./terms.ts";

/** What came of asking the server of a bundle. */
export interface Fetched {
  /** What it has put into the file where bundles are kept: it counts, whoever puts that away again. */
  readonly kept: Answers;
  /** Why there is no newer one. */
  readonly failure: SandboxedError | null;
}

/** Asks the server of a bundle, which may take its time: nothing else waits for it. `settled`: configuration as it was. */
export async function fetchAnew(
  decide: DecideAgain,
  settled: Answers,
  asking: NonNullable<Asking["asking"]>,
): Promise<Fetched> {
  const files: FileAnswer[] = [];
  const sources = noting(files);
  const configuration = replaying(settled);
  const read: typeof sources = (path, trust) => (isSource({ trust }) ? sources : configuration)(path, trust);
  let failure: SandboxedError | null = null;
  try {
    const { requirements } = await decide({ read, asking: { ...asking, renew: "now" } });
    const words = requirements.flatMap(({ bundle }) => bundle?.failure ?? [])[0];
    if (words !== undefined) failure = new SandboxedError("requirements_fetch", words);
  } catch (error) {
    if (!(error instanceof SandboxedError)) throw error;
    failure = error;
  }
  // Read twice with two answers: before the server was asked, and after.
  const before = answersOf(files.toReversed());
  const kept = [...answersOf(files)].filter(([key, answer]) => !isSame(answer, before.get(key)));
  return { kept: new Map(kept), failure };
}
