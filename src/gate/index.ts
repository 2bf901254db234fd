/**
 * The one gate. Every policy passes it on the way to a sandbox, whoever made it, and comes out no wider than what the
 * organisation requires and the user's ceiling leaves.
 */
export { bindPolicy } from "./bind-policy.ts";
export type { BindRequest, Bound } from "./bind-policy.ts";
export { checkPrepared } from "./check-prepared.ts";
export type { Managed } from "./check-prepared.ts";
export { loadGated } from "./load-gated.ts";
export type { Asking, GatedConfig, GatedRequest } from "./load-gated.ts";
export { meet } from "./meet.ts";
export { mismatchText, runTests } from "./policy-tests.ts";
