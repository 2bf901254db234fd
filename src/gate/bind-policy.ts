import { homedir } from "node:os";
import { isAbsolute, resolve } from "node:path";
import { loadConfig, noFlags, ownEnvironment } from "../config/index.ts";
import type { Config } from "../config/index.ts";
import { SandboxedError } from "../policy/index.ts";
import type { BoundPolicy, Layer, Policy, Provenance } from "../policy/index.ts";
import { loadRequirements } from "../requirements/index.ts";
import type { Requirements } from "../requirements/index.ts";
import { bindConfig } from "./bind-config.ts";
import type { Managed } from "./check-prepared.ts";
import type { Asking } from "./load-gated.ts";

export interface BindRequest extends Asking {
  /** Of the one who asks. What this process was started with counts besides: nobody argues that away. */
  readonly environment: ReadonlyMap<string, string>;
  readonly cwd: string;
  /** Another file of requirements, which can only narrow. */
  readonly requirementsFile?: string | null;
  /** The administrator's files; others for tests. */
  readonly systemRequirements?: string;
  readonly systemFile?: string;
  readonly accountFile?: string | null;
}

export interface Bound {
  readonly policy: BoundPolicy;
  readonly managed: Managed;
  readonly audit: Config["audit"];
  readonly warnings: readonly string[];
  /** What bound it. */
  readonly requirements: readonly Requirements[];
}

/**
 * Binds a policy that a program made. Its layers are the caller's own, with none of the names that stand for somebody
 * else. Errors: `policy_invalid`, those of `loadConfig` for the user's file, of `loadRequirements` and of `bindConfig`.
 */
export async function bindPolicy(asked: Policy, request: BindRequest): Promise<Bound> {
  const policy = ownCopy(asked);
  const [first] = policy.layers;
  const foreign = policy.layers.find(({ layer }) => reserved.has(layer));
  if (first === undefined || foreign !== undefined) {
    const problem = foreign === undefined ? "has no layer" : `has a layer that calls itself ${foreign.layer}`;
    throw new SandboxedError("policy_invalid", `the policy ${problem}`, { hint: 'name the layers of a program "api"' });
  }
  const own = ownEnvironment();
  const environments = isSameTool(own, request.environment) ? [request.environment] : [own, request.environment];
  const configs = await Promise.all(environments.map((environment) => usersConfig(environment, request)));
  const [config] = configs;
  if (config === undefined) throw new SandboxedError("internal", "a program without an environment");
  const ceilings = configs.flatMap(({ policy: { layers } }) => layers.filter(({ layer }) => layer === "ceiling"));
  const wanted: Config = {
    ...config,
    profile: first.profile,
    chosenBy: first.chosenBy ?? byProgram,
    definitions: new Map(),
    policy: { layers: [...policy.layers, ...ceilings] },
    audit: configs.some(({ audit }) => audit === "required") ? "required" : "default",
  };
  const { requirementsFile = null, systemRequirements, cwd, read, asking } = request;
  const requirements = await Promise.all(
    environments.map((environment) =>
      loadRequirements({
        environment,
        home: homeIn(environment),
        file: requirementsFile === null ? null : resolve(cwd, requirementsFile),
        ...(systemRequirements !== undefined && { systemFile: systemRequirements }),
        ...(read !== undefined && { read }),
        ...asking,
      }),
    ),
  );
  return { ...bindConfig(wanted, requirements), requirements };
}

/** What the caller changes later is not what was bound. */
function ownCopy(policy: Policy): Policy {
  try {
    return structuredClone(policy);
  } catch (cause) {
    throw new SandboxedError("policy_invalid", "the policy holds something else than data", {
      hint: "make it with readProfile and applyPatch",
      cause,
    });
  }
}

/** Layers that speak for somebody else than the caller. */
const reserved: ReadonlySet<Layer> = new Set(["ceiling", "requirements", "invariant"]);

const byProgram: Provenance = { layer: "api", file: null, line: null, column: null, owner: "the calling program" };

/** Variables that say where the tool's own files are, or what they hold. */
const variables = ["HOME", "XDG_CONFIG_HOME", "SANDBOXED_HOME", "SANDBOXED_REQUIREMENTS_BASE64"];

function isSameTool(one: ReadonlyMap<string, string>, other: ReadonlyMap<string, string>): boolean {
  return variables.every((name) => (one.get(name) ?? "") === (other.get(name) ?? ""));
}

function usersConfig(
  environment: ReadonlyMap<string, string>,
  { cwd, systemFile, accountFile, read }: BindRequest,
): Promise<Config> {
  return loadConfig({
    environment,
    home: homeIn(environment),
    cwd,
    workspace: null,
    flags: noFlags,
    ...(systemFile !== undefined && { systemFile }),
    ...(accountFile !== undefined && { accountFile }),
    ...(read !== undefined && { read }),
  });
}

function homeIn(environment: ReadonlyMap<string, string>): string {
  const home = environment.get("HOME") ?? "";
  return isAbsolute(home) ? home : homedir();
}
