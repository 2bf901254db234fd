import { SandboxedError } from "./error.ts";
import type { Provenance } from "./decision.ts";
import type { Entry } from "./rule.ts";
/** An entry from one option: `entryFrom("~/x", "read", provenance, "--read ~/x")`. */
export function entryFrom(
  _key: string,
  _access: "deny" | "none" | "read" | "write",
  _provenance: Provenance,
  _text: string,
): Entry {
  throw new SandboxedError("not_supported", "not built yet");
}
