/** Reading requests inside of TLS, and credentials that the program never sees. Loaded when a rule needs it. */
export type { InterceptionOptions, Interception } from "./interception.ts";
export type { KeyringModule, Sources } from "./sources.ts";
export { openInterception } from "./interception.ts";
