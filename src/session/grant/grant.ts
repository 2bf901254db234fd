import type { SessionError } from "../error.ts";
import type { Holder } from "../method.ts";
import type { HeldCapability } from "./held.ts";

/** Where tokens are presented. A grant is good at its own door alone. */
export interface DoorOf {
  readonly name: string;
}

/** A call that is open; see `call/open.ts`. */
export interface Within {
  readonly id: string;
  readonly grant: Grant;
}

/** What the bearer of one token may do, which is never more than its parent may. */
export class Grant implements Holder {
  readonly id: string;
  readonly parent: Grant | null;
  readonly door: DoorOf;
  readonly held: readonly HeldCapability[];
  readonly expiresAt: number | null;
  /** The call in whose course it was made, for somebody that call waits for. */
  readonly within: Within | null;
  readonly children = new Set<Grant>();
  /** Why it is good for nothing any more; null while it is. */
  ended: SessionError | null = null;
  made = 0;

  constructor(id: string, parts: Pick<Grant, "parent" | "door" | "held" | "expiresAt" | "within">) {
    this.id = id;
    this.parent = parts.parent;
    this.door = parts.door;
    this.held = parts.held;
    this.expiresAt = parts.expiresAt;
    this.within = parts.within;
  }
}

/** From the grant itself to the run's own. */
export function lineage(grant: Grant): readonly Grant[] {
  const line: Grant[] = [];
  for (let at: Grant | null = grant; at !== null; at = at.parent) line.push(at);
  return line;
}

/** How many calls wait for whoever holds it, one for another. */
export function depthOf(grant: Grant): number {
  let depth = 0;
  for (let at = grant.within; at !== null; at = at.grant.within) depth += 1;
  return depth;
}
