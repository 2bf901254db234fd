import type { Config } from "../config/index.ts";
import { sealPolicy } from "../policy/index.ts";
import type { BoundPolicy } from "../policy/index.ts";
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
  const policy = sealPolicy(result.policy, (own) => {
    const { profile, chosenBy = config.chosenBy } = own;
    const layers = [own, ...config.policy.layers.slice(1)];
    return bindConfig({ ...config, profile, chosenBy, policy: { layers } }, requirements).policy;
  });
  return { ...result, policy, managed: together(managed) };
}

function together(managed: readonly BoundConfig["managed"][]): BoundConfig["managed"] {
  const [first, ...others] = managed.flatMap(({ backends }) => (backends === null ? [] : [backends]));
  return {
    exceptions: managed.flatMap(({ exceptions }) => exceptions),
    reported: managed.flatMap(({ reported }) => reported),
    backends: first?.filter((rung) => others.every((other) => other.includes(rung))) ?? null,
  };
}
