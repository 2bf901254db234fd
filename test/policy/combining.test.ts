import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { applyPatch, builtinProfile, compile, emptyProfile, readProfile, resolve } from "../../src/policy/index.ts";
import { builtin, fromUser, machine, oracle, profile } from "./machine.ts";

const runs = { numRuns: 300 };

describe("combining profiles", () => {
  it("keeps what either refuses of network and environment", () => {
    const pattern = fc.constantFrom("a.example", "*.example.org", "**.example.net", "10.0.0.0/8", "b.example:22");
    const table = fc.dictionary(pattern, fc.constantFrom("allow" as const, "deny" as const), { maxKeys: 4 });
    const half = fc.record({
      mode: fc.constantFrom("off" as const, "restricted" as const, "full" as const),
      domains: table,
    });
    const hosts = [
      "a.example",
      "x.example.org",
      "example.org",
      "example.net",
      "10.1.2.3",
      "b.example",
      "[::1]",
      "A.EXAMPLE.",
    ];
    fc.assert(
      fc.property(half, half, fc.constantFrom(...hosts), fc.constantFrom(22, 80, 443), (one, other, host, port) => {
        const alone = [one, other].map((network) => profile({ network }));
        const effects = alone.map((each) => oracle(each).decide({ op: "connect", host, port }).effect);
        const expected = effects.every((effect) => effect === "allow") ? "allow" : "deny";
        expect(oracle(alone).decide({ op: "connect", host, port }).effect).toBe(expected);
      }),
      runs,
    );
  });

  it("gives the smaller of each limit and the stricter of each protection", () => {
    const one = profile({
      limits: { wall_time: "10m", max_pause: "2m", processes: 10, memory: "1GiB" },
      protect: { git: "off", off: [".vscode", ".idea"] },
    });
    const other = profile({
      limits: { wall_time: "5m", processes: 20, tmp_size: "1MiB" },
      protect: { off: [".idea"], missing: "strict" },
      deny_glob: "strict",
    });
    const layers = [one, other].map((each) => ({ layer: "user" as const, profile: each }));
    expect(resolve({ layers }, machine())).toMatchObject({
      limits: { wallTime: 300_000, maxPause: 120_000, processes: 10, memory: 1024 ** 3, tmpSize: 1024 ** 2 },
      protect: { git: "metadata", missing: "strict", off: new Set([".idea"]) },
      denyGlob: "strict",
      networkMode: "restricted",
    });
  });
});

describe("names that objects are born with", () => {
  it.each(["__proto__", "constructor", "toString", "hasOwnProperty", "valueOf"])(
    "%s is a name like any other",
    (name) => {
      const filesystem = JSON.parse(`{ "/r/${name}": "read", "/r": "write" }`);
      const patch = readProfile(name, { filesystem, environment: { include: [name] } }, fromUser);
      const made = applyPatch(emptyProfile(name), patch);
      const asked = compile(resolve({ layers: [{ layer: "user", profile: made }] }, machine()));
      expect(asked.decide({ op: "write", path: `/r/${name}` }).effect).toBe("deny");
      expect(asked.decide({ op: "read", path: `/r/${name}` }).effect).toBe("allow");
      expect(asked.decide({ op: "write", path: `/r/x/${name}` }).effect).toBe("allow");
      expect(asked.decide({ op: "env", name }).effect).toBe("allow");
      expect(builtinProfile(name)).toBeNull();
      expect(oracle(builtin(":isolated")).decide({ op: "connect", host: name, port: 443 }).effect).toBe("deny");
    },
  );
});
