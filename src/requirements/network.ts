import { locating, parseDomainPattern, readProfile, SandboxedError } from "../policy/index.ts";
import type { CredentialRule, DomainRule, Provenance, UnixSocketRule } from "../policy/index.ts";
import { at } from "../policy/index.ts";
import type { Source } from "./source.ts";

/** What one source says about the network. */
export interface NetworkRequirement {
  /** Where it says anything at all. */
  readonly place: Provenance;
  readonly allowed: readonly DomainRule[];
  readonly denied: readonly DomainRule[];
  /** Where it says that its allowed destinations are the only ones. */
  readonly only: Provenance | null;
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
export function networkOf(source: Source): NetworkRequirement {
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
  const listed = (key: "network.allowed_domains" | "network.denied_domains"): readonly DomainRule[] =>
    (get(key) ?? []).map((pattern, index) => {
      const provenance = place(key, index);
      locating(provenance, () => parseDomainPattern(pattern));
      return { pattern, access: key === "network.allowed_domains" ? "allow" : "deny", resolveTo: [], provenance };
    });
  const tabled = tables(source);
  const sockets = [
    ...tabled.sockets,
    ...(get("network.allow_unix_sockets") ?? []).map((path, index): UnixSocketRule => {
      const provenance = place("network.allow_unix_sockets", index);
      return { path, access: "allow", dangerous: false, provenance };
    }),
  ];
  const only =
    get("network.managed_allowed_domains_only") === true ? place("network.managed_allowed_domains_only") : null;
  const allowed = [...tabled.domains.filter(({ access }) => access === "allow"), ...listed("network.allowed_domains")];
  return {
    place: place("network.enabled"),
    allowed,
    denied: [...tabled.domains.filter(({ access }) => access === "deny"), ...listed("network.denied_domains")],
    only,
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

/** The tables that are written as in a profile, read as a profile's. */
function tables({ get, place }: Source): {
  readonly domains: readonly DomainRule[];
  readonly sockets: readonly UnixSocketRule[];
  readonly credentials: readonly CredentialRule[];
} {
  const domains = get("network.domains");
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
