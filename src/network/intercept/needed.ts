import { parseDomainPattern } from "../../policy/index.ts";
import type { ResolvedPolicy } from "../../policy/index.ts";

/** Whether a rule wants to look into requests inside of TLS, or puts credentials into requests. */
export function needsInterception({ layers }: Pick<ResolvedPolicy, "layers">): boolean {
  return layers.some(
    ({ network: { credentials, http } }) =>
      credentials.length > 0 ||
      // Port 80 takes plain HTTP alone.
      http.some(
        ({ pattern, methods, paths }) =>
          (methods !== null || paths !== null) && parseDomainPattern(pattern).port !== 80,
      ),
  );
}
