import type { AbsolutePath, Oracle, ResolvedPolicy } from "../../../policy/index.ts";
import type { HostFacts, KernelFacts } from "../../facts.ts";
import type { ToolFolders } from "../../folders.ts";
import type { LaunchPlan } from "../../plan.ts";
import type { Publication } from "../../request.ts";
import type { Survey } from "../../protection/index.ts";

/** What a start needs: everything is decided, nothing has happened. Prepared just now, or recalled. */
export interface Launchable {
  readonly plan: LaunchPlan;
  /** See `fingerprint`: the module that makes it costs milliseconds to load. */
  readonly fingerprint: () => string;
  readonly folders: ToolFolders;
  /** The look at the writable roots; null when a recalled launch does not fit the host any more. */
  readonly survey: () => Survey | null;
  /** The person's, canonical. */
  readonly home: AbsolutePath;
  readonly kernel: Pick<KernelFacts, "arch" | "bwrap" | "landlockAbi">;
  readonly warnings: readonly string[];
  readonly publish: readonly Publication[];
  /** Files and folders that are denied, to look for second names of. */
  readonly denied: () => readonly AbsolutePath[];
  /** What explains a refusal. A recalled launch has to be prepared for it after all. */
  readonly known: () => Promise<Known>;
}

/** Whom to ask about a decision, and what is known of the host. */
export interface Known {
  readonly oracle: Oracle;
  readonly resolved: ResolvedPolicy;
  readonly facts: HostFacts;
}
