import { parseDomainPattern } from "../../policy/index.ts";
import type { ResolvedPolicy } from "../../policy/index.ts";
import type { Interception, InterceptionOptions } from "./interception.ts";

/** What a run needs to read TLS and to send credentials, null when no rule asks for either. Errors as `openInterception`. */
export async function interceptionFor(options: InterceptionOptions): Promise<Interception | null> {
  if (!needsInterception(options.policy)) return null;
  const { openInterception } = await import("./index.ts");
  return openInterception(options);
}

/** Whether a rule wants to look into requests inside of TLS, or puts credentials into requests. */
export function needsInterception({ layers }: Pick<ResolvedPolicy, "layers">): boolean {
  return layers.some(
    ({ network: { credentials, http } }) =>
      credentials.length > 0 ||
      http.some(
        ({ pattern, methods, paths }) =>
          // Port 80 takes plain HTTP alone.
          (methods !== null || paths !== null) && parseDomainPattern(pattern).port !== 80,
      ),
  );
}
