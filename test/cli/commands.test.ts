import { chmodSync, existsSync, mkdirSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { openSession } from "../../src/audit/index.ts";
import { makeBundle } from "./bundle.ts";
import type { Bundle } from "./bundle.ts";

let bundle: Bundle;
let work = "";

beforeAll(async () => {
  bundle = await makeBundle();
  work = join(bundle.home, "work");
});

afterEach(() => {
  rmSync(bundle.home, { recursive: true });
  mkdirSync(work, { recursive: true });
});

afterAll(() => bundle.remove());

function sandboxed(line: string, environment: Readonly<Record<string, string>> = {}) {
  return bundle.call("sandboxed", line.split(" "), { environment });
}

function put(path: string, text: string): string {
  const full = join(bundle.home, path);
  mkdirSync(join(full, ".."), { recursive: true });
  writeFileSync(full, text);
  chmodSync(full, 0o644);
  return full;
}

function openOne(argv: readonly string[]) {
  return openSession({
    ephemeral: false,
    argv,
    cwd: "/w",
    version: "0",
    environment: new Map([["HOME", bundle.home]]),
  });
}

describe("init", () => {
  it("writes a configuration of the user's own that is right, and never over one", () => {
    const file = join(bundle.home, ".config/sandboxed/config.toml");
    expect(sandboxed("init")).toMatchObject({ status: 0, stdout: `wrote ${file}\n` });
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(sandboxed("policy check").stdout).toBe(`ok: ${file}\n`);
    expect(JSON.parse(sandboxed("policy show --json").stdout).layers[0].profile.name).toBe("work");
    writeFileSync(file, "# mine\n");
    const again = sandboxed("init");
    expect([again.status, again.stderr]).toEqual([1, expect.stringContaining("it is there already")]);
    expect(readFileSync(file, "utf8")).toBe("# mine\n");
  });

  it("goes where SANDBOXED_HOME says", () => {
    const file = join(bundle.home, "moved/config.toml");
    expect(sandboxed("init", { SANDBOXED_HOME: join(bundle.home, "moved") }).stdout).toBe(`wrote ${file}\n`);
    expect(readFileSync(file, "utf8")).toContain('default_permissions = "work"');
  });

  it("writes a project's at the top of its repository", () => {
    mkdirSync(join(work, ".git"));
    mkdirSync(join(work, "deep/down"), { recursive: true });
    const { stdout } = bundle.call("sandboxed", ["init", "--project"], { cwd: join(work, "deep/down") });
    const file = join(work, ".sandboxed/config.toml");
    expect(stdout).toBe(`wrote ${file}\n`);
    expect(readFileSync(file, "utf8")).toMatch(/^#:schema \.\.\/node_modules\//);
    const { layers } = JSON.parse(sandboxed("policy show --json").stdout);
    expect(layers.map(({ layer }: { readonly layer: string }) => layer)).toEqual(["builtin", "project"]);
  });

  it("does not write where a checkout's links lead", () => {
    mkdirSync(join(bundle.home, "elsewhere"));
    symlinkSync(join(bundle.home, "elsewhere"), join(work, ".sandboxed"));
    expect(sandboxed("init --project").stderr).toContain("symbolic link");
    expect(existsSync(join(bundle.home, "elsewhere/config.toml"))).toBe(false);
    rmSync(join(work, ".sandboxed"));
    mkdirSync(join(work, ".sandboxed"));
    symlinkSync(join(bundle.home, "elsewhere/new"), join(work, ".sandboxed/config.toml"));
    expect(sandboxed("init --project").status).toBe(1);
    expect(existsSync(join(bundle.home, "elsewhere/new"))).toBe(false);
  });
});

describe("policy show", () => {
  it("names file, line and owner of what it shows", () => {
    const user = put(
      ".config/sandboxed/config.toml",
      'default_permissions = "ci"\n[permissions.ci]\nextends = ":isolated"\n[permissions.ci.filesystem]\n"/data" = "read"\n',
    );
    const { stdout } = sandboxed("policy show -w /out --network off");
    expect(stdout).toContain(`profile   ci (${user}:1, you)\n`);
    expect(stdout).toMatch(new RegExp(`"/data" = "read" +${user}:5, you\n`));
    expect(stdout).toMatch(/--write \/out +flag, you\n/);
    expect(stdout).toMatch(/network +off +flag, you\n/);
    expect(stdout).toMatch(/":minimal" = "read" +sandbox-profiles\/isolated\.toml:\d+, sandboxed-run\n/);
    const { layers, chosenBy } = JSON.parse(sandboxed("policy show --json").stdout);
    expect(chosenBy).toEqual({ layer: "user", file: user, line: 1, column: 1, owner: "you" });
    const entries: { text: string; provenance: object }[] = layers[0].profile.filesystem.entries;
    expect(entries.find(({ text }) => text.startsWith('"/data"'))?.provenance).toMatchObject({
      file: user,
      line: 5,
      column: 1,
    });
  });

  it("shows which requests are meant, and where credentials go", () => {
    const user = put(
      ".config/sandboxed/config.toml",
      `default_permissions = "ci"
[permissions.ci.network.domains]
"api.example.com" = "allow"
[permissions.ci.network.http."api.example.com"]
methods = ["GET", "HEAD"]
paths = ["/v1/**", "/v2/*"]
[permissions.ci.network.credentials.TOKEN]
host = "api.example.com"
methods = ["GET"]
header = "Authorization: Bearer {}"
from = "env:REAL_TOKEN"
`,
    );
    const { stdout } = sandboxed("policy show", { REAL_TOKEN: "hunter2-hunter2" });
    const rule = "requests to api.example.com: GET,HEAD, /v1/** /v2/*";
    const credential =
      "credential TOKEN (env:REAL_TOKEN) as Authorization of requests to api.example.com:443: GET, any path";
    expect(stdout.replace(/ {2,}/g, "  ")).toContain(`${rule}  ${user}:4, you\n`);
    expect(stdout).toContain(`${credential}  ${user}:7, you\n`);
    expect(stdout).not.toContain("hunter2");
  });

  it("keeps values of variables to itself, and what is shown harmless", () => {
    const { stdout } = bundle.call("sandboxed", ["policy", "show", "-e", "PASS=hunter2", "-r", "/a\u001b[2Jb"]);
    expect(stdout).toContain("PASS");
    expect(stdout).not.toContain("hunter2");
    expect(stdout.replaceAll("\n", "")).not.toMatch(/\p{Cc}/u);
    expect(bundle.call("sandboxed", ["policy", "show", "-e", "PASS=hunter2", "--json"]).stdout).not.toContain(
      "hunter2",
    );
  });
});

describe("policy check", () => {
  it("is 0 when a file is right and 1, with the place, when it is not", () => {
    put("work/good.toml", '[permissions.a]\nextends = ":workspace"\n');
    expect(sandboxed("policy check good.toml")).toMatchObject({ status: 0, stdout: "ok: good.toml\n" });
    const bad = put("work/bad.toml", '[permissions.a]\nextends = ":worspace"\n');
    const { status, stdout } = sandboxed("policy check bad.toml");
    expect([status, stdout]).toEqual([1, expect.stringContaining(`${bad}:2`)]);
    expect(stdout).toContain('":workspace"');
    expect(JSON.parse(sandboxed("policy check bad.toml --json").stdout)).toMatchObject({
      ok: false,
      error: { code: "policy_invalid" },
    });
  });

  it("holds a project's file to what a project may say", () => {
    put("work/.sandboxed/config.toml", 'audit = "default"\n');
    expect(sandboxed("policy check .sandboxed/config.toml")).toMatchObject({
      status: 1,
      stdout: expect.stringContaining("a project cannot set audit"),
    });
    put("work/plain.toml", 'audit = "default"\n');
    expect(sandboxed("policy check plain.toml").status).toBe(0);
  });
});

describe("schema", () => {
  it("is the committed one", () => {
    const committed = readFileSync(new URL("../../schema/config.schema.json", import.meta.url), "utf8");
    expect(sandboxed("schema").stdout).toBe(committed);
  });
});

describe("audit", () => {
  it("shows sessions and verifies them", () => {
    expect(sandboxed("audit show").stdout).toBe("no sessions\n");
    const { id, journal, folder } = openOne(["evil\u001b[2J"]);
    journal.append({ kind: "session.closed" }, "durable");
    journal.close();
    expect(sandboxed("audit show").stdout).toContain(id);
    const shown = sandboxed("audit show last").stdout;
    expect(shown).toContain("session.opened");
    expect(shown.replaceAll("\n", "")).not.toMatch(/\p{Cc}/u);
    expect(JSON.parse(sandboxed(`audit show ${id.slice(0, -3)} --json`).stdout).records).toHaveLength(2);
    expect(sandboxed("audit verify")).toMatchObject({ status: 0, stdout: `${id}  ok, 2 records\n` });
    const path = join(folder ?? "", "journal.jsonl");
    writeFileSync(path, readFileSync(path, "utf8").replace("evil", "good"));
    const { status, stdout } = sandboxed("audit verify last");
    expect([status, stdout]).toEqual([1, expect.stringContaining("broken at line 1")]);
    expect(JSON.parse(sandboxed("audit verify --json").stdout)).toMatchObject({
      ok: false,
      sessions: [{ status: "broken" }],
    });
  });
});

describe("doctor", () => {
  it("fails without the native programs, and says what to do", () => {
    const { status, stdout } = sandboxed("doctor");
    expect(status).toBe(1);
    expect(stdout).toMatch(/^fail {2}native programs .*missing/m);
    expect(stdout).toContain("-> npm run build");
  });

  it("tells that the configuration is wrong", () => {
    put(".config/sandboxed/config.toml", "defualt_permissions = 'x'\n");
    const { checks } = JSON.parse(sandboxed("doctor --json").stdout);
    expect(checks).toContainEqual(
      expect.objectContaining({ name: "configuration", status: "fail", why: expect.stringContaining(":1:1:") }),
    );
  });
});
