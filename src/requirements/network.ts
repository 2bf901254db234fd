import { locating, parseDomainPattern, readProfile, SandboxedError } from "../policy/index.ts";
import type { CredentialRule, DomainRule, Provenance, UnixSocketRule } from "../policy/index.ts";
import { at } from "../policy/index.ts";
import type { RawValue } from "./schema.ts";
import type { Source } from "./source.ts";
import { isOnTrial, membersOf } from "./trial.ts";

/** What one source says about the network. */
export interface NetworkRequirement {
  /** Where it says anything at all. */
  readonly place: Provenance;
  readonly allowed: readonly DomainRule[];
  readonly denied: readonly DomainRule[];
  /** Where it says that its allowed destinations are the only ones. */
  readonly only: Provenance | null;
  /** What of these two is recorded, and does not hold yet. */
  readonly onTrial: Pick<NetworkRequirement, "denied" | "only">;
  readonly sockets: readonly UnixSocketRule[];
  readonly credentials: readonly CredentialRule[];
  /** Where it closes private addresses. */
  readonly closesLocal: Provenance | null;
  /** Where it closes sockets that hand out the host. */
  readonly closesDangerous: Provenance | null;
  /** True when it says which destinations there are. */
  readonly isBaseline: boolean;
}

/** Errors: `policy_invalid`, with the place. */
export function networkOf(source: Source, now: number): NetworkRequirement {
  const { get, place } = source;
  const lists = (["network.allowed_domains", "network.denied_domains"] as const).filter(
    (key) => get(key) !== undefined,
  );
  const [list] = lists;
  if (get("network.domains") !== undefined && list !== undefined) {
    throw new SandboxedError("policy_invalid", `${at(place(list))}domains and ${list.slice(8)} cannot both be set`, {
      hint: "keep one of the two forms",
    });
  }
  const ofAll = get("network.report_only_until");
  const tabled = tables(source);
  const written = get("network.domains") ?? {};
  const denied: readonly Denied[] = [
    ...tabled.domains.flatMap((rule): readonly Denied[] => {
      const raw = written[rule.pattern];
      const until = typeof raw === "object" ? raw.report_only_until : null;
      return rule.access === "deny" ? [{ rule, isOnTrial: isOnTrial(until, ofAll, now) }] : [];
    }),
    ...membersOf(source, "network.denied_domains").map(({ text, place: provenance, until }) => ({
      rule: listedRule(text, "deny", provenance),
      isOnTrial: isOnTrial(until, ofAll, now),
    })),
  ];
  const sockets = [
    ...tabled.sockets,
    ...(get("network.allow_unix_sockets") ?? []).map((path, index): UnixSocketRule => {
      const provenance = place("network.allow_unix_sockets", index);
      return { path, access: "allow", dangerous: false, provenance };
    }),
  ];
  const sole =
    get("network.managed_allowed_domains_only") === true ? place("network.managed_allowed_domains_only") : null;
  const isTrial = isOnTrial(null, ofAll, now);
  const only = isTrial ? null : sole;
  const allowed = [
    ...tabled.domains.filter(({ access }) => access === "allow"),
    ...(get("network.allowed_domains") ?? []).map((pattern, index) =>
      listedRule(pattern, "allow", place("network.allowed_domains", index)),
    ),
  ];
  return {
    place: place("network.enabled"),
    allowed,
    denied: denied.flatMap(({ rule, isOnTrial: on }) => (on ? [] : [rule])),
    only,
    onTrial: {
      denied: denied.flatMap(({ rule, isOnTrial: on }) => (on ? [rule] : [])),
      only: isTrial ? sole : null,
    },
    sockets,
    credentials: tabled.credentials,
    closesLocal: get("network.allow_local_binding") === false ? place("network.allow_local_binding") : null,
    closesDangerous:
      get("network.dangerously_allow_all_unix_sockets") === false
        ? place("network.dangerously_allow_all_unix_sockets")
        : null,
    isBaseline: allowed.length > 0 || only !== null,
  };
}

interface Denied {
  readonly rule: DomainRule;
  readonly isOnTrial: boolean;
}

function listedRule(pattern: string, access: "allow" | "deny", provenance: Provenance): DomainRule {
  locating(provenance, () => parseDomainPattern(pattern));
  return { pattern, access, resolveTo: [], provenance };
}

/** The tables that are written as in a profile, read as a profile's. */
function tables({ get, place }: Source): {
  readonly domains: readonly DomainRule[];
  readonly sockets: readonly UnixSocketRule[];
  readonly credentials: readonly CredentialRule[];
} {
  const domains = withoutTrials(get("network.domains"));
  const sockets = get("network.unix_sockets");
  const credentials = get("network.header_injections");
  const keys = {
    domains: "network.domains",
    unix_sockets: "network.unix_sockets",
    credentials: "network.header_injections",
  } as const;
  const network = {
    ...(domains && { domains }),
    ...(sockets && { unix_sockets: sockets }),
    ...(credentials && { credentials }),
  };
  const patch = readProfile("requirements", { network }, ([, , , table = "", ...rest]) => {
    const key = Object.entries(keys).find(([name]) => name === table)?.[1];
    return key === undefined ? place("network.enabled") : place(key, ...rest);
  });
  return {
    domains: patch.network?.domains ?? [],
    sockets: patch.network?.unixSockets ?? [],
    credentials: patch.network?.credentials ?? [],
  };
}

/** A profile knows no trials. */
function withoutTrials(domains: RawValue<"network.domains"> | undefined) {
  if (domains === undefined) return undefined;
  return Object.fromEntries(
    Object.entries(domains).map(([pattern, rule]) => {
      if (typeof rule === "string") return [pattern, rule] as const;
      const { report_only_until: _, ...own } = rule;
      return [pattern, own] as const;
    }),
  );
}
