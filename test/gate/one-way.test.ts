import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { emptyProfile, requireBound, withOwnProfile } from "../../src/policy/index.ts";
import { unbound } from "../stage/unbound.ts";

const source = new URL("../../src/", import.meta.url).pathname;
const files = readdirSync(source, { recursive: true, encoding: "utf8" }).filter((name) => name.endsWith(".ts"));
const texts = new Map(files.map((name) => [name, readFileSync(join(source, name), "utf8")]));

/** Files whose text has the pattern. */
function holding(pattern: RegExp): readonly string[] {
  return [...texts].flatMap(([name, text]) => (pattern.test(text) ? [name] : [])).toSorted();
}

/** Files that import the name as a value from a module whose path ends so. */
function importing(name: string, module: string): readonly string[] {
  return [...texts]
    .flatMap(([file, text]) => {
      const found = [...text.matchAll(/import (?!type )\{([^}]*)\} from "([^"]+)"/g)].some(
        ([, names = "", from = ""]) =>
          from.endsWith(module) && names.split(",").some((one) => one.trim().split(" as ")[0] === name),
      );
      return found ? [file] : [];
    })
    .toSorted();
}

/**
 * From a policy to a process there is one way: the gate marks a policy, `prepare` takes marked ones alone (the compiler
 * holds it to that), `start` takes what `prepare` or `recall` made.
 */
describe("the way to a process", () => {
  it("begins where the gate has put requirements and ceiling in", () => {
    expect(holding(/as BoundPolicy/)).toEqual(["policy/model/bound.ts"]);
    expect(importing("sealPolicy", "policy/index.ts")).toEqual(["gate/bind-config.ts", "gate/meet.ts"]);
    expect(texts.get("gate/meet.ts")).toContain("function meet(held: BoundPolicy, next: BoundPolicy)");
    expect(importing("bindConfig", "bind-config.ts")).toEqual(["gate/bind-policy.ts", "gate/load-gated.ts"]);
    expect(texts.get("gate/bind-config.ts")).toMatch(
      /const next = bound\(result, one\)[\s\S]*sealPolicy\(result\.policy/,
    );
    for (const name of ["gate/bind-policy.ts", "gate/load-gated.ts"]) {
      expect(texts.get(name)).toMatch(/loadRequirements\([\s\S]*bindConfig\(/);
    }
  });

  it("is shut to a policy that was changed after it was bound", () => {
    const policy = unbound({ layers: [{ layer: "api", profile: emptyProfile("p") }] });
    expect(() => requireBound(policy)).not.toThrow();
    expect(() => requireBound({ ...policy, layers: [] })).toThrow("nobody has bound");
    const [first] = policy.layers;
    if (first === undefined) throw new Error("no layer");
    expect(() => requireBound(withOwnProfile(policy, first))).not.toThrow();
  });

  it("leads through a policy that is marked, and only there", () => {
    expect(texts.get("sandbox/request.ts")).toMatch(/PrepareRequest<P extends Policy = BoundPolicy>/);
    expect(texts.get("sandbox/index.ts")).toMatch(
      /function prepare\(request: PrepareRequest, .*\n.*\n  requireBound\(request\.policy\);/,
    );
    expect(texts.get("sandbox/linux/run/prepare.ts")).toMatch(/function prepare\(request: PrepareRequest, /);
    // What a host leaves out is filled in before the library asks the gate.
    expect(holding(/PrepareRequest<Policy>/)).toEqual(["library/defaults.ts", "library/gated.ts"]);
    for (const [name, module] of [
      ["prepare", "sandbox/index.ts"],
      ["prepare", "gated.ts"],
      ["equip", "run/index.ts"],
      ["start", "run/index.ts"],
    ] as const) {
      expect(importing(name, module)).not.toContain("library/defaults.ts");
    }
  });

  it("ends in few places", () => {
    expect(importing("spawn", "node:child_process")).toEqual([]);
    // Taken by name when a start comes to it, and native code that starts one.
    expect(holding(/getBuiltinModule\("node:child_process"\)/)).toEqual([
      "sandbox/linux/launch/by-node.ts",
      "sandbox/linux/launch/direct.ts",
    ]);
    expect(holding(/getBuiltinModule\((?!"node:(?:child_process|net|stream|crypto|os)"\))/)).toEqual([]);
    expect(holding(/dlopen/)).toEqual(["sandbox/linux/launch/starter.ts"]);
    // Asks the kernel what it can do, by programs of the tool's own.
    expect(importing("spawnSync", "node:child_process")).toEqual(["sandbox/linux/facts/probe.ts"]);
    for (const name of ["exec", "execFile", "execSync", "execFileSync", "fork"]) {
      expect(importing(name, "node:child_process")).toEqual([]);
    }
    expect(holding(/process\.binding|worker_threads|execve/)).toEqual([]);
    expect(importing("launch", "launch/index.ts")).toEqual(["sandbox/linux/run/index.ts"]);
    expect(importing("start", "sandbox/index.ts")).toEqual(["run/start.ts"]);
  });

  it("is the library's only one, too", () => {
    const offered = texts.get("index.ts") ?? "";
    expect(offered).toMatch(/export \{[^}]*\bprepare\b[^}]*\} from "\.\/library\/index\.ts"/);
    expect(offered).not.toMatch(/export \{[^}]*\} from "\.\/(?:run|gate)\/[a-z]+\.ts"/);
    expect(offered.match(/export \{[^}]*\} from "\.\/sandbox\/index\.ts"/)?.[0]).not.toMatch(/prepare|start|recall/);
    const library = texts.get("library/index.ts") ?? "";
    expect(library).toContain('export { equip, prepare, start } from "./gated.ts";');
    expect(library).toContain('export { run } from "./run.ts";');
    expect(texts.get("library/run.ts")).toContain('import { equip, prepare, start } from "./gated.ts";');
    expect(importing("start", "run/index.ts")).not.toContain("library/run.ts");
  });

  it("finds what it looks for, so that the above means something", () => {
    expect(importing("prepare", "sandbox/index.ts")).toContain("library/gated.ts");
    expect(importing("start", "run/index.ts")).toContain("library/gated.ts");
  });
});
