import { describe, expect, it } from "vitest";
import type { Profile, Query } from "../../src/policy/index.ts";
import { readLegacy } from "../../src/policy/index.ts";
import { sandboxPolicySchema } from "../../src/policy/schema.ts";
import { assemble } from "../../src/requirements/assemble.ts";
import { refusal, stage } from "../config/stage.ts";
import { fromUser, machine, oracle } from "../policy/machine.ts";
import { blocksOf, pages } from "./pages.ts";
import type { Block } from "./pages.ts";

const blocks = pages.flatMap(blocksOf);
const toml = blocks.filter(({ info }) => info.split(" ")[0] === "toml" && info !== "toml requirements");
const requirements = blocks.filter(({ info }) => info === "toml requirements");
const json = blocks.filter(({ info }) => info === "json");

describe("a TOML block", () => {
  it("is marked as one", () => {
    const unmarked = blocks.filter(({ info, text }) => info === "" && /^\[[\w.":-]+\]$/m.test(text));
    expect(unmarked).toEqual([]);
    expect(toml.length).toBeGreaterThan(15);
  });

  it.each(toml.map((block) => [`${block.page}:${block.line}`, block] as const))(
    "%s is read without error or warning",
    async (_, block) => {
      const { load } = stage(isProject(block) ? { project: block.text } : { user: block.text });
      const usual = await load();
      expect(usual.warnings).toEqual([]);
      for (const name of usual.definitions.keys()) {
        const { profile, policy } = await load({ permissions: name });
        expect([profile.name, ...policy.layers.map((layer) => layer.profile.name)]).toContain(name);
      }
    },
  );

  it.each(requirements.map((block) => [`${block.page}:${block.line}`, block] as const))(
    "%s is read as requirements",
    async (_, { page, text }) => {
      const source = { kind: "system", name: page, text } as const;
      const { sources } = await assemble([source], { hostname: "build-7", user: "ada" }, Date.now());
      expect(sources).toHaveLength(1);
    },
  );

  it("that is wrong is refused with its line", async () => {
    const wrong = stage({ user: '[permissions.x.filesystem]\n"~/a*" = "read"\n' });
    expect(await refusal(() => wrong.load())).toMatchObject({ code: "policy_invalid" });
  });
});

describe("a JSON block", () => {
  it.each(json.map((block) => [`${block.page}:${block.line}`, block] as const))("%s is a SandboxPolicy", (_, block) => {
    const value = sandboxPolicySchema.parse(JSON.parse(block.text));
    expect(readLegacy(value, fromUser).name).toBe("workspace-write");
  });
});

describe("docs/policy.md says of its examples", () => {
  const rows: readonly (readonly [
    profile: string,
    op: "read" | "write" | "env" | "connect" | "connect_unix",
    subject: string,
    "allow" | "deny",
  ])[] = [
    ["build", "read", "/srv/mirror/x", "allow"],
    ["build", "read", "/srv/mirror/private/x", "deny"],
    ["build", "write", "/home/u/ws/x", "allow"],
    ["build", "write", "/home/u/ws/docs/x", "deny"],
    ["build", "read", "/home/u/ws/docs/x", "allow"],
    ["carved", "read", "/srv/x", "allow"],
    ["carved", "write", "/srv/x", "deny"],
    ["carved", "write", "/srv/out/x", "allow"],
    ["carved", "read", "/srv/secret/x", "deny"],
    ["carved", "read", "/srv/secret/readme.txt", "allow"],
    ["careful", "read", "/home/u/ws/a/.env", "deny"],
    ["careful", "read", "/home/u/ws/fixtures/.env", "allow"],
    ["careful", "read", "/home/u/ws/a/server.pem", "deny"],
    ["careful", "read", "/home/u/ws/a/server.txt", "allow"],
    ["deploy", "read", "/home/u/.ssh/known_hosts", "allow"],
    ["deploy", "read", "/home/u/.ssh/id_ed25519", "deny"],
    ["deploy", "read", "/home/u/.npmrc", "allow"],
    ["deploy", "read", "/home/u/.netrc", "deny"],
    ["editor-tasks", "write", "/home/u/ws/.vscode/tasks.json", "allow"],
    ["editor-tasks", "write", "/home/u/ws/.git/index", "deny"],
    ["one-folder", "write", "/home/u/ws/.vscode/tasks.json", "deny"],
    ["one-folder", "write", "/home/u/ws/.git/index", "allow"],
    ["online", "connect", "example.com:443", "allow"],
    ["one-folder", "connect", "example.com:443", "deny"],
    ["api", "connect", "api.example.com:443", "allow"],
    ["api", "connect", "api.example.com:22", "deny"],
    ["api", "connect", "example.org:8443", "deny"],
    ["api", "connect", "a.example.org:8443", "allow"],
    ["api", "connect", "example.net:443", "allow"],
    ["api", "connect", "paste.example.net:443", "deny"],
    ["database", "connect_unix", "/run/postgresql/.s.PGSQL.5432", "allow"],
    ["database", "connect_unix", "/run/postgresql/other", "deny"],
    ["ci", "env", "BUILD_ID", "allow"],
    ["ci", "env", "BUILD_TOKEN", "deny"],
    ["ci", "env", "NPM_TOKEN", "allow"],
    ["ci", "env", "LC_ALL", "deny"],
    ["ci", "env", "LANG", "allow"],
    ["all-but-keys", "read", "/home/u/.ssh/id", "deny"],
    ["all-but-keys", "write", "/etc/hosts", "allow"],
  ];

  it.each(rows)("%s: %s %s is %s", async (name, op, subject, expected) => {
    const asked = oracle(await profileOf(name), machine());
    expect(asked.decide(query(op, subject)).effect).toBe(expected);
  });
});

function isProject({ info }: Block): boolean {
  return info.split(" ")[1] === "project";
}

async function profileOf(name: string): Promise<Profile> {
  const block = toml.find(({ page, text }) => page === "docs/policy.md" && text.includes(`[permissions.${name}`));
  if (block === undefined) throw new Error(`docs/policy.md has no profile ${name}`);
  return (await stage({ user: block.text }).load({ permissions: name })).profile;
}

function query(op: "read" | "write" | "env" | "connect" | "connect_unix", subject: string): Query {
  if (op === "env") return { op, name: subject };
  if (op !== "connect") return { op, path: subject };
  const [host = "", port] = subject.split(":");
  return { op, host, port: Number(port) };
}
