import type { Config } from "../config/index.ts";
import { sealPolicy } from "../policy/index.ts";
import type { BoundPolicy, Bounds, Policy, Provenance } from "../policy/index.ts";
import { bound } from "../requirements/index.ts";
import type { BoundConfig, Requirements } from "../requirements/index.ts";

/** A configuration whose policy may become a sandbox. */
export interface SealedConfig extends BoundConfig {
  readonly policy: BoundPolicy;
}

/** The meet with every one of the requirements, one after the other. Errors: `requirements_conflict`. */
export function bindConfig(config: Config, requirements: readonly Requirements[]): SealedConfig {
  const managed: BoundConfig["managed"][] = [];
  let result = config;
  for (const one of requirements) {
    const next = bound(result, one);
    managed.push(next.managed);
    result = next;
  }
  const all = together(managed);
  const rebind = (own: Policy["layers"][number]): BoundPolicy => {
    const { profile, chosenBy = config.chosenBy } = own;
    const layers = [own, ...config.policy.layers.slice(1)];
    return bindConfig({ ...config, profile, chosenBy, policy: { layers } }, requirements).policy;
  };
  const policy = sealPolicy(result.policy, rebind, { backends: all.backends, modes: requirements.flatMap(modesIn) });
  const origins = new Map([...config.origins, ...requirements.flatMap(originsIn)]);
  return { ...result, policy, origins, managed: all };
}

function modesIn({ sandboxModes: { allowed, from } }: Requirements): Bounds["modes"] {
  return allowed === null ? [] : [{ allowed, from }];
}

/** Where a source says what a policy does not hold. */
function originsIn(requirements: Requirements): readonly (readonly [string, Provenance])[] {
  const [audit] = requirements.merged("audit")?.from ?? [];
  const features = requirements.merged("features");
  const [pinned] = features?.from ?? [];
  return [
    ...(audit === undefined ? [] : [["audit", audit] as const]),
    ...(features === null || pinned === undefined
      ? []
      : Object.keys(features.value).map((name) => [`features.${name}`, pinned] as const)),
  ];
}

function together(managed: readonly BoundConfig["managed"][]): BoundConfig["managed"] {
  const [first, ...others] = managed.flatMap(({ backends }) => (backends === null ? [] : [backends]));
  return {
    exceptions: managed.flatMap(({ exceptions }) => exceptions),
    reported: managed.flatMap(({ reported }) => reported),
    backends: first?.filter((rung) => others.every((other) => other.includes(rung))) ?? null,
  };
}
