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
  /** Nothing is left of the run without it: that ends, too. */
  readonly isAll?: boolean;
}

/** A program that was started in a run's name, in a sandbox of its own. Its door is narrowed, or it is ended. */
export function runningPart({ name, running, request, began, own, isAll = false }: RunningPart): Part {
  const itsOwn = own ?? ((policy) => policy);
  let held: Terms | null = null;
  /** Why it may not go on; null when it may. */
  const problemWith = async (terms: Terms): Promise<string | null> => {
    const { judge } = await import("./judge.ts");
    try {
      held ??= { ...began, policy: itsOwn(began.policy) };
      const judgement = judge(request, held, { ...terms, policy: itsOwn(terms.policy) });
      if (judgement.kind === "ended") return judgement.why;
      if (judgement.kind === "unchanged") return null;
      held = judgement.terms;
      if (judgement.prepared !== null) await (await running.door())?.update(judgement.prepared.resolved);
      return null;
    } catch (error) {
      if (error instanceof SandboxedError) return error.message;
      throw error;
    }
  };
  return {
    async narrow(terms) {
      const why = await problemWith(terms);
      if (why === null) return [];
      running.revoke();
      if (isAll) throw new SandboxedError("requirements_conflict", why);
      return [`${name} could not start any more and is ended: ${why}`];
    },
  };
}
