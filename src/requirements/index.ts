/** What the organisation insists on: its sources, how they combine, and the meet with what the user asked for. */
export { loadRequirements, noRequirements } from "./load.ts";
export type { RequirementsRequest } from "./load.ts";
export { bound } from "./bound.ts";
export type { BoundConfig } from "./bound.ts";
export type { Combined, Constrained, Constraint } from "./constrained.ts";
export type { Field } from "./fields.ts";
export type { Exception } from "./exceptions.ts";
export type {
  ApprovalPolicy,
  ApprovalReviewer,
  BundleState,
  EnforcementLevel,
  Kept,
  PolicyTest,
  Requirements,
} from "./model.ts";
export type { SourceSummary } from "./source.ts";
