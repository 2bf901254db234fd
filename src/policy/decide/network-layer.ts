import { coversHost, covers, parseDomainPattern, parseNetwork } from "../names/host.ts";
import type { DomainPattern, Host } from "../names/host.ts";
import { inBlock } from "../names/address.ts";
import type { AddressBlock } from "../names/address.ts";
import { compilePath } from "../names/http-path.ts";
import type { PathMatcher } from "../names/http-path.ts";
import type { DomainRule, HttpRule, UnixSocketRule } from "../model/model.ts";
import { isWithin, normalise } from "../names/path.ts";
import type { AbsolutePath } from "../names/path.ts";
import { PatternIndex } from "./pattern-index.ts";
import type { Places, ResolvedLayer } from "../model/resolved.ts";

/** A rule for destinations with what it is asked for made ready. */
export interface CompiledRule {
  readonly pattern: DomainPattern;
  readonly rule: DomainRule;
  readonly resolveTo: readonly AddressBlock[];
}

export interface CompiledRequestRule {
  readonly pattern: DomainPattern;
  readonly rule: HttpRule;
  readonly paths: readonly PathMatcher[] | null;
}

interface CompiledSocket {
  readonly path: AbsolutePath;
  readonly subtree: boolean;
  readonly rule: UnixSocketRule;
}

/** The network half of one layer, ready to be asked. */
export interface NetworkLayer {
  readonly layer: ResolvedLayer;
  readonly domains: PatternIndex<CompiledRule>;
  readonly requests: PatternIndex<CompiledRequestRule>;
  readonly sockets: readonly CompiledSocket[];
}

export function compileNetworkLayer(layer: ResolvedLayer, places: Places): NetworkLayer {
  const { domains, http, unixSockets } = layer.network;
  return {
    layer,
    domains: new PatternIndex(
      domains.map((rule) => ({
        rule,
        pattern: parseDomainPattern(rule.pattern),
        resolveTo: rule.resolveTo.map(parseNetwork),
      })),
    ),
    requests: new PatternIndex(
      http.map((rule) => ({
        rule,
        pattern: parseDomainPattern(rule.pattern),
        paths: rule.paths?.map(compilePath) ?? null,
      })),
    ),
    sockets: unixSockets.flatMap((rule) => compileSocket(rule, places)),
  };
}

function compileSocket(rule: UnixSocketRule, places: Places): readonly CompiledSocket[] {
  const subtree = rule.path.endsWith("/**");
  const spelled = normalise(subtree ? rule.path.slice(0, -3) || "/" : rule.path);
  if (spelled === null) return [];
  // A path that cannot be resolved allows nothing; what it denies stays denied by its spelling.
  const path = places.canonical(spelled) ?? (rule.access === "deny" ? spelled : null);
  return path === null ? [] : [{ path, subtree, rule }];
}

export function socketRules({ sockets }: NetworkLayer, path: AbsolutePath): readonly UnixSocketRule[] {
  return sockets
    .filter((socket) => (socket.subtree ? isWithin(path, socket.path) : socket.path === path))
    .map(({ rule }) => rule);
}

/** A denial without a port holds on all of them: whoever denies a host does not mean two ports of it. */
export function rulesFor({ domains }: NetworkLayer, host: Host, port: number | null): readonly CompiledRule[] {
  return domains
    .candidates(host)
    .filter(({ pattern, rule }) =>
      rule.access === "deny" && pattern.port === null ? coversHost(pattern, host) : covers(pattern, host, port),
    );
}

/** The most specific rules about requests to the host, equal ones all; a rule without a port holds on each. */
export function requestRulesFor({ requests }: NetworkLayer, host: Host, port: number): readonly CompiledRequestRule[] {
  const matching = requests
    .candidates(host)
    .filter(({ pattern }) => (pattern.port === null || pattern.port === port) && coversHost(pattern, host));
  if (matching.length < 2) return matching;
  const most = Math.max(...matching.map(({ pattern }) => specificity(pattern)));
  return matching.filter(({ pattern }) => specificity(pattern) === most);
}

/** Longer names before shorter, one host before many, a port before all of them. */
function specificity({ what, port }: DomainPattern): number {
  const own = what.kind === "block" ? what.block.bits : what.name.length;
  return own * 8 + (what.kind === "exact" ? 4 : what.kind === "below" ? 2 : 0) + (port === null ? 0 : 1);
}

/** Whether a rule that allows the host says that it may be found at this address, although it is not public. */
export function leadsTo(
  { pattern, resolveTo }: CompiledRule,
  host: Host,
  address: bigint,
  range: AddressBlock,
): boolean {
  if (host.kind === "name") return resolveTo.some((block) => inBlock(address, block));
  return pattern.what.kind === "block" && pattern.what.block.bits >= range.bits && inBlock(address, pattern.what.block);
}
