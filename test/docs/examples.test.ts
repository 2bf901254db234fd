import { request } from "node:http";
import type { Socket } from "node:net";
import { text as readAll } from "node:stream/consumers";
import { describe, expect, it, onTestFinished } from "vitest";
import { z } from "zod";
import { serveLoopback } from "../../src/network/index.ts";
import type { Profile, Query } from "../../src/policy/index.ts";
import { readLegacy, resolve } from "../../src/policy/index.ts";
import { sandboxPolicySchema } from "../../src/policy/read/schema.ts";
import { assemble } from "../../src/requirements/assemble.ts";
import { refusal, stage } from "../config/stage.ts";
import { fromUser, machine, oracle } from "../policy/machine.ts";
import { blocksOf, pages } from "./pages.ts";
import type { Block } from "./pages.ts";

const blocks = pages.flatMap(blocksOf);
const toml = blocks.filter(({ info }) => info.split(" ")[0] === "toml" && info !== "toml requirements");
const requirements = blocks.filter(({ info }) => info === "toml requirements");
const json = blocks.filter(({ info }) => info.split(" ")[0] === "json");

/** What a JSON block can be of, by the second word behind its fence. */
const jsonKinds: Readonly<Record<string, (value: unknown) => Promise<void> | void>> = {
  "sandbox-policy": (value) => {
    expect(readLegacy(sandboxPolicySchema.parse(value), fromUser).name).toBe("workspace-write");
  },
  refusal: async (value) => {
    const { host, port } = refusedTarget.parse(value);
    expect(value).toEqual(JSON.parse(await refusedByDoor(`${host}:${port}`)));
  },
};
const refusedTarget = z.object({ host: z.string(), port: z.int() });

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
  it.each(json.map((block) => [`${block.page}:${block.line}`, block] as const))(
    "%s is what its fence says",
    async (_, { info, text }) => {
      const [, kind = "of no kind"] = info.split(" ");
      const check = jsonKinds[kind];
      if (check === undefined) throw new Error(`the fence names none of ${Object.keys(jsonKinds).join(", ")}: ${kind}`);
      await check(JSON.parse(text));
    },
  );

  it("is there of each kind", () => {
    expect(new Set(json.map(({ info }) => info.split(" ")[1]))).toEqual(new Set(Object.keys(jsonKinds)));
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

/** The body of what a door answers to CONNECT where no configuration says anything. */
async function refusedByDoor(authority: string): Promise<string> {
  const { policy } = await stage().load();
  const resolved = resolve(policy, machine());
  const secret = "0123456789abcdef";
  const door = await serveLoopback({
    policy: resolved,
    secret,
    environment: new Map(),
    refused: () => {},
    record: () => {},
  });
  onTestFinished(() => door.close());
  const headers = {
    Host: authority,
    "Proxy-Authorization": `Basic ${Buffer.from(`run:${secret}`).toString("base64")}`,
  };
  const asked = request({ port: door.port, method: "CONNECT", path: authority, headers });
  return new Promise((said, failed) => {
    asked.on("error", failed);
    asked.on("connect", (_, socket: Socket, head) => {
      readAll(socket).then((rest) => said(head.toString() + rest), failed);
    });
    asked.end();
  });
}

function query(op: "read" | "write" | "env" | "connect" | "connect_unix", subject: string): Query {
  if (op === "env") return { op, name: subject };
  if (op !== "connect") return { op, path: subject };
  const [host = "", port] = subject.split(":");
  return { op, host, port: Number(port) };
}
