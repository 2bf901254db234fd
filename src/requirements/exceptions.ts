import { entryFrom, locating, parseDomainPattern } from "../policy/index.ts";
import type { DomainRule, Entry, Provenance } from "../policy/index.ts";
import { matchesHost } from "./host-name.ts";
import { renaming } from "./source.ts";
import type { Source } from "./source.ts";

/** What a source leaves open although its own rules close it, for a time. */
export interface Exception {
  readonly id: string;
  readonly reason: string;
  readonly approver: string;
  /** ISO 8601. */
  readonly expires: string;
  readonly entries: readonly Entry[];
  readonly domains: readonly DomainRule[];
  readonly provenance: Provenance;
}

/** On which machine and for whom it is asked. */
export interface Asker {
  readonly hostname: string;
  readonly user: string;
}

/** Those of a source that hold for the asker now. Errors: `requirements_schema`. */
export function exceptionsOf(source: Source, { hostname, user }: Asker, now: number): readonly Exception[] {
  return renaming(() =>
    (source.get("exceptions") ?? []).flatMap((raw, index) => {
      const place = (...rest: readonly (string | number)[]): Provenance => source.place("exceptions", index, ...rest);
      const { scope, id, reason, approver, expires } = raw;
      const files = raw.permissions?.filesystem ?? {};
      const entries = (["allow_read", "allow_write"] as const).flatMap((key) =>
        (files[key] ?? []).map((path, at) => {
          const provenance = place("permissions", "filesystem", key, at);
          const access = key === "allow_read" ? "read" : "write";
          return locating(provenance, () => entryFrom(path, access, provenance, `exception ${id}: ${path}`));
        }),
      );
      const domains = (raw.network?.allowed_domains ?? []).map((pattern, at): DomainRule => {
        const provenance = place("network", "allowed_domains", at);
        locating(provenance, () => parseDomainPattern(pattern));
        return { pattern, access: "allow", resolveTo: [], provenance };
      });
      const holds =
        Date.parse(expires) > now &&
        (scope?.users === undefined || scope.users.includes(user)) &&
        (scope?.hostnames === undefined || matchesHost(scope.hostnames, hostname));
      return holds ? [{ id, reason, approver, expires, entries, domains, provenance: place() }] : [];
    }),
  );
}
