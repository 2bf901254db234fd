import { describe, expect, it } from "vitest";
import { refusal, stage } from "./stage.ts";

const refused: readonly (readonly [name: string, lines: string, says: readonly string[]])[] = [
  [
    "both transports",
    'command = "docs"\nurl = "https://docs.example/"',
    ["mcp_servers.docs.url", "mcp_servers.docs.command", "config.toml:3", "config.toml:2"],
  ],
  [
    "args beside a url",
    'url = "https://docs.example/"\nargs = ["x"]',
    ["mcp_servers.docs.args is not supported for streamable_http", "mcp_servers.docs.url"],
  ],
  [
    "headers beside a command",
    'command = "docs"\nhttp_headers = { A = "b" }',
    ["mcp_servers.docs.http_headers is not supported for stdio"],
  ],
  ["no transport", "enabled = true", ["neither command nor url"]],
  ["arguments of nothing", 'args = ["x"]', ["neither command nor url", "mcp_servers.docs.args"]],
  [
    "a token",
    'url = "https://docs.example/"\nbearer_token = "abc"',
    ["a file is no place for a secret", "config.toml:3"],
  ],
  [
    "a client secret",
    'url = "https://docs.example/"\noauth = { client_secret = "abc" }',
    ["a file is no place for a secret"],
  ],
  [
    "an authorization header",
    'url = "https://docs.example/"\nhttp_headers = { authorization = "Bearer abc" }',
    ["is a secret", "config.toml:3"],
  ],
  ["a password in the address", 'url = "https://me:hunter2@docs.example/"', ["holds a password"]],
  ["a secret variable", 'command = "docs"\nenv = { API_KEY = "hunter2" }', ["looks like a secret"]],
  ["an unknown key", 'command = "docs"\nargz = ["x"]', ["argz", 'did you mean "args"?']],
  ["a negative time", 'command = "docs"\ntool_timeout_sec = -1', ["tool_timeout_sec", "config.toml:3"]],
  ["two times", 'command = "docs"\nstartup_timeout_sec = 1\nstartup_timeout_ms = 5', ["cannot both be set"]],
  ["a relative directory", 'command = "docs"\ncwd = "work"', ["not an absolute path"]],
  ["an address that is none", 'url = "docs.example"', ["not the address of a server"]],
  [
    "a pattern that is none",
    'command = "docs"\ntools.read.arguments.path = { pattern = "(" }',
    ["not a regular expression"],
  ],
];

describe("[mcp_servers.NAME]", () => {
  it.each(refused)("refuses %s", async (_, lines, says) => {
    const { load } = stage({ user: `[mcp_servers.docs]\n${lines}\n` });
    const error = await refusal(() => load());
    expect(error.code).toBe("config_schema");
    for (const text of says) expect(error.message).toContain(text);
    expect(error.message).not.toContain("hunter2");
  });

  it.each([
    ...[
      'args = ["x"]',
      'env = { A = "b" }',
      'env_vars = ["A"]',
      'cwd = "/srv"',
      'permissions = "ci"',
      'allowed_domains = ["a.example"]',
    ].map((line) => ["url", "https://docs.example/", line, "streamable_http"] as const),
    ...[
      'bearer_token_env_var = "A"',
      'http_headers = { A = "b" }',
      'env_http_headers = { A = "B" }',
      'scopes = ["a"]',
      'oauth_resource = "https://a.example/"',
      "oauth = { callback_port = 1 }",
    ].map((line) => ["command", "docs", line, "stdio"] as const),
  ])("%s = %j beside %s: both are named", async (key, value, line, transport) => {
    const user = (...lines: readonly string[]): string => `[mcp_servers.docs]\n${lines.join("\n")}\n`;
    const [name = ""] = line.split(" ");
    const { message } = await refusal(() => stage({ user: user(`${key} = "${value}"`, line) }).load());
    expect(message).toContain(`mcp_servers.docs.${name} is not supported for ${transport}`);
    expect(message).toMatch(new RegExp(`config\\.toml:3.*mcp_servers\\.docs\\.${key} .*config\\.toml:2`));
    const other = key === "url" ? 'command = "docs"' : 'url = "https://docs.example/"';
    expect((await stage({ user: user(other, line) }).load()).mcpServers.has("docs")).toBe(true);
  });

  it.each(["a.b", "a__b", "a_", "", "ä", "a/b", "x".repeat(65)])("refuses the name %j", async (name) => {
    const { load } = stage({ user: `[mcp_servers.${JSON.stringify(name)}]\ncommand = "docs"\n` });
    expect((await refusal(() => load())).message).toContain("not a name for an MCP server");
  });

  it("takes what is allowed, with its place", async () => {
    const { load, paths } = stage({
      user: [
        "[mcp_servers.docs]",
        'command = "docs-mcp"',
        'args = ["--port", "1"]',
        'env = { LEVEL = "debug", TOKEN_FILE = "/run/token" }',
        'env_vars = ["DOCS_TOKEN"]',
        "tool_timeout_sec = 5",
        'tools.read.arguments.path = { inside = "/srv/docs" }',
        "[mcp_servers.hub]",
        'url = "HTTPS://Hub.Example:443/mcp"',
        'bearer_token_env_var = "HUB_TOKEN"',
        "required = true",
      ].join("\n"),
    });
    const { mcpServers } = await load();
    expect([...mcpServers.keys()]).toEqual(["docs", "hub"]);
    expect(mcpServers.get("docs")).toMatchObject({
      provenance: { file: paths.user, line: 1 },
      toolTimeout: 5000,
      startupTimeout: 30_000,
      enabled: true,
      required: false,
      transport: { kind: "stdio", args: ["--port", "1"], permissions: ":isolated", envVars: ["DOCS_TOKEN"] },
    });
    expect(mcpServers.get("docs")?.arguments.get("read")?.get("path")).toMatchObject({
      inside: "/srv/docs",
      provenance: { line: 7 },
    });
    expect(mcpServers.get("hub")).toMatchObject({ required: true, transport: { url: "https://hub.example/mcp" } });
  });

  it("takes single keys from a higher layer, and no server from a project", async () => {
    const system = '[mcp_servers.docs]\ncommand = "docs-mcp"\nargs = ["a"]\n';
    const { load } = stage({ system, user: "[mcp_servers.docs]\nenabled = false\n" });
    expect((await load()).mcpServers.get("docs")).toMatchObject({ enabled: false, transport: { args: ["a"] } });
    const flags = { overrides: ["mcp_servers.docs.enabled=true"] };
    expect((await load(flags)).mcpServers.get("docs")).toMatchObject({ enabled: true });
    const theirs = stage({ project: '[mcp_servers.docs]\ncommand = "evil"\n' });
    expect((await refusal(() => theirs.load())).message).toContain("a project cannot set mcp_servers");
  });
});
