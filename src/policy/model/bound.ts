import { SandboxedError } from "../words/error.ts";
import { escapeText } from "../words/escape.ts";
import { at } from "../words/place.ts";
import type { Provenance } from "./decision.ts";
import { modeHere } from "./mode.ts";
import type { SandboxMode } from "./mode.ts";
import type { Policy } from "./model.ts";
import type { Oracle, Places } from "./resolved.ts";

type PolicyLayer = Policy["layers"][number];

/** Known across the files that a build comes in. */
const seal: unique symbol = Symbol.for("sandboxed-run.bound");

interface Seal {
  /** What was bound: a policy with other layers is another one. */
  readonly layers: Policy["layers"];
  readonly rebind: (own: PolicyLayer) => BoundPolicy;
  readonly bounds: Bounds;
}

/** What can be told only when a sandbox is prepared. */
export interface Bounds {
  /** The ways to build a sandbox that may be used; null for all. */
  readonly backends: readonly string[] | null;
  /** What may be left to be written, by each that says so. */
  readonly modes: readonly { readonly allowed: readonly SandboxMode[]; readonly from: readonly Provenance[] }[];
}

const noBounds: Bounds = { backends: null, modes: [] };

/**
 * A policy that has been through the gate (`src/gate`): the requirements of the organisation and the user's ceiling are
 * among its layers. A sandbox is prepared from nothing else.
 */
export type BoundPolicy = Policy & { readonly [seal]: Seal };

/** For the gate alone. `rebind` binds another profile in the place of the caller's own. */
export function sealPolicy(policy: Policy, rebind: Seal["rebind"], bounds: Bounds = noBounds): BoundPolicy {
  const { layers } = policy;
  const sealed: Policy = { layers };
  // Not enumerable: a copy with other layers is not sealed.
  return Object.defineProperty(sealed, seal, { value: { layers, rebind, bounds } }) as BoundPolicy; // oxlint-disable-line typescript/no-unsafe-type-assertion -- the property is there now
}

/** Errors: `internal` for a policy that has not been through the gate, whatever its type says. */
export function requireBound(policy: BoundPolicy): void {
  if (sealOf(policy)?.layers === policy.layers) return;
  throw new SandboxedError("internal", "a sandbox was asked for with a policy that nobody has bound");
}

/** Errors: `requirements_conflict` for a sandbox that would be built in a way that may not be used. */
export function requireBackend(policy: BoundPolicy, backend: string): void {
  const { backends } = policy[seal].bounds;
  if (backends === null || backends.includes(backend)) return;
  throw new SandboxedError(
    "requirements_conflict",
    `enforcement_level: a sandbox here would be built as ${backend}, and only ${backends.join(", ")} may be used`,
    { hint: "sandboxed doctor says what keeps this host from more; sandboxed requirements show says who requires it" },
  );
}

/**
 * Errors: `requirements_conflict` where a path leads, by a link or as a workspace, to more than may be written: what
 * was asked for was judged by its name before.
 */
export function requireMode(policy: BoundPolicy, oracle: Oracle, places: Places): void {
  const { modes } = policy[seal].bounds;
  if (modes.length === 0) return;
  const { mode, by } = modeHere(oracle, places);
  const broken = modes.find(({ allowed }) => !allowed.includes(mode));
  if (broken === undefined) return;
  const written =
    by === null ? "" : ` (${escapeText(by.entry?.text ?? by.path)} lets ${escapeText(by.path)} be written)`;
  const [first] = broken.from;
  throw new SandboxedError(
    "requirements_conflict",
    `${first === undefined ? "" : at(first)}"${mode}"${written} is not among the values of allowed_sandbox_modes`,
    { hint: `this is up to ${escapeText(first?.owner ?? "the administrator")}; name a directory below it` },
  );
}

/** The same bounds around another profile. Errors: those of binding: `requirements_conflict`. */
export function withOwnProfile(policy: BoundPolicy, own: PolicyLayer): BoundPolicy {
  requireBound(policy);
  return policy[seal].rebind(own);
}

export function sealedBounds(policy: BoundPolicy): Bounds {
  return policy[seal].bounds;
}

function sealOf(policy: Policy & { readonly [seal]?: Seal }): Seal | undefined {
  return policy[seal];
}
