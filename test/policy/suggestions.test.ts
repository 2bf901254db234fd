import { describe, expect, it } from "vitest";
import { applyPatch, entryFrom } from "../../src/policy/index.ts";
import type { PathOperation, Query, RawProfile } from "../../src/policy/index.ts";
import { builtin, machine, oracle, profile, provenance } from "./machine.ts";

describe("a refusal suggests the narrowest option", () => {
  const asked = oracle(builtin(":isolated"));
  it.each<readonly [Query, string]>([
    [{ op: "read", path: "/data/x.csv" }, "--read /data/x.csv"],
    [{ op: "exec", path: "/opt/tool" }, "--read /opt/tool"],
    [{ op: "list", path: "/data" }, "--read /data"],
    [{ op: "write", path: "/data/x.csv" }, "--write /data/x.csv"],
    [{ op: "create", path: "/data/new.csv" }, "--write /data"],
    [{ op: "move", path: "/data/old.csv" }, "--write /data"],
    [{ op: "create", path: "/new" }, "--write /new"],
    [{ op: "write", path: ".git/hooks/pre-commit" }, "--write ~/ws/.git/hooks"],
    [{ op: "connect", host: "pypi.org", port: 443 }, "--allow-domain pypi.org"],
    [{ op: "connect_unix", path: "/run/app.sock" }, "--allow-unix-socket /run/app.sock"],
    [{ op: "env", name: "API_TOKEN" }, "-e API_TOKEN"],
    [{ op: "read", path: "/" }, ""],
    [{ op: "write", path: "/home" }, ""],
    [{ op: "move", path: "/home/u/ws" }, ""],
    [{ op: "read", path: "/home/u/.local/state/sandboxed/k" }, ""],
  ])("%j: %s", (query, argv) => {
    const { effect, suggestion } = asked.decide(query);
    expect(effect).toBe("deny");
    expect(suggestion?.argv.join(" ")).toBe(argv);
    expect(suggestion?.config).toBeTruthy();
  });

  it("shortens the home directory", () => {
    const workspace = oracle(builtin(":workspace"));
    expect(workspace.decide({ op: "read", path: "/home/u/.ssh/id_x" }).suggestion?.argv).toEqual([
      "--read",
      "~/.ssh/id_x",
    ]);
    expect(workspace.decide({ op: "write", path: "/home/u/x" }).suggestion?.argv).toEqual(["--write", "~/x"]);
    expect(workspace.decide({ op: "create", path: "/home/u/x" }).suggestion?.argv).toEqual(["--write", "~/x"]);
    expect(workspace.decide({ op: "write", path: "/home/u" }).suggestion?.argv).toEqual([]);
  });

  it.each<readonly [PathOperation, string, RawProfile]>([
    ["read", "/data/x", {}],
    ["write", "/data/x", { filesystem: { "/data": "read" } }],
    ["read", "/data/x", { filesystem: { "/data": "deny" } }],
    ["read", "/data/x", { filesystem: { "/data": "deny", "/data/x": "deny" } }],
    ["read", "/home/u/.ssh/id", { filesystem: { "~": "read" } }],
    ["read", "/home/u/.yarnrc.yml", { filesystem: { "~": "read" } }],
    ["read", "/home/u/ws/.env", { filesystem: { ":workspace_roots": { ".": "write", "**/.env": "deny" } } }],
    ["write", "/home/u/ws/.git/hooks/x", {}],
    ["create", "/data/a/x", { filesystem: { "/data": "read" } }],
    ["read", "/srv/app/[slug]/page.ts", {}],
    ["list", "/srv/a b", {}],
  ])("which works: %s %s with %j", (op, path, raw) => {
    const base = profile({ extends: ":isolated", ...raw });
    const before = oracle(base).decide({ op, path });
    expect(before.effect).toBe("deny");
    const [option = "", value = ""] = before.suggestion?.argv ?? [];
    const entry = entryFrom(value, option === "--write" ? "write" : "read", provenance("flag"), `${option} ${value}`);
    const after = applyPatch(base, { name: "flags", provenance: provenance("flag"), entries: [entry] });
    expect(oracle(after).decide({ op, path })).toMatchObject({ effect: "allow", where: "host" });
  });
});

describe("where an option would be useless", () => {
  const mine = profile({ extends: ":isolated", filesystem: { "/data": "write" } });
  it.each(["requirements", "project"] as const)("a %s layer is named instead", (layer) => {
    const theirs = profile({ extends: ":danger-full-access", filesystem: { "/data": "deny" } }, layer);
    const { reason, suggestion, provenance: from } = oracle([mine, theirs]).decide({ op: "read", path: "/data/x" });
    expect({ reason, argv: suggestion?.argv, layer: from?.layer }).toEqual({
      reason: "denied_by_rule",
      argv: [],
      layer,
    });
    expect(suggestion?.config).toContain("config.toml:1");
    expect(oracle(mine).decide({ op: "read", path: "/data/x" }).effect).toBe("allow");
  });

  it("the layer that is hardest to change is named, even when the caller's own refuses as well", () => {
    const theirs = profile({ extends: ":danger-full-access", filesystem: { "/secret": "deny" } }, "requirements");
    expect(oracle([mine, theirs]).decide({ op: "read", path: "/secret/x" }).provenance?.layer).toBe("requirements");
    expect(oracle([mine]).decide({ op: "read", path: "/secret/x" }).suggestion?.argv).toEqual(["--read", "/secret/x"]);
  });

  it("the same goes for destinations", () => {
    const theirs = profile(
      { extends: ":danger-full-access", network: { domains: { "a.example": "deny" } } },
      "requirements",
    );
    const open = profile({ extends: ":isolated", network: { domains: { "a.example": "allow" } } });
    expect(oracle([open, theirs]).decide({ op: "connect", host: "a.example", port: 443 })).toMatchObject({
      effect: "deny",
      suggestion: { argv: [] },
    });
    expect(oracle([open], machine()).decide({ op: "connect", host: "a.example", port: 443 }).effect).toBe("allow");
  });
});
