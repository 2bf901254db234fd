import { parseDomainPattern } from "../names/host.ts";
import type { ResolvedPolicy } from "../model/resolved.ts";

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
