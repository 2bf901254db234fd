import { describe, expect, it } from "vitest";
import { applyPatch, readProfile, SandboxedError } from "../../../../src/policy/index.ts";
import type { Profile, Provenance, RawProfile } from "../../../../src/policy/index.ts";
import { initInstructions } from "../../../../src/sandbox/linux/plan/index.ts";
import { facts, planOf } from "./machine.ts";

const provenance: Provenance = { layer: "flag", file: null, line: null, column: null, owner: "you" };

function reaching(network: NonNullable<RawProfile["network"]>): (profile: Profile) => Profile {
  return (profile) =>
    applyPatch(
      profile,
      readProfile(profile.name, { network }, () => provenance),
    );
}

const domains = (...patterns: readonly string[]): Record<string, "allow"> =>
  Object.fromEntries(patterns.map((pattern) => [pattern, "allow" as const]));

describe("the door of a plan", () => {
  it.each<[string, NonNullable<RawProfile["network"]>, readonly number[] | null]>([
    ["is there for the web's ports", { domains: domains("a.example") }, [80, 443]],
    ["is there for the ports that are named", { domains: domains("a.example:22", "10.0.0.0/8:5432") }, [22, 5432]],
    [
      "leaves out the ports it uses itself",
      { domains: domains("a.example:53", "b.example:61128", "c.example:1") },
      [1],
    ],
    ["is there for bundles", { bundles: ["github"] }, [22, 80, 443]],
    ["is not there where nothing is allowed", { domains: { "a.example": "deny" } }, null],
    ["is not there without a network", { mode: "off", domains: domains("a.example") }, null],
    ["is not there with the host's network", { mode: "full", domains: domains("a.example") }, null],
  ])("%s", (_, network, ports) => {
    expect(planOf(reaching(network)).door?.transparentPorts ?? null).toEqual(ports);
  });

  it("comes with variables, files of its own and listeners before the start", () => {
    const plan = planOf(reaching({ domains: domains("a.example") }));
    const variables = new Map(plan.environment);
    expect(variables.get("https_proxy")).toBe("http://127.0.0.1:61128");
    expect(variables.get("ALL_PROXY")).toBe("socks5h://127.0.0.1:61128");
    expect(variables.get("NO_PROXY")).toBe("localhost,127.0.0.1,::1");
    for (const name of ["hosts", "nsswitch.conf", "resolv.conf"]) {
      const from = `/home/ann/.cache/sandboxed/door/${name}`;
      expect(plan.mounts).toContainEqual({ do: "bind", from, to: `/etc/${name}`, access: "read" });
      expect(plan.expectations).toContainEqual({ path: `/etc/${name}`, access: "read", identity: null });
    }
    // The tree is sealed after everything is in it.
    expect(plan.mounts.at(-1)?.do).toBe("seal");
    const told = initInstructions(plan).toString().replaceAll("\0", " ");
    expect(told).toContain("route all listen door 61128 listen tcp 80 listen tcp 443 listen dns 53");
  });

  it("says that behind a proxy of one's own the addresses are not ours to check", () => {
    const behind = (environment: ReadonlyMap<string, string>): readonly string[] =>
      planOf(reaching({ domains: domains("a.example") }), { ...facts(), environment }).reductions.map(
        ({ rule }) => rule,
      );
    const rule = "addresses of allowed hosts";
    expect(behind(new Map([["https_proxy", "http://proxy.example:3128"]]))).toContain(rule);
    expect(behind(new Map())).not.toContain(rule);
  });

  it("costs nothing where there is none", () => {
    const plan = planOf();
    expect(plan.environment.map(([name]) => name)).not.toContain("HTTP_PROXY");
    expect(initInstructions(plan).toString()).not.toContain("route");
  });

  it("is refused beyond what one run can hold", () => {
    const many = domains(...Array.from({ length: 126 }, (_, index) => `a.example:${index + 1000}`));
    expect(() => planOf(reaching({ domains: many }))).toThrow(SandboxedError);
    expect(() => planOf(reaching({ domains: many }))).toThrow("126 ports");
  });
});
