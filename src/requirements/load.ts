import { hostname, userInfo } from "node:os";
import { readConfigFile } from "../config/index.ts";
import type { Requirements } from "./model.ts";
import { readGivenFile, readSystemFile, readVariable } from "./read.ts";
import type { ReadFile } from "./read.ts";

export interface RequirementsRequest {
  /** The caller's environment. */
  readonly environment: ReadonlyMap<string, string>;
  readonly home: string;
  /** `--requirements FILE`, absolute; null for none. */
  readonly file: string | null;
  /** Of this machine; another one for tests. */
  readonly hostname?: string;
  /** The administrator's file; another one for tests. */
  readonly systemFile?: string;
  /** How a file is read; `readConfigFile` by default. */
  readonly read?: ReadFile;
  /** Milliseconds since 1970; the clock's for default. */
  readonly now?: number;
}

export const systemRequirementsFile = "/etc/sandboxed/requirements.toml";

/** No source says anything. */
export const noRequirements: Requirements = {
  sources: [],
  supportContact: null,
  validUntil: null,
  merged: () => null,
  kept: () => [],
  sandboxModes: free("allowed_sandbox_modes"),
  permissionProfiles: free("allowed_permission_profiles"),
  approvalPolicies: free("allowed_approval_policies"),
  approvalReviewers: free("allowed_approvals_reviewers"),
  backends: free("enforcement_level"),
  profiles: new Map(),
  defaultPermissions: null,
  layers: [],
  network: { domains: [], sockets: [], credentials: [], baseline: null, closesLocal: null },
  exceptions: [],
  tests: [],
  warnings: [],
};

function free(key: string) {
  return { key, allowed: null, from: [], conflict: "none", isSame: Object.is } as const;
}

/**
 * Reads every source of requirements there is; without one, nothing but the reads happens. A source that cannot be
 * read, verified or understood is an error, never skipped. Errors: those whose code starts with `requirements_`.
 */
export async function loadRequirements(request: RequirementsRequest): Promise<Requirements> {
  const { environment, file, read = readConfigFile, systemFile = systemRequirementsFile } = request;
  const texts = [
    readSystemFile(read, systemFile),
    file === null ? null : readGivenFile(read, file),
    readVariable(environment),
  ].filter((text) => text !== null);
  if (texts.length === 0) return noRequirements;
  const { assemble } = await import("./assemble.ts");
  const asker = { hostname: request.hostname ?? hostname(), user: userName() };
  return assemble(texts, asker, request.now ?? Date.now());
}

/** The account's, not what a variable says; "" for an account without a name, which no exception names. */
function userName(): string {
  try {
    return userInfo().username;
  } catch {
    return "";
  }
}
