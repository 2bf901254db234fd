import { SandboxedError } from "../policy/index.ts";
import type { BoundPolicy } from "../policy/index.ts";
import type { PrepareRequest, Running } from "../sandbox/index.ts";
import type { Part, Terms } from "./terms.ts";

export interface RunningPart {
  /** What it is called when it is ended. */
  readonly name: string;
  readonly running: Pick<Running, "door" | "revoke">;
  readonly request: Omit<PrepareRequest, "policy">;
  /** The run's when it was decided. */
  readonly began: Terms;
  /** Its own policy by the run's; the same where absent. */
  readonly own?: (policy: BoundPolicy) => BoundPolicy;
}

/** A program that was started in a run's name, in a sandbox of its own. Its door is narrowed, or it is ended. */
export function runningPart({ name, running, request, began, own = (policy) => policy }: RunningPart): Part {
  let held: Terms | null = null;
  const end = (why: string): readonly string[] => {
    running.revoke();
    return [`${name} could not start any more and is ended: ${why}`];
  };
  return {
    async narrow(terms) {
      const { judge } = await import("./judge.ts");
      try {
        held ??= { ...began, policy: own(began.policy) };
        const judgement = judge(request, held, { ...terms, policy: own(terms.policy) });
        if (judgement.kind === "ended") return end(judgement.why);
        if (judgement.kind === "unchanged") return [];
        held = judgement.terms;
        if (judgement.prepared !== null) await (await running.door())?.update(judgement.prepared.resolved);
        return [];
      } catch (error) {
        if (!(error instanceof SandboxedError)) throw error;
        return end(error.message);
      }
    },
  };
}
