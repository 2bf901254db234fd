import type { LaunchPlan } from "../../plan.ts";

/** SHA-256, hex, of a plan without what belongs to one run alone: its arguments, and what its variables hold. */
export function fingerprint({ argv: [name = ""], environment, ...rest }: LaunchPlan): string {
  const plan = { ...rest, name, environment: environment.map(([variable]) => variable) };
  return process.getBuiltinModule("node:crypto").createHash("sha256").update(JSON.stringify(plan)).digest("hex");
}
