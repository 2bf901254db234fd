import { resolve } from "node:path";
import { loadConfig } from "../config/index.ts";
import type { ConfigRequest } from "../config/index.ts";
import type { BoundPolicy } from "../policy/index.ts";
import { bound, loadRequirements } from "../requirements/index.ts";
import type { BoundConfig, Requirements } from "../requirements/index.ts";
import { markBound } from "./mark.ts";

export interface GatedRequest extends Omit<ConfigRequest, "managed"> {
  /** `--requirements FILE` */
  readonly requirementsFile: string | null;
  /** The administrator's requirements; another file for tests. */
  readonly systemRequirements?: string;
}

/** What was asked for, as far as it may be had. */
export interface GatedConfig extends BoundConfig {
  readonly policy: BoundPolicy;
  readonly requirements: Requirements;
}

/** Configuration and requirements, put together. Errors: those of `loadConfig`, `loadRequirements` and `bound`. */
export async function loadGated(request: GatedRequest): Promise<GatedConfig> {
  const { requirementsFile, systemRequirements, environment, home, cwd, read } = request;
  const requirements = await loadRequirements({
    environment,
    home,
    file: requirementsFile === null ? null : resolve(cwd, requirementsFile),
    ...(systemRequirements !== undefined && { systemFile: systemRequirements }),
    ...(read !== undefined && { read }),
  });
  const config = await loadConfig({ ...request, managed: requirements });
  const result = bound(config, requirements);
  return { ...result, policy: markBound(result.policy), requirements };
}
