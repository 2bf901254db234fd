import { needsInterception } from "../../policy/index.ts";
import type { Interception, InterceptionOptions } from "./interception.ts";

/** What a run needs to read TLS and to send credentials, null when no rule asks for either. Errors as `openInterception`. */
export async function interceptionFor(options: InterceptionOptions): Promise<Interception | null> {
  if (!needsInterception(options.policy)) return null;
  const { openInterception } = await import("./index.ts");
  return openInterception(options);
}
