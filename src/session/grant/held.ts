import type { AbsolutePath } from "../../policy/index.ts";
import type { Capability } from "../capability/kinds.ts";
import { compileScope } from "../capability/scope.ts";
import type { Covers } from "../capability/scope.ts";
import { formatCapability } from "../capability/text.ts";

/** Why a capability does not do now, though it would cover the call. */
export type Spent = { readonly why: "expired" | "exhausted" } | { readonly why: "rate_limited"; readonly wait: number };

/** A capability in somebody's hands: what is left of it. Times as the grants' clock counts. */
export class HeldCapability {
  readonly capability: Capability;
  readonly covers: Covers;
  /** Null never ends. */
  readonly expiresAt: number | null;
  #used = 0;
  /** When the next call would be due if calls came as evenly as the rate says. */
  #due = 0;
  #approved = false;
  #stored = 0;

  constructor(capability: Capability, root: AbsolutePath | null, now: number) {
    this.capability = capability;
    this.covers = compileScope(capability, root);
    this.expiresAt = capability.expiresIn === null ? null : now + capability.expiresIn;
  }

  /** Null when it may be used now. */
  spent(now: number): Spent | null {
    const { calls, rate } = this.capability;
    if (this.expiresAt !== null && now >= this.expiresAt) return { why: "expired" };
    if (calls !== null && this.#used >= calls) return { why: "exhausted" };
    if (rate === null) return null;
    // As many at once as the rate allows in its time, then one for each that falls due.
    const wait = Math.max(this.#due, now) - now - (rate.per - rate.per / rate.calls);
    return wait > 0 ? { why: "rate_limited", wait: Math.ceil(wait) } : null;
  }

  /** Takes one use. */
  use(now: number): void {
    this.#used += 1;
    const { rate } = this.capability;
    if (rate !== null) this.#due = Math.max(this.#due, now) + rate.per / rate.calls;
  }

  get needsApproval(): boolean {
    const { approval } = this.capability;
    return approval === "always" || (approval === "once" && !this.#approved);
  }

  approve(): void {
    this.#approved = true;
  }

  /** Whether that many bytes more may be stored by it; notes them if so. Fewer by a negative number. */
  store(bytes: number): boolean {
    const most = this.capability.bytes;
    if (bytes > 0 && most !== null && this.#stored + bytes > most) return false;
    this.#stored = Math.max(0, this.#stored + bytes);
    return true;
  }

  /** What it still is, in the words of `--grant`. */
  text(now: number): string {
    const { calls } = this.capability;
    return formatCapability({
      ...this.capability,
      calls: calls === null ? null : Math.max(0, calls - this.#used),
      expiresIn: this.expiresAt === null ? null : Math.max(0, this.expiresAt - now),
    });
  }
}
