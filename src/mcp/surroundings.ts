import type { Managed } from "../gate/index.ts";
import type { McpServer, McpStdio } from "../config/index.ts";
import { applyPatch, selectProfile, withOwnProfile } from "../policy/index.ts";
import type { BoundPolicy, DomainRule, McpAllowlist, Profile, ProfilePatch } from "../policy/index.ts";
import type { PrepareRequest, RunSession } from "../sandbox/index.ts";
import type { LiveTerms } from "../reload/index.ts";
import type { Admission } from "./rules/identity.ts";
import { systemPath } from "./rules/identity.ts";

/** What servers are started from. */
export interface McpSurroundings {
  /** The run's: the first layer is the caller's, which a server's entry takes the place of; the others narrow. */
  readonly policy: BoundPolicy;
  readonly definitions: ReadonlyMap<string, ProfilePatch>;
  /** The caller's, unfiltered. */
  readonly environment: ReadonlyMap<string, string>;
  readonly cwd: string;
  /** What requirements say besides. */
  readonly managed: Managed;
  /** Null where the organisation has none. */
  readonly allowlist: McpAllowlist | null;
  /** What becomes of the run's policy while it is on; where it has not begun, or is none, absent. */
  readonly live?: LiveTerms;
  /** A session, with its journal, for the program of one server. */
  readonly openSession: (server: string) => RunSession;
}

/** As they are now. */
export function currentOf(surroundings: McpSurroundings): McpSurroundings {
  const { live } = surroundings;
  if (live === undefined) return surroundings;
  const { policy, managed } = live.terms;
  return { ...surroundings, policy, managed };
}

/** How a server's program is run: under the profile its entry names, with what the entry hands it. */
export function stdioRequest(
  server: McpServer,
  transport: McpStdio,
  { program, fixed }: Admission,
  surroundings: McpSurroundings,
): Omit<PrepareRequest, "session"> {
  const chosen = selectProfile(transport.permissions, surroundings.definitions);
  const { provenance } = server;
  // What is fixed is not the profile's to change either.
  const base = fixed === null ? chosen : { ...chosen, environment: { ...chosen.environment, set: fixed.env } };
  const profile = applyPatch(base, {
    name: base.name,
    provenance,
    environment: { include: transport.envVars, set: transport.env, provenance },
    network: { domains: transport.allowedDomains.map((pattern) => allowed(pattern, server)) },
  });
  const isSession = fixed === null || fixed.cwd === ":session";
  const cwd = isSession ? (transport.cwd ?? surroundings.cwd) : fixed.cwd;
  return {
    policy: withProfile(surroundings.policy, profile, server),
    program: program ?? transport.command,
    arguments: transport.args,
    script: null,
    cwd: cwd ?? "/",
    environment: fixed === null ? surroundings.environment : plainEnvironment(transport, surroundings.environment),
    workspaceRoots: cwd === null ? [] : null,
    workspace: profile.workspace,
    backend: null,
    terminal: "never",
  };
}

/** What may be reached of a server that is somewhere else: these hosts and ports, as far as the other layers allow. */
export function httpRequest(
  server: McpServer,
  places: readonly URL[],
  surroundings: McpSurroundings,
): Omit<PrepareRequest, "session"> {
  // Nothing is run in it: of the prepared sandbox only the rules on the network are asked.
  const nothing = selectProfile(":isolated", surroundings.definitions);
  const profile = applyPatch(nothing, {
    name: nothing.name,
    provenance: server.provenance,
    network: {
      mode: { value: "restricted", provenance: server.provenance },
      domains: places.map((place) => ({
        ...allowed(`${place.hostname}:${portOf(place)}`, server),
        // By this name nothing but the machine itself is meant (RFC 6761 section 6.3).
        ...(place.hostname === "localhost" && { resolveTo: ["127.0.0.0/8", "::1/128"] }),
      })),
    },
  });
  return {
    policy: withProfile(surroundings.policy, profile, server),
    program: "/bin/sh",
    arguments: [],
    script: null,
    cwd: "/",
    environment: surroundings.environment,
    workspaceRoots: [],
    workspace: "cwd",
    backend: null,
    terminal: "never",
  };
}

function portOf({ port, protocol }: URL): string {
  return port !== "" ? port : protocol === "https:" ? "443" : "80";
}

function withProfile(policy: BoundPolicy, profile: Profile, { provenance }: McpServer): BoundPolicy {
  return withOwnProfile(policy, { layer: provenance.layer, profile, chosenBy: provenance });
}

function allowed(pattern: string, { provenance }: McpServer): DomainRule {
  return { pattern, access: "allow", resolveTo: [], provenance };
}

const plain = [
  "HOME",
  "USER",
  "LOGNAME",
  "LANG",
  "LC_ALL",
  "LC_CTYPE",
  "TZ",
  "TERM",
  "XDG_STATE_HOME",
  "XDG_CACHE_HOME",
  "XDG_CONFIG_HOME",
];

/** For a server whose identity is fixed: nothing of the caller's decides what its program loads. */
function plainEnvironment(
  { envVars }: McpStdio,
  environment: ReadonlyMap<string, string>,
): ReadonlyMap<string, string> {
  const kept = [...plain, ...envVars].flatMap((name) => {
    const value = environment.get(name);
    return value === undefined ? [] : [[name, value] as const];
  });
  return new Map([...kept, ["PATH", systemPath.join(":")]]);
}
