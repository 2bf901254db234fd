import { parseAddress } from "../names/address.ts";
import type { AddressBlock } from "../names/address.ts";
import type { Decision, ReasonCode, Suggestion, Where } from "../model/decision.ts";
import { compileCredentials, credentialsFor, credentialsOf, goesWith } from "./credentials.ts";
import type { CompiledCredential } from "./credentials.ts";
import type { PathOracle } from "./path.ts";
import { isForeign } from "./effective.ts";
import { alsoReached, parseHost } from "../names/host.ts";
import type { Host } from "../names/host.ts";
import { pathSegments } from "../names/http-path.ts";
import { isDangerousSocket } from "../model/lists.ts";
import type { DomainRule, HttpRule, UnixSocketRule } from "../model/model.ts";
import { compileNetworkLayer, leadsTo, requestRulesFor, rulesFor, socketRules } from "./network-layer.ts";
import type { CompiledRule, NetworkLayer } from "./network-layer.ts";
import { components } from "../names/path.ts";
import type { AbsolutePath } from "../names/path.ts";
import { canonicalOf } from "../resolve/target.ts";
import type { Places, Reach, RequestDecision, ResolvedLayer, ResolvedPolicy } from "../model/resolved.ts";
import { advice, homeShort, upToLayer } from "./suggest.ts";

/** What one layer says of a destination. */
interface LayerAnswer {
  readonly decision: Decision;
  /** Refused for want of a rule, by somebody who can be asked for one. */
  readonly isMiss: boolean;
  /** The rules that allow it; none where the layer allows all. */
  readonly granting: readonly CompiledRule[];
}

/** Answers what may be reached. */
export class NetworkOracle {
  readonly #policy: ResolvedPolicy;
  readonly #paths: PathOracle;
  readonly #layers: readonly NetworkLayer[];
  readonly #credentials: readonly CompiledCredential[];

  constructor(policy: ResolvedPolicy, paths: PathOracle) {
    this.#policy = policy;
    this.#paths = paths;
    this.#layers = policy.layers.map((layer) => compileNetworkLayer(layer, policy.places));
    this.#credentials = compileCredentials(credentialsOf(policy));
  }

  /** `port` null asks for the name alone. */
  decideHost(text: string, port: number | null): Decision {
    return combined(this.#ask(parseHost(text), text, port)).decision;
  }

  reach(text: string, port: number | null): Reach {
    const host = parseHost(text);
    const answers = this.#ask(host, text, port);
    const { decision, isMiss } = combined(answers);
    const limiting =
      host === null || port === null ? [] : this.#layers.flatMap((layer) => requestRulesFor(layer, host, port));
    const bound = host === null || port === null ? [] : credentialsFor(this.#credentials, host, port);
    const saying = answers.filter(({ granting }) => granting.length > 0);
    return {
      decision,
      isMiss,
      sni:
        saying.length > 0 && saying.every(({ granting }) => granting.some(({ rule }) => rule.sni === "any"))
          ? "any"
          : "name",
      limitsRequests: limiting.some(({ rule, paths }) => rule.methods !== null || paths !== null),
      bindsCredentials: bound.length > 0,
      credentials: (method, path, isSecure) => {
        const eligible = bound.filter(({ rule }) => rule.isSecure === isSecure);
        if (eligible.length === 0) return [];
        const segments = pathSegments(path);
        return eligible.filter((credential) => goesWith(credential, method, segments)).map(({ rule }) => rule);
      },
      request: (method, path) => {
        const segments = pathSegments(path);
        for (const { rule, paths } of limiting) {
          if (rule.methods?.includes(method) === false) return refuseRequest(rule, "method");
          const isMeant = paths === null || (segments !== null && paths.some((matches) => matches(segments)));
          if (!isMeant) return refuseRequest(rule, "path");
        }
        return { decision, refused: null };
      },
      mayLeadTo: (address, range) =>
        host !== null &&
        decision.effect === "allow" &&
        saying.length > 0 &&
        leadsEverywhere(saying, host, address, range),
    };
  }

  #ask(host: Host | null, text: string, port: number | null): readonly LayerAnswer[] {
    return this.#layers.map((layer) => decideLayer(layer, host, text, port));
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
    // A socket in a private place is the program's own, unless a rule lets the host's be there.
    const isNamed = this.#layers.some((layer) =>
      socketRules(layer, path).some(({ access: said, path: named }) => said === "allow" && !named.endsWith("/**")),
    );
    if (access !== "deny" && where === "private" && !isNamed)
      return allow("granted", "a private place", verdict.entry?.provenance ?? null, "private");
    const closed = this.#closedSocket(path);
    if (closed !== null) return closed;
    let allowed: UnixSocketRule | null = null;
    let refused: Decision | null = null;
    for (const compiled of this.#layers) {
      const matching = socketRules(compiled, path);
      const refusing = matching.find((rule) => rule.access === "deny");
      const granting = matching.find((rule) => rule.access === "allow");
      const isDangerous = granting?.dangerous !== true && isDangerousSocket(components(path));
      if (refusing !== undefined || granting === undefined || isDangerous) {
        const decision = refuseSocket(path, places, compiled.layer, refusing ?? granting ?? null, isDangerous);
        // Of several refusals the one that no option changes is the answer.
        if (isForeign(compiled.layer.layer)) return decision;
        refused ??= decision;
      } else if (granting.provenance.layer !== "invariant") allowed ??= granting;
    }
    if (refused !== null) return refused;
    return allow(
      "granted",
      allowed === null ? "no rule restricts it" : socketText(allowed),
      allowed?.provenance ?? null,
    );
  }

  /** What somebody else closes to reading is not talked to either, unless who closes it lets that socket be. */
  #closedSocket(path: AbsolutePath): Decision | null {
    const decision = this.#paths.decide("read", path);
    const { effect, reason, provenance } = decision;
    const isRule = reason === "denied_by_rule" || reason === "deny_glob";
    if (effect !== "deny" || !isRule || provenance === null || !isForeign(provenance.layer)) return null;
    const isTheirs = this.#layers.some((layer) =>
      socketRules(layer, path).some(
        ({ access, path: named, provenance: said }) =>
          access === "allow" && named !== "/**" && said.layer === provenance.layer && said.file === provenance.file,
      ),
    );
    return isTheirs ? null : decision;
  }
}

/** A refusal that stands comes before a mere lack of a rule: asking somebody could not change it. */
function combined(answers: readonly LayerAnswer[]): { readonly decision: Decision; readonly isMiss: boolean } {
  let allowed: Decision = allow("granted", 'mode = "full"', null);
  let miss: Decision | null = null;
  for (const { decision, isMiss } of answers) {
    if (decision.effect === "allow") {
      if (decision.provenance?.layer !== "invariant") allowed = decision;
    } else if (!isMiss) return { decision, isMiss: false };
    else miss ??= decision;
  }
  return { decision: miss ?? allowed, isMiss: miss !== null };
}

function leadsEverywhere(saying: readonly LayerAnswer[], host: Host, address: string, range: AddressBlock): boolean {
  const bits = parseAddress(address);
  if (bits === null) return false;
  return saying.every(({ granting }) => granting.some((rule) => leadsTo(rule, host, bits, range)));
}

function decideLayer(compiled: NetworkLayer, host: Host | null, text: string, port: number | null): LayerAnswer {
  const { mode, modeProvenance, modeText = `mode = "${mode}"` } = compiled.layer.network;
  const refused = (decision: Decision, isMiss = false): LayerAnswer => ({ decision, isMiss, granting: [] });
  if (mode === "off") return refused(refuse("network_off", modeText, compiled, modeProvenance, text, port));
  if (host === null)
    return refused(deny("network_not_allowed", "no host name", null, advice("write a plain host name or address")));
  const matching = rulesFor(compiled, host, port);
  const besides = alsoReached(host).flatMap((other) => rulesFor(compiled, other, port));
  const denies = ({ rule, pattern }: CompiledRule): boolean =>
    rule.access === "deny" && (port !== null || pattern.port === null);
  const denying = [...matching, ...besides].filter(denies);
  const refusing = denying[0]?.rule;
  if (refusing !== undefined) {
    const decision = refuse("denied_by_rule", domainText(refusing), compiled, refusing.provenance, text, port);
    return refused(withoutDenials(decision, denying));
  }
  const granting = matching.filter(({ rule }) => rule.access === "allow");
  const [first] = granting;
  if (first !== undefined) {
    return { decision: allow("granted", domainText(first.rule), first.rule.provenance), isMiss: false, granting };
  }
  if (mode === "full")
    return { decision: allow("granted", 'mode = "full"', modeProvenance), isMiss: false, granting: [] };
  const isMiss = !isForeign(compiled.layer.layer) && !isForeign(modeProvenance.layer);
  return refused(refuse("network_not_allowed", modeText, compiled, modeProvenance, text, port), isMiss);
}

/** An option takes the place of a rule with the same pattern; any other denial would hold against it. */
function withoutDenials(decision: Decision, denying: readonly CompiledRule[]): Decision {
  const argv = decision.suggestion?.argv ?? [];
  if (argv.length === 0 || denying.every(({ rule }) => rule.pattern === argv[1])) return decision;
  const config = `[permissions.NAME.network] domains, without ${denying.map(({ rule }) => domainText(rule)).join(" and ")}`;
  return { ...decision, suggestion: { argv: [], config } };
}

function refuseRequest(rule: HttpRule, refused: "method" | "path"): RequestDecision {
  const listed =
    refused === "method" ? `methods = ${JSON.stringify(rule.methods)}` : `paths = ${JSON.stringify(rule.paths)}`;
  const text = `http.${JSON.stringify(rule.pattern)} ${listed}`;
  const suggestion = isForeign(rule.provenance.layer)
    ? advice(`this is up to ${rule.provenance.owner}; no option of yours changes it`)
    : {
        argv: [],
        config: `[permissions.NAME.network.http.${JSON.stringify(rule.pattern)}] ${listed}, with what is missing`,
      };
  return { decision: deny("network_not_allowed", text, rule.provenance, suggestion), refused };
}

function refuse(
  reason: ReasonCode,
  text: string,
  { layer }: NetworkLayer,
  provenance: Decision["provenance"],
  host: string,
  port: number | null,
): Decision {
  if (isForeign(layer.layer) || (provenance !== null && isForeign(provenance.layer))) {
    return deny(reason, text, provenance, upToLayer(layer, provenance));
  }
  const bare = host.includes(":") ? `[${host}]` : host;
  const pattern = port === null || port === 80 || port === 443 ? bare : `${bare}:${port}`;
  const config = `[permissions.NAME.network] domains = { ${JSON.stringify(pattern)} = "allow" }`;
  const isLocal = port !== null && (host === "127.0.0.1" || host === "::1" || host === "localhost");
  const argv = isLocal ? ["--host-port", String(port)] : ["--allow-domain", pattern];
  return deny(reason, text, provenance, {
    argv: reason === "network_off" ? ["--network", "restricted", ...argv] : argv,
    config,
  });
}

function refuseSocket(
  path: AbsolutePath,
  places: Places,
  refusing: ResolvedLayer,
  rule: UnixSocketRule | null,
  isDangerous: boolean,
): Decision {
  const text = rule === null ? "unix_sockets lists nothing for it" : socketText(rule);
  const provenance = rule?.provenance ?? null;
  if (isForeign(refusing.layer) || (provenance !== null && isForeign(provenance.layer))) {
    return deny("unix_socket_not_allowed", text, provenance, upToLayer(refusing, provenance));
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
