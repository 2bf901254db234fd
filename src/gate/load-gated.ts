import { resolve } from "node:path";
import { loadConfig } from "../config/index.ts";
import type { ConfigRequest } from "../config/index.ts";
import { loadRequirements } from "../requirements/index.ts";
import type { Requirements, RequirementsRequest } from "../requirements/index.ts";
import { bindConfig } from "./bind-config.ts";
import type { SealedConfig } from "./bind-config.ts";

/** How files and requirements are asked for; plainly by default. */
export interface Asking {
  readonly read?: NonNullable<ConfigRequest["read"]>;
  readonly asking?: Pick<RequirementsRequest, "now" | "renew" | "leastSerials" | "stateFolder">;
}

export interface GatedRequest extends Omit<ConfigRequest, "managed" | "read">, Asking {
  /** `--requirements FILE` */
  readonly requirementsFile: string | null;
  /** The administrator's requirements; another file for tests. */
  readonly systemRequirements?: string;
}

/** What was asked for, as far as it may be had. */
export interface GatedConfig extends SealedConfig {
  readonly requirements: Requirements;
}

/** Configuration and requirements, put together. Errors: those of `loadConfig`, `loadRequirements` and `bindConfig`. */
export async function loadGated(request: GatedRequest): Promise<GatedConfig> {
  const { requirementsFile, systemRequirements, environment, home, cwd, read, asking } = request;
  const requirements = await loadRequirements({
    environment,
    home,
    file: requirementsFile === null ? null : resolve(cwd, requirementsFile),
    ...(systemRequirements !== undefined && { systemFile: systemRequirements }),
    ...(read !== undefined && { read }),
    ...asking,
  });
  const config = await loadConfig({ ...request, managed: requirements });
  return { ...bindConfig(config, [requirements]), requirements };
}
