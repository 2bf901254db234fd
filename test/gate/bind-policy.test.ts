import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { bindPolicy, checkPrepared } from "../../src/gate/index.ts";
import type { BindRequest } from "../../src/gate/index.ts";
import { builtinProfile, compile, entryFrom, requireBackend, resolve, withOwnProfile } from "../../src/policy/index.ts";
import type { Layer, Policy, Provenance, Query } from "../../src/policy/index.ts";
import { put, refusal, stage } from "../config/stage.ts";
import { machine } from "../policy/machine.ts";
import { encode } from "../requirements/stage.ts";

const said: Provenance = { layer: "api", file: null, line: null, column: null, owner: "you" };

function policy(name: string, layer: Layer = "api", ...writes: readonly string[]): Policy {
  const base = builtinProfile(name);
  if (base === null) throw new Error(`no ${name}`);
  const added = writes.map((path) => entryFrom(path, "write", said, path));
  const filesystem = { ...base.filesystem, entries: [...base.filesystem.entries, ...added] };
  return { layers: [{ layer, profile: { ...base, filesystem } }] };
}

/** The machine of a user with this file, and requirements. */
function where(user: string, requirements: string | null): BindRequest {
  const { root, paths } = stage({ user });
  const file = join(root, "etc/requirements.toml");
  if (requirements !== null) put(file, requirements);
  return {
    environment: new Map([["HOME", join(root, "home")]]),
    cwd: root,
    systemFile: paths.system,
    systemRequirements: file,
    accountFile: null,
  };
}

const places = machine();

async function effects(asked: Policy, at: BindRequest, ...queries: readonly Query[]): Promise<readonly string[]> {
  const { policy: bound } = await bindPolicy(asked, at);
  const oracle = compile(resolve(bound, places));
  return queries.map((query) => oracle.decide(query).effect);
}

const write = (path: string): Query => ({ op: "write", path });

describe("a policy that a program made", () => {
  it("gets no further than the requirements", async () => {
    const required = '[permissions.filesystem]\ndeny_write = ["/srv/data"]\n';
    const asked = policy(":isolated", "api", "/srv/data", "/srv/other");
    const at = where("", required);
    expect(await effects(asked, at, write("/srv/data/x"), write("/srv/other/x"))).toEqual(["deny", "allow"]);
    expect(await effects(asked, where("", null), write("/srv/data/x"))).toEqual(["allow"]);
  });

  it("gets no further than the user's ceiling, and is told so", async () => {
    const asked = policy(":isolated", "api", "/srv/data");
    const at = where('ceiling = ":workspace"\n', null);
    expect(await effects(asked, at, write("/srv/data/x"))).toEqual(["deny"]);
    const { policy: bound } = await bindPolicy(asked, at);
    const prepared = { resolved: { places } };
    expect((await refusal(() => checkPrepared(bound, prepared))).code).toBe("ceiling_exceeded");
    const within = await bindPolicy(policy(":isolated"), at);
    expect(checkPrepared(within.policy, prepared)).toEqual([]);
  });

  it("cannot run without a sandbox where that is required", async () => {
    const at = where("", 'enforcement_level = "bwrap"\n');
    expect((await refusal(() => bindPolicy(policy(":danger-full-access"), at))).code).toBe("requirements_conflict");
    const { policy: bound } = await bindPolicy(policy(":isolated"), at);
    expect((await refusal(() => requireBackend(bound, "landlock"))).code).toBe("requirements_conflict");
    expect(() => requireBackend(bound, "bwrap")).not.toThrow();
    const [own] = bound.layers;
    if (own === undefined) throw new Error("no layer");
    const other = withOwnProfile(bound, own);
    expect((await refusal(() => requireBackend(other, "landlock"))).code).toBe("requirements_conflict");
  });

  it.each(["requirements", "ceiling", "invariant"] as const)("cannot call a layer %s", async (layer) => {
    const at = where("", null);
    expect((await refusal(() => bindPolicy(policy(":isolated", layer), at))).code).toBe("policy_invalid");
    expect((await bindPolicy(policy(":isolated", "user"), at)).policy.layers).toHaveLength(1);
  });

  it("cannot be bound by less than what this process was started with", async () => {
    const name = "SANDBOXED_REQUIREMENTS_BASE64";
    const before = process.env[name];
    const asked = policy(":isolated", "api", "/srv/data", "/srv/other");
    const at = where("", null);
    const other = encode('[permissions.filesystem]\ndeny_write = ["/srv/other"]\n');
    process.env[name] = encode('[permissions.filesystem]\ndeny_write = ["/srv/data"]\n');
    try {
      const lax = { ...at, environment: new Map([...at.environment, [name, other]]) };
      expect(await effects(asked, lax, write("/srv/data/x"), write("/srv/other/x"))).toEqual(["deny", "deny"]);
    } finally {
      if (before === undefined) delete process.env[name];
      else process.env[name] = before;
    }
    expect(await effects(asked, at, write("/srv/data/x"), write("/srv/other/x"))).toEqual(["allow", "allow"]);
  });
});
