import type { AbsolutePath } from "../../policy/index.ts";
import type { Capability } from "../capability/kinds.ts";
import { formatCapability } from "../capability/text.ts";
import { SessionError } from "../error.ts";
import { depthOf, Grant, lineage } from "./grant.ts";
import type { DoorOf, Within } from "./grant.ts";
import { HeldCapability } from "./held.ts";
import { Tokens } from "./tokens.ts";

/** As many as anybody needs, and few enough to keep. */
const MOST_GRANTS = 10_000;
/** Calls that wait for one another's tools and helpers. */
const DEEPEST = 4;
/** From a token to those it comes from: each call asks all of them. */
const LONGEST_LINE = 16;
/** Longest delay that a timer takes. */
const LONGEST_TIMER = 2 ** 31 - 1;

export interface GrantRequest {
  readonly capabilities: readonly Capability[];
  /** Of the grant as a whole, in milliseconds. */
  readonly expiresIn: number | null;
  readonly parent: Grant | null;
  readonly door: DoorOf;
  readonly within: Within | null;
}

export interface GrantListeners {
  /** A grant, or of a live one the capability, is good for nothing any more. */
  readonly ended: (grant: Grant, capability: HeldCapability | null, why: SessionError) => void;
}

/** All grants of one session: made, found by their tokens, ended. */
export class Grants {
  readonly now: () => number;
  readonly #tokens = new Tokens();
  readonly #root: AbsolutePath | null;
  readonly #listeners: GrantListeners;
  readonly #live = new Map<string, Grant>();
  readonly #timers = new Map<Grant, NodeJS.Timeout[]>();
  #made = 0;

  /** Relative path patterns start at `root`. `now` in milliseconds, never going back. */
  constructor(root: AbsolutePath | null, listeners: GrantListeners, now: () => number = () => performance.now()) {
    this.#root = root;
    this.#listeners = listeners;
    this.now = now;
  }

  /** Errors: `not_granted` for a kind the parent lacks, `revoked`, `expired`, `too_deep`, `overloaded`. */
  make({ capabilities, expiresIn, parent, door, within }: GrantRequest): {
    readonly grant: Grant;
    readonly token: string;
  } {
    if (parent !== null) this.#requireMeet(parent, capabilities);
    if (parent !== null && lineage(parent).length >= LONGEST_LINE) {
      throw new SessionError("too_deep", `more than ${LONGEST_LINE} tokens would come from one another`, {
        rule: `a token is derived at most ${LONGEST_LINE - 1} times`,
      });
    }
    if (this.#live.size >= MOST_GRANTS)
      throw new SessionError("overloaded", "the session has too many grants", { retryable: true });
    const now = this.now();
    const grant = new Grant(parent === null ? `g${++this.#made}` : `${parent.id}.${++parent.made}`, {
      parent,
      door,
      within,
      held: capabilities.map((capability) => new HeldCapability(capability, this.#root, now)),
      expiresAt: expiresIn === null ? null : now + expiresIn,
    });
    if (depthOf(grant) > DEEPEST) {
      throw new SessionError("too_deep", `more than ${DEEPEST} calls would wait for one another`, {
        rule: `a session goes ${DEEPEST} levels deep`,
      });
    }
    parent?.children.add(grant);
    this.#live.set(grant.id, grant);
    this.#arm(grant);
    return { grant, token: this.#tokens.issue(grant) };
  }

  /** Errors: `unauthenticated`; for a token that was good: `revoked`, `expired`, `cancelled`. */
  find(token: string, door: DoorOf): Grant {
    const grant = this.#tokens.find(token, door);
    if (grant === null) throw new SessionError("unauthenticated", "the token is not one of this door's");
    this.require(grant);
    return grant;
  }

  /** Timers may be late: what has expired is found out here. */
  require(grant: Grant): void {
    for (const level of lineage(grant)) {
      if (level.ended !== null) throw level.ended;
      if (level.expiresAt !== null && this.now() >= level.expiresAt) {
        this.end(level, expired(level));
        throw expired(level);
      }
    }
  }

  /** Ends a grant and all made from it. All of them are good for nothing before anybody is told of one. */
  end(grant: Grant, why: SessionError): void {
    if (grant.ended !== null) return;
    const line = [grant];
    // It grows while it is gone through.
    for (const each of line) {
      each.ended = why;
      for (const child of each.children) if (child.ended === null) line.push(child);
    }
    for (const each of line.toReversed()) {
      for (const timer of this.#timers.get(each) ?? []) clearTimeout(timer);
      this.#timers.delete(each);
      this.#live.delete(each.id);
      each.parent?.children.delete(each);
      this.#tokens.retire(each);
      this.#listeners.ended(each, null, why);
    }
  }

  byId(id: string): Grant | null {
    return this.#live.get(id) ?? null;
  }

  live(): readonly Grant[] {
    return [...this.#live.values()];
  }

  #requireMeet(parent: Grant, capabilities: readonly Capability[]): void {
    this.require(parent);
    for (const { kind } of capabilities) {
      for (const level of lineage(parent)) {
        if (level.held.some(({ capability }) => capability.kind === kind)) continue;
        throw new SessionError("not_granted", `${kind} cannot be handed on: it is not granted`, {
          rule: `grant ${level.id} has ${level.held.map(({ capability }) => formatCapability(capability)).join(", ")}`,
        });
      }
    }
  }

  #arm(grant: Grant): void {
    const timers: NodeJS.Timeout[] = [];
    const at = (time: number | null, act: () => void): void => {
      if (time === null) return;
      const wait = (): void => {
        const left = time - this.now();
        if (left <= 0) return act();
        const timer = setTimeout(wait, Math.min(Math.ceil(left), LONGEST_TIMER)).unref();
        timers.push(timer);
        if (timers.length > 64) timers.splice(0, 32);
      };
      wait();
    };
    at(grant.expiresAt, () => this.end(grant, expired(grant)));
    for (const held of grant.held) {
      at(held.expiresAt, () => {
        const text = formatCapability(held.capability);
        this.#listeners.ended(
          grant,
          held,
          new SessionError("expired", `${text} has expired`, { rule: `grant ${grant.id}: ${text}` }),
        );
      });
    }
    if (timers.length > 0) this.#timers.set(grant, timers);
  }
}

function expired({ id }: Grant): SessionError {
  return new SessionError("expired", "the token has expired", { rule: `grant ${id}` });
}
