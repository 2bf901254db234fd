import { isIPv4 } from "node:net";
import type { CredentialRule, Decision, Reach } from "../../policy/index.ts";
import { isMetadataName, mayDial } from "./address-check.ts";
import { isLocalName } from "../names/local-names.ts";
import type { Answer, CheckedAddress, DoorReason, Gate, Passage, Protocol, Refusal, Target } from "./gate.ts";
import { Generations } from "./generations.ts";
import type { PolicyInForce } from "./generations.ts";
import { mergedMisses } from "./misses.ts";
import type { DecideMiss, DecideMissMerged } from "./misses.ts";
import { judgeAddress } from "../names/private-ranges.ts";
import { refuse } from "./refusal.ts";
import type { NameResolver } from "../names/resolver.ts";

export interface GateOptions {
  readonly policy: PolicyInForce;
  readonly resolver: NameResolver;
  /**
   * Asked about what merely no rule of the caller's allows. Never about denials, layers of others, addresses that are
   * not public, or with the network off. Without it such destinations are refused.
   */
  readonly decideMiss?: DecideMiss;
}

/** The gate of one run. After a change of policy the door must look through what is open. */
export interface PolicyGate extends Gate {
  /** The number of the policy in force. */
  generation(): number;
  /** Puts another policy in force from this moment, also for what is being decided. Errors: `policy_invalid`. */
  update(policy: PolicyInForce): number;
  /** Puts an earlier one in force again; false when it is no longer known. */
  restore(generation: number): boolean;
}

export function makeGate({ policy, resolver, decideMiss }: GateOptions): PolicyGate {
  const generations = new Generations(policy);
  return new DecidingGate(generations, resolver, decideMiss === undefined ? null : mergedMisses(decideMiss));
}

/** What is known of a passage beyond what its holder needs. */
interface PassageFacts {
  readonly protocol: Protocol;
  /** Somebody allowed it; that holds while the policy neither allows nor refuses it. */
  readonly wasAsked: boolean;
  request: { readonly method: string; readonly path: string } | null;
  /** What went with the request, and whether inside of TLS. */
  credentials: { readonly names: readonly string[]; readonly isSecure: boolean };
  addresses: readonly CheckedAddress[];
  /** The generation under which all of this was found right; 0 when it was more than one. */
  rightUnder: number;
}

class DecidingGate implements PolicyGate {
  readonly #generations: Generations;
  readonly #resolver: NameResolver;
  readonly #ask: DecideMissMerged | null;
  /** Passages are known by identity: a copy of one is no passage. */
  readonly #facts = new WeakMap<Passage, PassageFacts>();

  constructor(generations: Generations, resolver: NameResolver, ask: DecideMissMerged | null) {
    this.#generations = generations;
    this.#resolver = resolver;
    this.#ask = ask;
  }

  generation(): number {
    return this.#generations.current.number;
  }

  update(policy: PolicyInForce): number {
    return this.#generations.update(policy);
  }

  restore(generation: number): boolean {
    return this.#generations.restore(generation);
  }

  async admit(target: Target, protocol: Protocol): Promise<Answer<Passage>> {
    const reach = this.#reach(target, protocol);
    const { decision } = reach;
    if (decision.effect !== "allow" && !reach.isMiss) return refused(protocol, target, decision.reason, decision);
    if (target.isAddress && !mayDial(target, target.host, reach))
      return notPublic(protocol, target, target.host, reach);
    if (isMetadataName(target.host)) return notPublic(protocol, target, null, reach);
    if (!reach.isMiss) return this.#pass(target, protocol, reach, null);
    if (this.#ask === null) return refused(protocol, target, decision.reason, decision);
    // Finding out the made-up address of a name tells nobody anything; the connection is what is asked about.
    if (protocol === "dns") return this.#pass(target, protocol, reach, { ...decision, effect: "ask" });
    const answer = await this.#ask(target, protocol);
    if (answer === "limit")
      return { ok: false, refusal: refuse(protocol, target, "limit", "too many questions are open") };
    const now = this.#reach(target, protocol);
    if (now.decision.effect === "allow") return this.#pass(target, protocol, now, null);
    if (!now.isMiss || answer !== "allow") {
      const reason = now.isMiss && answer === "timeout" ? "not_asked" : now.decision.reason;
      return refused(protocol, target, reason, now.decision);
    }
    return this.#pass(target, protocol, now, grantedWhenAsked(now.decision));
  }

  request(passage: Passage, method: string, path: string): Answer<Passage> {
    const facts = this.#facts.get(passage);
    const protocol = facts?.protocol ?? "http";
    const reach = this.#reach(passage.target, protocol);
    if (!this.#holds(passage, reach)) return refused(protocol, passage.target, reach.decision.reason, reach.decision);
    const { decision, refused: what } = reach.request(method, path);
    if (what !== null) {
      return refused(protocol, passage.target, what === "method" ? "method_not_allowed" : "path_not_allowed", decision);
    }
    if (facts !== undefined) {
      facts.request = { method, path };
      if (facts.rightUnder !== this.generation()) facts.rightUnder = 0;
    }
    return { ok: true, value: passage };
  }

  credentials(passage: Passage, method: string, path: string, isSecure: boolean): readonly CredentialRule[] {
    const facts = this.#facts.get(passage);
    if (facts === undefined) return [];
    const rules = this.#reach(passage.target, facts.protocol).credentials(method, path, isSecure);
    facts.credentials = { names: rules.map(({ name }) => name), isSecure };
    return rules;
  }

  async locate(passage: Passage, protocol: Protocol): Promise<Answer<readonly CheckedAddress[]>> {
    const { target } = passage;
    // No name goes to a resolver that the policy of this moment does not let pass.
    const before = this.#reach(target, protocol);
    if (!this.#holds(passage, before)) return refused(protocol, target, before.decision.reason, before.decision);
    const found = target.isAddress
      ? { ok: true as const, addresses: [checked(target.host)] }
      : isLocalName(target.host)
        ? { ok: true as const, addresses: [checked("127.0.0.1"), checked("::1")] }
        : await this.#resolver.lookup(target.host, () => this.#holds(passage, this.#reach(target, protocol)));
    const now = this.#reach(target, protocol);
    if (!this.#holds(passage, now)) return refused(protocol, target, now.decision.reason, now.decision);
    if (!found.ok) return { ok: false, refusal: refuse(protocol, target, found.reason, found.message) };
    // One that may not be dialled spoils them all: an answer of that kind was made to get somewhere.
    const hostile = found.addresses.find(({ address }) => !mayDial(target, address, now));
    if (hostile !== undefined) return notPublic(protocol, target, hostile.address, now);
    const facts = this.#facts.get(passage);
    if (facts !== undefined) {
      facts.addresses = found.addresses;
      if (facts.rightUnder !== this.generation()) facts.rightUnder = 0;
    }
    return { ok: true, value: found.addresses };
  }

  stillAllowed(passage: Passage): boolean {
    const facts = this.#facts.get(passage);
    if (facts?.rightUnder === this.generation()) return true;
    const reach = this.#reach(passage.target, facts?.protocol ?? "http");
    if (facts === undefined || !this.#holds(passage, reach)) return false;
    if (passage.sni === "any" && reach.sni !== "any") return false;
    if (facts.request !== null) {
      const { method, path } = facts.request;
      if (reach.request(method, path).refused !== null) return false;
      const { names, isSecure } = facts.credentials;
      const still = names.length === 0 ? [] : reach.credentials(method, path, isSecure);
      if (names.some((name) => still.every((rule) => rule.name !== name))) return false;
    } else if (reach.limitsRequests && passage.inspect !== true) return false;
    return facts.addresses.every(({ address }) => mayDial(passage.target, address, reach));
  }

  /** DNS asks for a name on whatever port. */
  #reach({ host, port }: Target, protocol: Protocol): Reach {
    return this.#generations.current.oracle.reach(host, protocol === "dns" ? null : port);
  }

  #holds(passage: Passage, reach: Reach): boolean {
    if (reach.decision.effect === "allow") return true;
    return reach.isMiss && this.#facts.get(passage)?.wasAsked === true;
  }

  #pass(target: Target, protocol: Protocol, reach: Reach, asked: Decision | null): Answer<Passage> {
    const passage: Passage = {
      target,
      decision: asked ?? reach.decision,
      generation: this.#generations.current.number,
      sni: reach.sni,
      ...((reach.limitsRequests || reach.bindsCredentials) && { inspect: true }),
    };
    const wasAsked = asked?.effect === "allow";
    this.#facts.set(passage, {
      protocol,
      wasAsked,
      request: null,
      credentials: { names: [], isSecure: false },
      addresses: [],
      rightUnder: passage.generation,
    });
    return { ok: true, value: passage };
  }
}

function checked(address: string): CheckedAddress {
  return { address, family: isIPv4(address) ? 4 : 6 };
}

function grantedWhenAsked(decision: Decision): Decision {
  const rule = { kind: "network", text: "allowed when asked" } as const;
  const provenance = { layer: "grant", file: null, line: null, column: null, owner: "you" } as const;
  return { ...decision, effect: "allow", reason: "granted", rule, provenance, suggestion: null };
}

interface Refused {
  readonly ok: false;
  readonly refusal: Refusal;
}

function refused(protocol: Protocol, target: Target, reason: DoorReason, decision: Decision): Refused {
  const what =
    reason === "method_not_allowed" ? "This method of " : reason === "path_not_allowed" ? "This path of " : "";
  const message = `${what}${shown(target)} is not allowed: ${decision.rule?.text ?? reason}`;
  return { ok: false, refusal: { status: 403, reason, target, protocol, decision, message } };
}

/** `address` null: a name that stands for such an address by itself. */
function notPublic(protocol: Protocol, target: Target, address: string | null, { decision }: Reach): Refused {
  const kind = address === null ? "metadata" : (judgeAddress(address)?.kind ?? "reserved");
  const what =
    address === null || target.isAddress ? `${target.host} is` : `${target.host} leads to ${address}, which is`;
  const message = `${what} no public address (${kind}), and no rule names it as such`;
  // Where an option would do, an option; whoever opens a machine's credentials is to write it down.
  const isOption = target.isAddress && kind !== "metadata";
  const suggestion = {
    argv: isOption ? (decision.suggestion?.argv ?? ["--allow-domain", patternOf(target)]) : [],
    config: remedy(target, address, kind),
  };
  const rule = { kind: "network", text: notPublicText(decision.rule, target, address, kind) } as const;
  const denied = { ...decision, effect: "deny", reason: "network_not_allowed", rule, suggestion } as const;
  return {
    ok: false,
    refusal: { status: 403, reason: "private_address", target, protocol, decision: denied, message },
  };
}

/** The rule that lets the name pass, where one does, and why that is not enough. */
function notPublicText(rule: Decision["rule"], target: Target, address: string | null, kind: string): string {
  const fault = `${address === null || target.isAddress ? "it is" : `it leads to ${address},`} no public address (${kind})`;
  return rule === null ? fault : `${rule.text}, but ${fault}`;
}

/** The narrowest line of configuration, or advice where none helps. */
function remedy(target: Target, address: string | null, kind: string): string {
  if (!target.isAddress && (kind === "metadata" || address === null)) return "no rule opens it by name";
  const key = JSON.stringify(patternOf(target));
  const value = target.isAddress ? '"allow"' : `{ access = "allow", resolve_to = [${JSON.stringify(address)}] }`;
  return `[permissions.NAME.network] domains = { ${key} = ${value} }`;
}

/** A rule for the target alone; web ports go without saying. */
function patternOf(target: Target): string {
  return shown(target.port === 80 || target.port === 443 ? { ...target, port: 0 } : target);
}

function shown({ host, port }: Target): string {
  if (port === 0) return host;
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}
