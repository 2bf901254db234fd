import { chmodSync, lstatSync, readFileSync, statSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { onStage } from "../stage/index.ts";
import type { Stage } from "../stage/index.ts";

const file = (stage: Stage): string => join(stage.home, ".config/sandboxed/config.toml");
const mcp = (stage: Stage, ...words: readonly string[]) => stage.sandboxed(["mcp", ...words]);
const before = '# mine\ndefault_permissions = ":workspace" # the usual\n';

describe("sandboxed mcp add and remove", () => {
  it.each<[what: string, words: readonly string[], lines: readonly string[]]>([
    ["a program", ["docs", "--", "docs-mcp"], ['command = "docs-mcp"']],
    [
      "a program with everything",
      "docs --env LEVEL=debug=1 --env DOCS_TOKEN --cwd /srv -P ci --allow-domain a.example -- docs-mcp --port 1".split(
        " ",
      ),
      [
        'command = "docs-mcp"',
        'args = ["--port", "1"]',
        'env = { "LEVEL" = "debug=1" }',
        'env_vars = ["DOCS_TOKEN"]',
        'cwd = "/srv"',
        'permissions = "ci"',
        'allowed_domains = ["a.example"]',
      ],
    ],
    [
      "an address",
      "docs --url https://hub.example/mcp --bearer-token-env-var HUB_TOKEN --oauth-resource https://hub.example/".split(
        " ",
      ),
      [
        'url = "https://hub.example/mcp"',
        'bearer_token_env_var = "HUB_TOKEN"',
        'oauth_resource = "https://hub.example/"',
      ],
    ],
    [
      "a client known beforehand",
      "docs --url https://hub.example/ --oauth-client-id a --oauth-client-secret-env-var B --oauth-callback-port 8765".split(
        " ",
      ),
      [
        'url = "https://hub.example/"',
        'oauth = { client_id = "a", client_secret_env_var = "B", callback_port = 8765 }',
      ],
    ],
  ])("%s: written below what is there, and taken out again to the byte", (_, words, lines) =>
    onStage("self", (stage) => {
      stage.write(file(stage), before);
      expect(mcp(stage, "add", ...words)).toMatchObject({ status: 0, stdout: `added docs to ${file(stage)}\n` });
      expect(stage.read(file(stage))).toBe(`${before}\n[mcp_servers.docs]\n${lines.join("\n")}\n`);
      expect(mcp(stage, "add", "more", "--", "more-mcp").status).toBe(0);
      expect(mcp(stage, "remove", "docs").status).toBe(0);
      expect(mcp(stage, "remove", "more").status).toBe(0);
      expect(stage.read(file(stage))?.trimEnd()).toBe(before.trimEnd());
    }),
  );

  it.each<[what: string, words: readonly string[], says: string]>([
    ["a name with a dot", ["add", "a.b", "--", "x"], "not a name for an MCP server"],
    ["no name", ["add"], "not a name for an MCP server"],
    ["a name that is taken", ["add", "there", "--", "x"], "is there already"],
    ["neither program nor address", ["add", "docs"], "neither command nor url"],
    ["both", ["add", "docs", "--url", "https://a.example/", "--", "x"], "is not supported for"],
    ["a secret", ["add", "docs", "--env", "API_KEY=hunter2", "--", "x"], "looks like a secret"],
    ["an address with a password", ["add", "docs", "--url", "https://a:hunter2@b.example/"], "password"],
    ["a port that is none", ["add", "docs", "--url", "https://a.example/", "--oauth-callback-port", "0"], "no port"],
    ["two names", ["remove", "there", "docs"], "one word too many"],
    ["to log in to a program", ["login", "there"], "there"],
    ["to show one that is not there", ["get", "their"], 'did you mean "there"?'],
  ])("refuses %s, and writes nothing", (_, words, says) =>
    onStage("self", (stage) => {
      const text = `${before}[mcp_servers.there]\ncommand = "there-mcp"\n`;
      stage.write(file(stage), text);
      const { status, stdout, stderr } = mcp(stage, ...words);
      expect([status === 0, stdout], stderr).toEqual([false, ""]);
      expect(stderr).toContain(says);
      expect(stderr).not.toContain("hunter2");
      expect(stage.read(file(stage))).toBe(text);
    }),
  );

  it("leaves a link a link, a mode a mode, and what it cannot read again as it was", () =>
    onStage("self", (stage) => {
      const real = join(stage.home, "dotfiles.toml");
      stage.write(real, before);
      chmodSync(real, 0o640);
      stage.write(join(stage.home, ".config/sandboxed/x"), "");
      symlinkSync(real, file(stage));
      expect(mcp(stage, "add", "docs", "--", "docs-mcp").status).toBe(0);
      expect(lstatSync(file(stage)).isSymbolicLink()).toBe(true);
      expect(statSync(real).mode & 0o777).toBe(0o640);
      expect(readFileSync(real, "utf8")).toContain("docs-mcp");
      for (const odd of [
        'mcp_servers = { docs = { command = "x" } }\n',
        '[mcp_servers."("]\ncommand = "x"\n',
        "= what\n",
      ]) {
        stage.write(real, odd);
        mcp(stage, "remove", "docs");
        mcp(stage, "add", "docs", "--", "docs-mcp");
        expect([odd, stage.read(real)]).toEqual([odd, odd]);
      }
      expect(mcp(stage, "remove", "nobody")).toMatchObject({
        status: 1,
        stderr: expect.stringContaining("config.toml:1:1: "),
      });
      stage.write(real, before);
      expect(mcp(stage, "remove", "nobody")).toMatchObject({
        status: 0,
        stdout: 'no MCP server named "nobody" found\n',
      });
    }));
});

describe("sandboxed mcp list and get", () => {
  const text = `[mcp_servers.docs]
command = "docs-mcp"
args = ["--port", "1", "--api-key", "hunter2"]
env = { LEVEL = "hunter2" }
env_vars = ["DOCS_TOKEN"]
cwd = "/srv"
[mcp_servers.bare]
command = "bare-mcp"
enabled = false
[mcp_servers.hub]
url = "https://hub.example/mcp?key=hunter2hunter2"
bearer_token_env_var = "HUB_TOKEN"
http_headers = { "X-Team" = "hunter2" }
[mcp_servers.open]
url = "https://open.example/mcp"
`;

  it("show two tables, and never a value", () =>
    onStage("self", (stage) => {
      expect(mcp(stage, "list").stdout).toContain("no MCP servers; add one");
      stage.write(file(stage), text);
      const { stdout } = mcp(stage, "list");
      const rows = stdout.split("\n").map((line) => line.split(/ {2,}/));
      expect(rows).toEqual([
        ["Name", "Command", "Args", "Env", "Cwd", "Status", "Auth"],
        ["bare", "bare-mcp", "-", "-", "-", "disabled", "Unsupported"],
        [
          "docs",
          "docs-mcp",
          "--port 1 --api-key [redacted]",
          "LEVEL=*****, DOCS_TOKEN",
          "/srv",
          "enabled",
          "Unsupported",
        ],
        [""],
        ["Name", "Url", "Bearer Token Env Var", "Status", "Auth"],
        ["hub", expect.stringContaining("https://hub.example/mcp?key="), "HUB_TOKEN", "enabled", "Bearer token"],
        ["open", "https://open.example/mcp", "-", "enabled", "Not logged in"],
        [""],
      ]);
      const json = mcp(stage, "list", "--json").stdout;
      expect(JSON.parse(json).servers).toMatchObject([
        { name: "bare", enabled: false, disabled_reason: null },
        {
          name: "docs",
          enabled: true,
          transport: { type: "stdio", env: { LEVEL: "*****" } },
          auth_status: "unsupported",
        },
        {
          name: "hub",
          transport: { type: "streamable_http", http_headers: { "X-Team": "*****" } },
          auth_status: "bearer_token",
        },
        { name: "open", startup_timeout_sec: 30, tool_timeout_sec: 300, auth_status: "not_logged_in" },
      ]);
      const each = ["docs", "bare", "hub", "open"].flatMap((name) => [
        mcp(stage, "get", name).stdout,
        mcp(stage, "get", name, "--json").stdout,
      ]);
      expect(each[0]).toContain("command: docs-mcp");
      expect([stdout, json, ...each].join("\n")).not.toContain("hunter2");
    }));
});
