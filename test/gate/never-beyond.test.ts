import { join } from "node:path";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { noFlags } from "../../src/config/index.ts";
import { bindPolicy, loadGated } from "../../src/gate/index.ts";
import { applyPatch, builtinProfile, compile, readProfile, resolve, SandboxedError } from "../../src/policy/index.ts";
import type { Layer, Policy, Profile, Provenance, Query } from "../../src/policy/index.ts";
import { put, stage } from "../config/stage.ts";
import { machine } from "../policy/machine.ts";
import { encode } from "../requirements/stage.ts";

const places = ["/srv", "/srv/a", "/srv/a/b", "/opt", "~/ws", "~/ws/docs"] as const;
const hosts = ["a.test", "x.a.test", "b.test"] as const;
const patterns = ["a.test", "*.a.test", "**.a.test", "b.test"] as const;
const profiles = [":isolated", ":workspace", ":read-only", ":danger-full-access"] as const;
const modes = ["workspace-write", "danger-full-access"] as const;

const whole = (path: string): string => path.replace("~", "/home/u");
const queries: readonly Query[] = [
  ...places.flatMap((path) => [
    { op: "read", path: `${whole(path)}/file` } as const,
    { op: "write", path: `${whole(path)}/file` } as const,
  ]),
  ...hosts.map((host) => ({ op: "connect", host, port: 443 }) as const),
];

const some = <T>(of: readonly T[]): fc.Arbitrary<T[]> => fc.subarray([...of], { minLength: 1 });

/** What anybody may require. */
const narrowing = fc.record(
  {
    denyRead: some(places),
    denyWrite: some(places),
    modes: fc.subarray([...modes]),
    off: fc.boolean(),
    denied: some(patterns),
  },
  { requiredKeys: [] },
);
/** And what only an administrator may. */
const managing = fc.record(
  { profile: fc.constantFrom(":isolated", ":read-only"), only: some(patterns) },
  { requiredKeys: [] },
);

/** Mostly little: sources that forbid everything show nothing. */
const sparsely = (full: fc.Arbitrary<Said>): fc.Arbitrary<Said> =>
  full
    .map((said) => Object.entries(said))
    .chain((all) => fc.subarray(all, { maxLength: Math.min(2, all.length) }))
    .map((kept) => Object.fromEntries(kept));
const users = fc.oneof(fc.constant<Said>({}), sparsely(narrowing));
const administrators = fc
  .tuple(sparsely(narrowing), sparsely(managing))
  .map(([one, other]): Said => ({ ...one, ...other }));

interface Said {
  readonly denyRead?: readonly string[];
  readonly denyWrite?: readonly string[];
  readonly modes?: readonly string[];
  readonly off?: boolean;
  readonly denied?: readonly string[];
  readonly profile?: string;
  readonly only?: readonly string[];
}

const list = (words: readonly string[]): string => JSON.stringify(words);

function written({ denyRead, denyWrite, modes: allowed, off, denied, profile, only }: Said): string {
  return [
    allowed && `allowed_sandbox_modes = ${list(["read-only", ...allowed])}`,
    profile && `allowed_permission_profiles = { "${profile}" = true }`,
    denyRead && `permissions.filesystem.deny_read = ${list(denyRead)}`,
    denyWrite && `permissions.filesystem.deny_write = ${list(denyWrite)}`,
    off === true && "network.enabled = false",
    denied && `network.denied_domains = ${list(denied)}`,
    only && `network.allowed_domains = ${list(only)}\nnetwork.managed_allowed_domains_only = true`,
  ]
    .filter((line) => typeof line === "string")
    .join("\n");
}

function covers(pattern: string, host: string): boolean {
  const base = pattern.replace(/^\*+\./, "");
  const isBelow = host.endsWith(`.${base}`);
  if (pattern.startsWith("**.")) return isBelow || host === base;
  return pattern.startsWith("*.") ? isBelow : host === base;
}

/** The meaning of a statement, said once more and without the code under test. */
function forbids(said: Said, query: Query): boolean {
  if (query.op === "connect") {
    const named = (words: readonly string[] = []): boolean => words.some((pattern) => covers(pattern, query.host));
    return said.off === true || named(said.denied) || (said.only !== undefined && !named(said.only));
  }
  if (query.op !== "read" && query.op !== "write") return false;
  const within = (paths: readonly string[] = []): boolean =>
    paths.some((path) => query.path.startsWith(`${whole(path)}/`));
  const isWorkspace = query.path.startsWith("/home/u/ws/");
  if (within(said.denyRead)) return true;
  if (query.op === "read") return said.profile === ":isolated" && !isWorkspace;
  // Which places are more than a workspace is told by the machine; without any mode nothing is written.
  const byMode = said.modes?.length === 0;
  const byProfile = said.profile === ":read-only" || (said.profile === ":isolated" && !isWorkspace);
  return within(said.denyWrite) || byMode || byProfile;
}

const asked = fc.record({
  base: fc.constantFrom(...profiles),
  granted: fc.subarray([...places]),
  access: fc.constantFrom("read", "write"),
  mode: fc.constantFrom("restricted", "full"),
  domains: fc.subarray([...patterns]),
  /** A name that is somebody else's. */
  calls: fc.constantFrom("mine", ":isolated", ":read-only"),
  layer: fc.constantFrom<Layer>("api", "user", "flag", "builtin", "system"),
  second: fc.boolean(),
});
type Asked = typeof asked extends fc.Arbitrary<infer T> ? T : never;

function raw({ granted, access, mode, domains }: Asked) {
  return {
    filesystem: Object.fromEntries(granted.map((path) => [path, access])),
    network: { mode, domains: Object.fromEntries(domains.map((pattern) => [pattern, "allow" as const])) },
  };
}

function policyOf(want: Asked): Policy {
  const said: Provenance = { layer: want.layer, file: null, line: null, column: null, owner: "you" };
  const profile: Profile = {
    ...applyPatch(
      builtin(want.base),
      readProfile("mine", raw(want), () => said),
    ),
    name: want.calls,
  };
  const wide = { layer: "api", profile: builtin(":danger-full-access") } as const;
  return { layers: [{ layer: want.layer, profile, chosenBy: said }, ...(want.second ? [wide] : [])] };
}

function builtin(name: string): Profile {
  const found = builtinProfile(name);
  if (found === null) throw new Error(`no ${name}`);
  return found;
}

function fileOf(want: Asked): string {
  const { filesystem, network } = raw(want);
  const table = (words: object): string =>
    Object.entries(words)
      .map(([key, value]) => `"${key}" = "${value}"\n`)
      .join("");
  // A profile without a sandbox cannot be extended.
  const base = want.base === ":danger-full-access" ? ":workspace" : want.base;
  return `default_permissions = "mine"\n[permissions.mine]\nextends = "${base}"\n[permissions.mine.filesystem]\n${table(filesystem)}[permissions.mine.network]\nmode = "${network.mode}"\n[permissions.mine.network.domains]\n${table(network.domains)}`;
}

type Way = (want: Asked, at: Machine) => Promise<Policy>;

/** A machine with requirements from every source there is. */
interface Machine {
  readonly root: string;
  readonly user: string;
  readonly system: string;
  readonly environment: ReadonlyMap<string, string>;
  readonly request: {
    readonly requirementsFile: string;
    readonly systemRequirements: string;
    readonly systemFile: string;
    readonly accountFile: null;
  };
}

const gated = async (
  { root, environment, request }: Machine,
  flags: Partial<typeof noFlags>,
  more: readonly (readonly [string, string])[] = [],
): Promise<Policy> => {
  const { policy } = await loadGated({
    environment: new Map([...environment, ...more]),
    home: join(root, "home"),
    cwd: join(root, "home/work"),
    workspace: null,
    flags: { ...noFlags, ...flags },
    ...request,
  });
  return policy;
};

const ways: Readonly<Record<string, Way>> = {
  options: ({ base, granted, access, mode, domains }, at) =>
    gated(at, { permissions: base, [access]: granted.map(whole), network: mode, allowDomain: domains }),
  "the user's file": (want, at) => (put(at.user, fileOf(want)), gated(at, {})),
  "another file": (want, at) => {
    const file = join(at.root, "home/work/extra.toml");
    put(file, fileOf(want));
    return gated(at, { file });
  },
  "a variable": (want, at) => {
    const folder = join(at.root, "elsewhere");
    put(join(folder, "config.toml"), fileOf(want));
    return gated(at, {}, [["SANDBOXED_HOME", folder]]);
  },
  overrides: (want, at) => {
    const { filesystem, network } = raw(want);
    const inline = (words: object): string =>
      `{${Object.entries(words)
        .map(([key, value]) => `"${key}"="${value}"`)
        .join(",")}}`;
    const extended = want.base === ":danger-full-access" ? ":workspace" : want.base;
    const text = `permissions.mine={extends="${extended}",filesystem=${inline(filesystem)},network={mode="${network.mode}",domains=${inline(network.domains)}}}`;
    return gated(at, { overrides: [text, "default_permissions=mine"] });
  },
  "the library": async (want, at) =>
    (await bindPolicy(policyOf(want), { environment: at.environment, cwd: at.root, ...at.request })).policy,
  "the library, with another environment": async (want, at) => {
    const folder = join(at.root, "elsewhere");
    put(join(folder, "config.toml"), fileOf(want));
    const environment = new Map([...at.environment, ["SANDBOXED_HOME", folder], ["HOME", folder]]);
    return (await bindPolicy(policyOf(want), { environment, cwd: at.root, ...at.request })).policy;
  },
};

function machineOf(system: Said, given: Said, variable: Said): Machine {
  const { root, paths } = stage({ user: "" });
  const systemRequirements = join(root, "etc/requirements.toml");
  const requirementsFile = join(root, "given.toml");
  put(systemRequirements, written(system));
  put(requirementsFile, written(given));
  return {
    root,
    user: paths.user,
    system: systemRequirements,
    environment: new Map([
      ["HOME", join(root, "home")],
      ["SANDBOXED_REQUIREMENTS_BASE64", encode(written(variable))],
    ]),
    request: { requirementsFile, systemRequirements, systemFile: paths.system, accountFile: null },
  };
}

/** What may be done of the host's; nothing where nothing runs. */
async function reachedBy(way: Way, want: Asked, at: Machine): Promise<readonly Query[]> {
  try {
    const oracle = compile(resolve(await way(want, at), machine()));
    return queries.filter((query) => {
      const { effect, where } = oracle.decide(query);
      return effect === "allow" && where !== "private";
    });
  } catch (error) {
    if (error instanceof SandboxedError && error.code === "requirements_conflict") return [];
    throw error;
  }
}

describe.each(Object.entries(ways))("asked by %s", (_, way) => {
  it("nobody gets what any source forbids, whoever claims to ask", async () => {
    let reached = 0;
    await fc.assert(
      fc.asyncProperty(administrators, users, users, asked, async (system, given, variable, want) => {
        const found = await reachedBy(way, want, machineOf(system, given, variable));
        reached += found.length;
        const beyond = found.filter((query) => [system, given, variable].some((said) => forbids(said, query)));
        expect(beyond).toEqual([]);
      }),
      { numRuns: 30 },
    );
    // Else everything is refused, and nothing was shown.
    expect(reached).toBeGreaterThan(10);
  });
});

describe("where nothing is required", () => {
  it.each(Object.entries(ways))("%s gets all of it", async (_, way) => {
    const want = {
      base: ":workspace",
      granted: [...places],
      access: "write",
      mode: "restricted",
      domains: [...patterns],
    } as const;
    const rest = { calls: "mine", layer: "api", second: false } as const;
    expect(
      await reachedBy(way, { ...want, granted: [...places], domains: [...patterns], ...rest }, machineOf({}, {}, {})),
    ).toEqual(queries);
  });
});
