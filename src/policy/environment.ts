import { SandboxedError } from "./error.ts";
import type { Decision } from "./decision.ts";
import type { EnvironmentPolicy } from "./model.ts";
/** Which of the caller's variables a program gets, `set` included, and why the others do not pass. */
export function filterEnvironment(
  _environment: EnvironmentPolicy,
  _host: ReadonlyMap<string, string>,
): {
  readonly kept: ReadonlyMap<string, string>;
  readonly dropped: readonly { readonly name: string; readonly decision: Decision }[];
} {
  throw new SandboxedError("not_supported", "not built yet");
}
