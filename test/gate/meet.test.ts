import { assert, constantFrom, dictionary, property, record } from "fast-check";
import { describe, expect, it } from "vitest";
import { bindPolicy, meet } from "../../src/gate/index.ts";
import {
  absolutePath,
  applyPatch,
  builtinProfile,
  compile,
  readProfile,
  requireBound,
  resolve,
} from "../../src/policy/index.ts";
import type { BoundPolicy, Policy, Provenance, Query } from "../../src/policy/index.ts";
import { machine } from "../policy/machine.ts";
import { unbound } from "../stage/unbound.ts";
import { encode } from "../requirements/stage.ts";

const said: Provenance = { layer: "api", file: null, line: null, column: null, owner: "you" };
const places = machine();
const paths = ["/srv", "/srv/data", "/srv/data/deep", "/opt", "/home/ada/work"] as const;
const hosts = ["one.example", "two.example", "a.two.example"] as const;

const queries: readonly Query[] = [
  ...paths.flatMap((path): readonly Query[] => [
    { op: "read", path: absolutePath(`${path}/x`) },
    { op: "write", path: absolutePath(`${path}/x`) },
  ]),
  ...hosts.map((host): Query => ({ op: "connect", host, port: 443 })),
];

type Access = "deny" | "read" | "write";

const profile = record({
  filesystem: dictionary(constantFrom(...paths), constantFrom<Access>("deny", "read", "write")),
  network: record({
    mode: constantFrom("off" as const, "restricted" as const),
    domains: dictionary(
      constantFrom("one.example", "**.two.example", "a.two.example"),
      constantFrom("allow" as const, "deny" as const),
    ),
  }),
});

function policyOf(table: Parameters<typeof readProfile>[1]): Policy {
  const base = builtinProfile(":isolated");
  if (base === null) throw new Error("no :isolated");
  return {
    layers: [
      {
        layer: "api",
        profile: applyPatch(
          base,
          readProfile(base.name, table, () => said),
        ),
      },
    ],
  };
}

function allowed(policy: Policy): readonly boolean[] {
  const oracle = compile(resolve(policy, places));
  return queries.map((query) => oracle.decide(query).effect === "allow");
}

function met(one: BoundPolicy, other: BoundPolicy): BoundPolicy {
  const policy = meet(one, other);
  if (policy === null) throw new Error("too much");
  return policy;
}

describe("what two policies leave together", () => {
  it("is what both allow, in whatever order, and no more by the same again", () => {
    assert(
      property(profile, profile, (one, other) => {
        const [first, second] = [unbound(policyOf(one)), unbound(policyOf(other))];
        const both = met(first, second);
        const [a, b] = [allowed(first), allowed(second)];
        expect(allowed(both)).toEqual(a.map((yes, index) => yes && b[index]));
        expect(allowed(met(second, first))).toEqual(allowed(both));
        expect(met(both, first)).toBe(both);
        expect(met(both, second)).toBe(both);
      }),
      { numRuns: 150 },
    );
  });

  it("is one that has been through the gate, whose layers say where they stand; the same elsewhere adds none", async () => {
    const bound = async (text: string): Promise<BoundPolicy> => {
      const environment = new Map([
        ["HOME", "/home/ada"],
        ["SANDBOXED_REQUIREMENTS_BASE64", encode(text)],
      ]);
      const asked = policyOf({ network: { mode: "restricted", domains: { "one.example": "allow" } } });
      const at = { cwd: "/", systemFile: "/none", accountFile: null, systemRequirements: "/none" };
      return (await bindPolicy(asked, { environment, ...at })).policy;
    };
    const denying = '[network]\ndenied_domains = ["one.example"]\n';
    const [before, same, other] = await Promise.all([bound(denying), bound(`\n\n${denying}`), bound("")]);
    expect(met(before, other)).toBe(before);
    const { layers } = met(other, met(before, same));
    expect(layers).toHaveLength(met(other, before).layers.length);
    const decision = compile(resolve({ layers }, places)).decide({ op: "connect", host: "one.example", port: 443 });
    expect(decision).toMatchObject({ effect: "deny", provenance: { line: 2 } });
    expect(() => requireBound(met(other, before))).not.toThrow();
    expect(() => requireBound({ ...met(other, before), layers: [] })).toThrow("nobody has bound");
  });

  it("is nothing any more once too many have come together", () => {
    let held: BoundPolicy | null = unbound(policyOf({}));
    for (let n = 0; n < 120 && held !== null; n++) {
      held = meet(held, unbound(policyOf({ network: { domains: { [`h${n}.example`]: "allow" } } })));
    }
    expect(held).toBeNull();
  });
});
