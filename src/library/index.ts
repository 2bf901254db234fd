export { withDefaults } from "./defaults.ts";
export { equip, prepare, start } from "./gated.ts";
export type { LaunchRequest, LaunchStart } from "./gated.ts";
export { policyFrom } from "./policy.ts";
export { run } from "./run.ts";
export type { RunOptions, Started } from "./run.ts";
