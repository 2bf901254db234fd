import { describe, expect, it } from "vitest";
import type { ConfigFlags } from "../../src/config/index.ts";
import type { Query } from "../../src/policy/index.ts";
import { refusal } from "../config/stage.ts";
import type { Files } from "../config/stage.ts";
import { asking, boundBy } from "./stage.ts";
import type { Texts } from "./stage.ts";

const connect = (host: string, port = 443): Query => ({ op: "connect", host, port });

interface Case {
  readonly name: string;
  readonly texts: Texts;
  readonly files?: Files;
  readonly flags?: Partial<ConfigFlags>;
  readonly denied?: readonly Query[];
  readonly allowed?: readonly Query[];
}

const cases: readonly Case[] = [
  {
    name: "deny_read holds against an option, and leaves the rest",
    texts: { system: '[permissions.filesystem]\ndeny_read = ["/srv/secret", "**/*.pem"]' },
    flags: { read: ["/srv", "/srv/secret", "/srv/a.pem"] },
    denied: [
      { op: "read", path: "/srv/secret/x" },
      { op: "read", path: "/srv/a.pem" },
    ],
    allowed: [{ op: "read", path: "/srv/open" }],
  },
  {
    name: "deny_write holds against an option, and reading stays",
    texts: { system: '[permissions.filesystem]\ndeny_write = ["/srv/data"]' },
    flags: { write: ["/srv/data", "/srv/other"] },
    denied: [{ op: "write", path: "/srv/data/x" }],
    allowed: [
      { op: "read", path: "/srv/data/x" },
      { op: "write", path: "/srv/other/x" },
    ],
  },
  {
    name: "what one source denies is not reopened by another's rule for a deeper place",
    texts: {
      system: '[permissions.filesystem]\ndeny_read = ["/srv/secret"]',
      variable: '[permissions.filesystem]\ndeny_write = ["/srv/secret/x"]',
    },
    flags: { read: ["/srv"] },
    denied: [{ op: "read", path: "/srv/secret/x" }],
    allowed: [{ op: "read", path: "/srv/y" }],
  },
  {
    name: "an exception opens one place below what its own source denies",
    texts: {
      system: `[permissions.filesystem]
deny_read = ["/srv/secret"]
[[exceptions]]
id = "EX-1"
reason = "migration"
approver = "security"
expires = 2999-01-01T00:00:00Z
[exceptions.permissions.filesystem]
allow_read = ["/srv/secret/known_hosts"]`,
    },
    flags: { read: ["/srv"] },
    denied: [{ op: "read", path: "/srv/secret/x" }],
    allowed: [{ op: "read", path: "/srv/secret/known_hosts" }],
  },
  {
    name: "an exception of the past opens nothing",
    texts: {
      system: `[permissions.filesystem]
deny_read = ["/srv/secret"]
[[exceptions]]
id = "EX-1"
reason = "migration"
approver = "security"
expires = 2020-01-01T00:00:00Z
[exceptions.permissions.filesystem]
allow_read = ["/srv/secret/known_hosts"]`,
    },
    flags: { read: ["/srv"] },
    denied: [{ op: "read", path: "/srv/secret/known_hosts" }],
    allowed: [{ op: "read", path: "/srv/x" }],
  },
  {
    name: "network.enabled = false leaves no network",
    texts: { variable: "network.enabled = false" },
    flags: { network: "full" },
    denied: [connect("api.example.com")],
  },
  {
    name: "modes are what a policy lets be written: a profile of the user's falls back",
    texts: { system: 'allowed_sandbox_modes = ["read-only"]' },
    files: { user: 'default_permissions = "mine"\n[permissions.mine]\nextends = ":workspace"' },
    denied: [{ op: "write", path: "/home/u/ws/x" }],
    allowed: [{ op: "read", path: "/home/u/ws/x" }],
  },
  {
    name: "a mode that writes nothing leaves the work to be read, in the home as well",
    texts: { system: 'allowed_sandbox_modes = ["read-only"]' },
    denied: [{ op: "write", path: "/home/u/ws/x" }],
    allowed: [{ op: "read", path: "/home/u/ws/x" }],
  },
  {
    name: "a profile that is not allowed gives no more than one that is",
    texts: { system: 'allowed_permission_profiles = { ":read-only" = true }' },
    files: { user: 'default_permissions = "mine"\n[permissions.mine]\nextends = ":workspace"' },
    denied: [{ op: "write", path: "/home/u/ws/x" }],
    allowed: [{ op: "read", path: "/home/u/ws/x" }],
  },
  {
    name: "an allowed profile with more put to it gives no more than its name says",
    texts: { system: 'allowed_permission_profiles = { ":isolated" = true }' },
    flags: { permissions: ":isolated", write: ["/srv"] },
    denied: [{ op: "write", path: "/srv/x" }],
    allowed: [{ op: "write", path: "/home/u/ws/x" }],
  },
];

describe("a policy bound by requirements", () => {
  it.each(cases)("$name", async ({ texts, files, flags, denied = [], allowed = [] }) => {
    const { policy } = await boundBy(texts, files, flags);
    const decide = asking(policy);
    for (const query of denied) {
      const { effect, suggestion } = decide(query);
      expect([query, effect, suggestion?.argv]).toEqual([query, "deny", []]);
      expect(suggestion?.config).toMatch(/up to (?:the administrator|you)/);
    }
    for (const query of allowed) expect([query, decide(query).effect]).toEqual([query, "allow"]);
    const free = asking((await boundBy({}, files, flags)).policy);
    for (const query of [...denied, ...allowed]) expect([query, free(query).effect]).toEqual([query, "allow"]);
  });
});

describe("what is typed", () => {
  it.each<[string, string, Partial<ConfigFlags>]>([
    [
      "a mode beyond",
      'allowed_sandbox_modes = ["read-only", "workspace-write"]',
      { permissions: ":danger-full-access" },
    ],
    ["an entry that makes it one", 'allowed_sandbox_modes = ["read-only", "workspace-write"]', { write: ["/etc"] }],
    ["a profile beyond", 'allowed_permission_profiles = { ":isolated" = true }', { permissions: ":workspace" }],
    ["no sandbox", 'enforcement_level = "landlock"', { permissions: ":danger-full-access" }],
  ])("is refused, naming file and line: %s", async (_, system, flags) => {
    const error = await refusal(() => boundBy({ system: `support_contact = "it@example.com"\n${system}` }, {}, flags));
    expect(error.code).toBe("requirements_conflict");
    expect(error.message).toMatch(/requirements\.toml:2/);
    expect(error.hint).toContain("it@example.com");
    await expect(boundBy({}, {}, flags)).resolves.toBeDefined();
  });
});

describe("an option that makes a policy wider than its mode may be", () => {
  it("is named, among others that do not", async () => {
    const system = 'allowed_sandbox_modes = ["read-only", "workspace-write"]';
    const error = await refusal(() => boundBy({ system }, {}, { write: ["/home/u/ws", "/etc"] }));
    expect(error.message).toMatch(/^"danger-full-access" \(--write \/etc\) is not among/);
    await expect(boundBy({ system }, {}, { write: [] })).resolves.toBeDefined();
  });
});

describe("limits", () => {
  const system = '[limits]\nmemory = "1GiB"\nprocesses = 100\nopen_files = 64\n';
  const mine = (limits: string): Files => ({
    user: `default_permissions = "p"\n[permissions.p]\nextends = ":isolated"\n[permissions.p.limits]\n${limits}`,
  });

  it("that cut what was asked for by name say so, each with its line", async () => {
    const { warnings } = await boundBy({ system }, mine('memory = "2GiB"\nprocesses = 200\n'));
    expect(warnings).toEqual([
      expect.stringMatching(/^memory of profile p is cut .*requirements\.toml:2$/),
      expect.stringMatching(/^processes of profile p is cut .*requirements\.toml:3$/),
    ]);
    expect((await boundBy({ system }, mine("processes = 50\n"))).warnings).toEqual([]);
    expect((await boundBy({ system })).warnings).toEqual([]);
  });
});
