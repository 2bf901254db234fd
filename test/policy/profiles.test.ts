import { describe, expect, it } from "vitest";
import {
  applyPatch,
  builtinProfile,
  builtinProfileNames,
  emptyProfile,
  mergePatches,
  mode,
  readProfile,
  selectProfile,
} from "../../src/policy/index.ts";
import type { ProfilePatch, RawProfile } from "../../src/policy/index.ts";
import { builtin, fromUser, oracle, profile } from "./machine.ts";

function patches(tables: Readonly<Record<string, RawProfile>>): ReadonlyMap<string, ProfilePatch> {
  return new Map(Object.entries(tables).map(([name, raw]) => [name, readProfile(name, raw, fromUser)]));
}

describe("choosing a profile", () => {
  it("follows what it extends, the nearer one holding", () => {
    const made = selectProfile(
      "leaf",
      patches({
        leaf: { extends: "middle", filesystem: { "/d": "write" }, network: { domains: { "a.example": "deny" } } },
        middle: {
          extends: ":workspace",
          description: "not inherited",
          filesystem: { "/d": "deny", "/e": "read" },
          network: { mode: "off", domains: { "a.example": "allow", "b.example": "allow" } },
          limits: { processes: 7 },
          environment: { set: { A: "1" }, exclude: ["X"] },
        },
      }),
    );
    expect(made).toMatchObject({
      name: "leaf",
      description: "",
      limits: { processes: 7, openFiles: 4096 },
      network: { mode: "off" },
    });
    expect(made.network.domains.map(({ pattern, access }) => `${pattern} ${access}`)).toEqual([
      "b.example allow",
      "a.example deny",
    ]);
    const asked = oracle(made);
    const effects = ["/d/x", "/e/x", "/home/u/ws/x"].map((path) => asked.decide({ op: "write", path }).effect);
    expect(effects).toEqual(["allow", "deny", "allow"]);
    expect(asked.decide({ op: "read", path: "/e/x" }).effect).toBe("allow");
  });

  it("starts from nothing when nothing is extended", () => {
    const asked = oracle(selectProfile("bare", patches({ bare: { filesystem: { "/d": "read" } } })));
    expect(asked.decide({ op: "read", path: "/d" }).effect).toBe("allow");
    expect(asked.decide({ op: "read", path: "/usr/bin/env" }).reason).toBe("no_rule");
  });

  it.each<readonly [string, string, Readonly<Record<string, RawProfile>>, string]>([
    ["an unknown name", "ic", { ci: {} }, 'there is no profile "ic"; did you mean "ci"?'],
    ["an unknown built-in name", ":isolate", {}, 'there is no profile ":isolate"; did you mean ":isolated"?'],
    [
      "an unknown parent",
      "ci",
      { ci: { extends: ":workspaces" } },
      'config.toml:1: profile "ci" extends an unknown profile ":workspaces"; did you mean ":workspace"?',
    ],
    [
      "a circle",
      "a",
      { a: { extends: "b" }, b: { extends: "c" }, c: { extends: "a" } },
      "profiles extend each other in a circle: a -> b -> c -> a",
    ],
    ["a circle further on", "a", { a: { extends: "b" }, b: { extends: "b" } }, "in a circle: b -> b"],
    ["a built-in name taken", ":isolated", { ":isolated": {} }, "the name :isolated belongs to sandboxed-run"],
    [
      "a built-in name taken below",
      "a",
      { a: { extends: ":isolated" }, ":isolated": {} },
      "the name :isolated belongs",
    ],
    ["a name that objects have", "toString", {}, 'there is no profile "toString"'],
  ])("%s is refused", (_, name, tables, message) => {
    expect(() => selectProfile(name, patches(tables))).toThrow(message);
  });

  it("knows the built-in ones with their lines", () => {
    for (const name of builtinProfileNames) {
      const made = builtin(name);
      expect(made.name).toBe(name);
      expect(made.description).not.toBe("");
      const entry = made.filesystem.entries.find(({ origin }) => origin === "grant");
      if (entry !== undefined) expect(entry.provenance).toMatchObject({ layer: "builtin", line: expect.any(Number) });
    }
    const [first] = builtin(":isolated").filesystem.entries.filter(({ origin }) => origin === "grant");
    expect(first?.provenance).toMatchObject({ file: "sandbox-profiles/isolated.toml", line: 9, column: 1 });
    expect(builtin(":isolated").network.modeProvenance).toMatchObject({ line: 15 });
    expect(builtinProfile("isolated")).toBeNull();
  });
});

describe("merging two layers' tables of one name", () => {
  it("keeps both, the higher holding key by key", () => {
    const lower = readProfile(
      "ci",
      {
        extends: ":isolated",
        filesystem: { "/a": "read", "/b": "read" },
        limits: { processes: 1, open_files: 2 },
        network: { mode: "off", domains: { "a.example": "allow" } },
      },
      fromUser,
    );
    const higher = readProfile(
      "ci",
      {
        filesystem: { "/b": "deny", "/c": "write" },
        limits: { processes: 3 },
        network: { domains: { "b.example": "deny" } },
        environment: { inherit: "none" },
      },
      fromUser,
    );
    const merged = mergePatches(lower, higher);
    expect(merged.entries?.map(({ text }) => text)).toEqual(['"/a" = "read"', '"/b" = "deny"', '"/c" = "write"']);
    expect(merged).toMatchObject({
      extends: { name: ":isolated" },
      limits: { processes: 3, openFiles: 2 },
      network: { mode: { value: "off" }, domains: [{ pattern: "a.example" }, { pattern: "b.example" }] },
      environment: { inherit: "none" },
    });
    expect(mergePatches(lower, readProfile("ci", {}, fromUser))).toEqual(lower);
  });
});

describe("narrowing the unrestricted profile", () => {
  it("takes away what is named and nothing else", () => {
    const asked = oracle(profile({ extends: ":danger-full-access", filesystem: { "~/secret": "deny" } }));
    expect(asked.decide({ op: "read", path: "/home/u/secret/x" }).reason).toBe("denied_by_rule");
    for (const path of ["/etc/x", "/tmp/x", "/home/u/.ssh/x", "/home/u/ws/.git/hooks/x"]) {
      expect(asked.decide({ op: "write", path })).toMatchObject({ effect: "allow", where: "host" });
    }
    expect(asked.decide({ op: "read", path: "/home/u/.local/state/sandboxed/k" }).reason).toBe("tool_state");
  });

  it("stays unrestricted under a grant", () => {
    const made = profile({ extends: ":danger-full-access", filesystem: { "/d": "write" } });
    expect(made.filesystem.kind).toBe("unrestricted");
  });

  it.each<readonly [RawProfile, "restricted" | "unrestricted"]>([
    [{ network: { mode: "off" } }, "restricted"],
    [{ network: { mode: "restricted" } }, "restricted"],
    [{ network: { unix_sockets: { "/run/x": "deny" } } }, "restricted"],
    [{ protect: { git: "metadata" } }, "restricted"],
    [{ protect: { off: [".vscode"] } }, "restricted"],
    [{ network: { mode: "full", unix_sockets: { "/run/x": "allow" } } }, "unrestricted"],
    [{ protect: { git: "off", off: ["*"] }, limits: { wall_time: "1m" } }, "unrestricted"],
  ])("what only a sandbox holds is held by one: %j is %s", (raw, kind) => {
    expect(profile({ extends: ":danger-full-access", ...raw }).filesystem.kind).toBe(kind);
  });

  it("does not hand on every variable where less is inherited", () => {
    const open = profile({ extends: ":danger-full-access" });
    const core = profile({ extends: ":danger-full-access", environment: { inherit: "core" } });
    const effects = [open, core].map((made) => oracle(made).decide({ op: "env", name: "API_TOKEN" }).effect);
    expect(effects).toEqual(["allow", "deny"]);
  });
});

describe("the mode of a profile", () => {
  it.each<readonly [string, RawProfile, string]>([
    [":isolated", { extends: ":isolated" }, "workspace-write"],
    [":workspace", { extends: ":workspace" }, "workspace-write"],
    [":read-only", { extends: ":read-only" }, "read-only"],
    [":danger-full-access", { extends: ":danger-full-access" }, "danger-full-access"],
    [
      "the narrowed unrestricted one",
      { extends: ":danger-full-access", filesystem: { "/d": "deny" } },
      "danger-full-access",
    ],
    ["a private home is no writing", { filesystem: { ":home": "write", ":root": "read" } }, "read-only"],
    ["the host's /tmp is", { extends: ":read-only", filesystem: { ":slash_tmp": "write" } }, "workspace-write"],
    ["a directory is", { extends: ":read-only", filesystem: { "/srv/x": "write" } }, "workspace-write"],
    ["the root is everything", { filesystem: { ":root": "write" } }, "danger-full-access"],
    ["by any name", { filesystem: { "//./": "write" } }, "danger-full-access"],
    ["and with stars", { filesystem: { "/**": "write" } }, "danger-full-access"],
    ["the home as a whole as well", { filesystem: { "~": "write" } }, "danger-full-access"],
    ["and the directory of homes", { filesystem: { "/home": "write" } }, "danger-full-access"],
    ["and the system's settings", { filesystem: { "/etc/": "write" } }, "danger-full-access"],
    [
      "and a socket that hands out the host",
      { network: { unix_sockets: { "/run/docker.sock": { access: "allow", dangerous: true } } } },
      "danger-full-access",
    ],
    ["a denied one does not", { network: { unix_sockets: { "/run/docker.sock": "deny" } } }, "read-only"],
  ])("%s", (_, raw, expected) => {
    expect(mode(profile(raw))).toBe(expected);
  });

  it("counts somebody else's sandbox as everything", () => {
    const made = applyPatch(emptyProfile("x"), { name: "x", provenance: fromUser([]), kind: "external" });
    expect(mode(made)).toBe("danger-full-access");
  });
});
