import { describe, expect, it } from "vitest";
import { admit } from "../../src/mcp/rules/identity.ts";
import { refusal } from "../config/stage.ts";
import { httpServer, stdioServer } from "../mcp/server.ts";
import { required } from "./stage.ts";
import type { Texts } from "./stage.ts";

const env = 'mcp_server_allowlist.docs.command = "env"';
const withArgument =
  'mcp_server_allowlist.docs.command = { executable = "env", args = [{ match = "prefix", value = "--dir=" }] }';

describe("the allowlist of MCP servers", () => {
  it.each<[string, Texts, ReturnType<typeof stdioServer>, boolean]>([
    ["none lets all", {}, stdioServer("env"), true],
    ["an empty table none", { system: "[mcp_server_allowlist]" }, stdioServer("env"), false],
    ["name and command", { system: env }, stdioServer("env"), true],
    ["another command", { system: env }, stdioServer("true"), false],
    ["another name", { system: env }, stdioServer("env", [], { name: "other" }), false],
    ["more arguments", { system: env }, stdioServer("env", ["sh"]), false],
    ["an argument that matches", { system: withArgument }, stdioServer("env", ["--dir=/srv"]), true],
    ["one that does not", { system: withArgument }, stdioServer("env", ["--all"]), false],
    [
      "a url",
      { system: 'mcp_server_allowlist.docs.url = "https://mcp.example.com/"' },
      httpServer("https://mcp.example.com/"),
      true,
    ],
    [
      "another url",
      { system: 'mcp_server_allowlist.docs.url = "https://mcp.example.com/"' },
      httpServer("https://mcp.example.org/"),
      false,
    ],
    ["the synonym", { system: 'mcp_servers.docs.identity.command = "env"' }, stdioServer("env"), true],
    ["two sources that say the same", { system: env, variable: env }, stdioServer("env"), true],
    ["two that say otherwise", { system: env, variable: withArgument }, stdioServer("env"), false],
    ["one that has none", { system: env, variable: "[mcp_server_allowlist]" }, stdioServer("env"), false],
  ])("%s", async (_, texts, server, ok) => {
    const { mcpAllowlist } = await required(texts);
    const answer = admit(server, mcpAllowlist);
    expect(answer.ok).toBe(ok);
    if (!answer.ok) expect(answer.reason).toMatch(/requirements \(.*(?:requirements\.toml|BASE64):1/);
  });

  it("keeps the rules about arguments of all sources", async () => {
    const rules = (text: string) => `${env}\nmcp_server_allowlist.docs.tools.read.arguments.path = ${text}`;
    const { mcpAllowlist } = await required({
      system: rules('{ prefix = "/srv/", maximum = 9 }'),
      variable: rules("{ maximum = 5 }"),
    });
    const rule = mcpAllowlist?.servers.get("docs")?.arguments.get("read")?.get("path");
    expect(rule).toMatchObject({ prefix: "/srv/", maximum: 5 });
    const torn = await required({ system: rules('{ prefix = "/srv/" }'), variable: rules('{ prefix = "/opt/" }') });
    expect(torn.mcpAllowlist?.servers.get("docs")?.arguments.get("read")?.get("path")?.enum).toEqual([]);
  });

  it.each([
    ["neither command nor url", "[mcp_server_allowlist.docs]", /either a command or a url/],
    ["both", '[mcp_server_allowlist.docs]\ncommand = "env"\nurl = "https://x.test"', /either a command or a url/],
    ["written twice", '[mcp_servers.docs]\ncommand = "env"\nidentity.command = "env"', /written twice/],
    [
      "a broken expression",
      'mcp_server_allowlist.docs.url = { match = "regex", value = "(" }',
      /not a regular expression/,
    ],
    ["a digest that is none", 'mcp_server_allowlist.docs = { command = "env", sha256 = "abc" }', /64 digits/],
    ["a relative program", 'mcp_server_allowlist.docs.command = "bin/env"', /names no program/],
  ])("refuses an identity with %s", async (_, system, message) => {
    const error = await refusal(() => required({ system }));
    expect([error.code, error.message]).toEqual(["requirements_schema", expect.stringMatching(message)]);
  });
});
