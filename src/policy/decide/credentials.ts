import { SandboxedError } from "../words/error.ts";
import { coversHost, parseDomainPattern } from "../names/host.ts";
import type { DomainPattern, Host } from "../names/host.ts";
import { compilePath } from "../names/http-path.ts";
import type { PathMatcher } from "../names/http-path.ts";
import type { CredentialRule } from "../model/model.ts";
import { at } from "../words/place.ts";
import type { ResolvedPolicy } from "../model/resolved.ts";

export interface CompiledCredential {
  readonly pattern: DomainPattern;
  readonly rule: CredentialRule;
  readonly paths: readonly PathMatcher[] | null;
}

/** The credentials of all layers; of two with the same name the organisation's. Errors: `policy_invalid`. */
export function credentialsOf({ layers }: Pick<ResolvedPolicy, "layers">): readonly CredentialRule[] {
  const byName = new Map<string, CredentialRule>();
  for (const { layer, network } of layers) {
    for (const rule of network.credentials) {
      if (!byName.has(rule.name) || layer === "requirements") byName.set(rule.name, rule);
    }
  }
  refuseTwins(byName.values());
  return [...byName.values()];
}

/** Two for the same header of the same host would leave open which one is sent. Errors: `policy_invalid`. */
export function refuseTwins(rules: Iterable<CredentialRule>): void {
  const byPlace = new Map<string, CredentialRule>();
  for (const rule of rules) {
    const place = `${rule.host.toLowerCase()} ${rule.port} ${rule.header.toLowerCase()}`;
    const other = byPlace.get(place);
    if (other !== undefined) {
      throw new SandboxedError(
        "policy_invalid",
        `${at(rule.provenance)}${rule.name} and ${other.name} are for the same header of ${rule.host}`,
        { hint: "leave one of them out" },
      );
    }
    byPlace.set(place, rule);
  }
}

export function compileCredentials(rules: readonly CredentialRule[]): readonly CompiledCredential[] {
  return rules.map((rule) => ({
    rule,
    pattern: parseDomainPattern(rule.host),
    paths: rule.paths?.map(compilePath) ?? null,
  }));
}

/** Those bound to the host and its port, whatever is asked of it. */
export function credentialsFor(
  credentials: readonly CompiledCredential[],
  host: Host,
  port: number,
): readonly CompiledCredential[] {
  return credentials.filter(({ rule, pattern }) => rule.port === port && coversHost(pattern, host));
}

/** `segments` null: a path that can be read in two ways, which no pattern means. */
export function goesWith(
  { rule, paths }: CompiledCredential,
  method: string,
  segments: readonly string[] | null,
): boolean {
  if (rule.methods?.includes(method) === false) return false;
  return paths === null || (segments !== null && paths.some((matches) => matches(segments)));
}
