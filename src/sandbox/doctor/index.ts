/** What this host can enforce: checks, the ladder of fallbacks, and the ledger of guarantees. */
export { diagnose } from "./checks.ts";
export type { Check, Examined } from "./checks.ts";
export { ladder } from "./ladder.ts";
export type { Ladder, Rung } from "./ladder.ts";
export { hostLedger, ledger } from "./ledger.ts";
export type { Guarantee, Holds, Launched } from "./ledger.ts";
/** What it looks at. */
export { readFacts } from "../linux/facts/index.ts";
export { builtFolder } from "../linux/run/index.ts";
