/** What a run was probably refused, found without tracing in what it printed. Pure. */
export { toDenial } from "./denial.ts";
export { findRefusals } from "./find.ts";
export type { Refusal, RefusalSearch } from "./find.ts";
export type { Errno } from "./phrases.ts";
export { printRefusal } from "./print.ts";
