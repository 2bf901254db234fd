import type { Decision, ReasonCode, Suggestion, Where } from "./decision.ts";
import type { PathOracle } from "./decide-path.ts";
import { isForeign } from "./effective.ts";
import { covers, parseDomainPattern, parseHost } from "./host.ts";
import type { DomainPattern, Host } from "./host.ts";
import { isDangerousSocket } from "./lists.ts";
import type { DomainRule, UnixSocketRule } from "./model.ts";
import { components, isWithin, normalise } from "./path.ts";
import type { AbsolutePath } from "./path.ts";
import { canonicalOf } from "./resolve-target.ts";
import type { Places, ResolvedLayer, ResolvedPolicy } from "./resolved.ts";
import { advice, homeShort } from "./suggest.ts";

interface CompiledRule {
  readonly pattern: DomainPattern;
  readonly rule: DomainRule;
}

interface CompiledSocket {
  readonly path: AbsolutePath;
  readonly subtree: boolean;
  readonly rule: UnixSocketRule;
}

interface CompiledLayer {
  readonly layer: ResolvedLayer;
  /** By the name in the pattern; a look-up goes through the host and the domains above it. */
  readonly byName: ReadonlyMap<string, readonly CompiledRule[]>;
  readonly blocks: readonly CompiledRule[];
  readonly sockets: readonly CompiledSocket[];
}

/** Answers what may be reached. */
export class NetworkOracle {
  readonly #policy: ResolvedPolicy;
  readonly #paths: PathOracle;
  readonly #layers: readonly CompiledLayer[];

  constructor(policy: ResolvedPolicy, paths: PathOracle) {
    this.#policy = policy;
    this.#paths = paths;
    this.#layers = policy.layers.map((layer) => compileLayer(layer, policy.places));
  }

  /** `port` null asks for the name alone. */
  decideHost(text: string, port: number | null): Decision {
    const host = parseHost(text);
    let allowed: Decision = allow("granted", 'mode = "full"', null);
    for (const compiled of this.#layers) {
      const decision = decideLayer(compiled, host, text, port);
      if (decision.effect !== "allow") return decision;
      if (decision.provenance?.layer !== "invariant") allowed = decision;
    }
    return allowed;
  }

  /** Ports below 1024 included: in a network of its own a program may listen where it likes. */
  decideBind(): Decision {
    const isOwn = this.#policy.networkMode !== "full";
    const [first] = this.#policy.layers;
    const provenance = first?.network.modeProvenance ?? null;
    return allow("granted", `mode = "${this.#policy.networkMode}"`, provenance, isOwn ? "private" : "host");
  }

  decideSocket(spelled: string): Decision {
    const { places } = this.#policy;
    const path = canonicalOf(spelled, places, "all");
    if (path === null) return this.#paths.decide("read", spelled);
    const { access, where, verdict } = this.#paths.access.at(this.#paths.access.names(path), "read");
    if (verdict.entry?.origin === "state") return this.#paths.decide("read", path);
    // A socket in a private place is the program's own.
    if (access !== "deny" && where === "private")
      return allow("granted", "a private place", verdict.entry?.provenance ?? null, "private");
    let allowed: UnixSocketRule | null = null;
    for (const { sockets, layer } of this.#layers) {
      const matching = sockets.filter((socket) =>
        socket.subtree ? isWithin(path, socket.path) : socket.path === path,
      );
      const refusing = matching.find(({ rule }) => rule.access === "deny")?.rule;
      const granting = matching.find(({ rule }) => rule.access === "allow")?.rule;
      const isDangerous = granting?.dangerous !== true && isDangerousSocket(components(path));
      if (refusing !== undefined || granting === undefined || isDangerous) {
        return refuseSocket(path, places, layer, refusing ?? granting ?? null, isDangerous);
      }
      if (granting.provenance.layer !== "invariant") allowed ??= granting;
    }
    return allow(
      "granted",
      allowed === null ? "no rule restricts it" : socketText(allowed),
      allowed?.provenance ?? null,
    );
  }
}

function compileLayer(layer: ResolvedLayer, places: Places): CompiledLayer {
  const byName = new Map<string, CompiledRule[]>();
  const blocks: CompiledRule[] = [];
  for (const rule of layer.network.domains) {
    const pattern = parseDomainPattern(rule.pattern);
    if (pattern.what.kind === "block") blocks.push({ pattern, rule });
    else byName.set(pattern.what.name, [...(byName.get(pattern.what.name) ?? []), { pattern, rule }]);
  }
  const sockets = layer.network.unixSockets.flatMap((rule): CompiledSocket[] => {
    const subtree = rule.path.endsWith("/**");
    const spelled = normalise(subtree ? rule.path.slice(0, -3) || "/" : rule.path);
    if (spelled === null) return [];
    // A path that cannot be resolved allows nothing; what it denies stays denied by its spelling.
    const path = places.canonical(spelled) ?? (rule.access === "deny" ? spelled : null);
    return path === null ? [] : [{ path, subtree, rule }];
  });
  return { layer, byName, blocks, sockets };
}

function decideLayer(compiled: CompiledLayer, host: Host | null, text: string, port: number | null): Decision {
  const { mode, modeProvenance } = compiled.layer.network;
  if (mode === "off") return refuse("network_off", 'mode = "off"', compiled, modeProvenance, text, port);
  if (host === null)
    return deny("network_not_allowed", "no host name", null, advice("write a plain host name or address"));
  const matching = rulesFor(compiled, host).filter(({ pattern }) => covers(pattern, host, port));
  const refusing = matching.find(
    ({ rule, pattern }) => rule.access === "deny" && (port !== null || pattern.port === null),
  )?.rule;
  if (refusing !== undefined)
    return refuse("network_not_allowed", domainText(refusing), compiled, refusing.provenance, text, port);
  const granting = matching.find(({ rule }) => rule.access === "allow")?.rule;
  if (granting !== undefined) return allow("granted", domainText(granting), granting.provenance);
  if (mode === "full") return allow("granted", 'mode = "full"', modeProvenance);
  return refuse("network_not_allowed", 'mode = "restricted"', compiled, modeProvenance, text, port);
}

function rulesFor({ byName, blocks }: CompiledLayer, host: Host): readonly CompiledRule[] {
  if (host.kind === "address") return blocks;
  const found: CompiledRule[] = [];
  for (let name = host.name; ; name = name.slice(name.indexOf(".") + 1)) {
    found.push(...(byName.get(name) ?? []));
    if (!name.includes(".")) return found;
  }
}

function refuse(
  reason: ReasonCode,
  text: string,
  { layer }: CompiledLayer,
  provenance: Decision["provenance"],
  host: string,
  port: number | null,
): Decision {
  if (isForeign(layer.layer) || (provenance !== null && isForeign(provenance.layer))) {
    return deny(
      reason,
      text,
      provenance,
      advice(`this is up to ${provenance?.owner ?? "the organisation"}; no option of yours changes it`),
    );
  }
  const key = JSON.stringify(port === null || port === 80 || port === 443 ? host : `${host}:${port}`);
  const config = `[permissions.NAME.network] domains = { ${key} = "allow" }`;
  return deny(reason, text, provenance, { argv: ["--network", "full"], config });
}

function refuseSocket(
  path: AbsolutePath,
  places: Places,
  { layer }: ResolvedLayer,
  rule: UnixSocketRule | null,
  isDangerous: boolean,
): Decision {
  const text = rule === null ? "unix_sockets lists nothing for it" : socketText(rule);
  const provenance = rule?.provenance ?? null;
  if (isForeign(layer) || (provenance !== null && isForeign(provenance.layer))) {
    return deny("unix_socket_not_allowed", text, provenance, advice("no option of yours changes it"));
  }
  const shown = JSON.stringify(path);
  const suggestion: Suggestion = isDangerous
    ? advice(`[permissions.NAME.network] unix_sockets = { ${shown} = { access = "allow", dangerous = true } }`)
    : {
        argv: ["--allow-unix-socket", homeShort(path, places.home)],
        config: `[permissions.NAME.network] unix_sockets = { ${shown} = "allow" }`,
      };
  return deny("unix_socket_not_allowed", text, provenance, suggestion);
}

function domainText(rule: DomainRule): string {
  return `${JSON.stringify(rule.pattern)} = "${rule.access}"`;
}

function socketText(rule: UnixSocketRule): string {
  return `${JSON.stringify(rule.path)} = "${rule.access}"`;
}

function allow(reason: ReasonCode, text: string, provenance: Decision["provenance"], where: Where = "host"): Decision {
  return { effect: "allow", reason, rule: { kind: "network", text }, provenance, where, suggestion: null };
}

function deny(reason: ReasonCode, text: string, provenance: Decision["provenance"], suggestion: Suggestion): Decision {
  return { effect: "deny", reason, rule: { kind: "network", text }, provenance, where: "host", suggestion };
}
