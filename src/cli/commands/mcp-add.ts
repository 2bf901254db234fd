import {
  checkConfigText,
  ownEnvironment,
  parseDocument,
  serverNameProblem,
  userConfigFile,
} from "../../config/index.ts";
import { escapeText, SandboxedError } from "../../policy/index.ts";
import type { Command } from "../command.ts";
import { readText, replaceText, withServer } from "../mcp/config-file.ts";
import { allValues, lastValue } from "../parse.ts";
import type { Parsed } from "../parse.ts";
import { outputOptions } from "../run-options.ts";
import { homeOf } from "../surroundings.ts";

export const mcpAdd: Command = {
  operands: "NAME (--url URL | -- COMMAND [ARG…])",
  options: [
    {
      id: "env",
      long: "env",
      short: null,
      argument: "NAME[=VALUE]",
      help: "set a variable, or hand yours on",
      example: "--env LEVEL=debug",
    },
    { id: "cwd", long: "cwd", short: null, argument: "DIR", help: "where it starts", example: "--cwd /srv/docs" },
    {
      id: "permissions",
      long: "permissions",
      short: "P",
      argument: "NAME",
      help: "the profile it runs under",
      example: "-P ci",
      completes: "profile",
    },
    {
      id: "allow-domain",
      long: "allow-domain",
      short: null,
      argument: "PATTERN",
      help: "let it reach a host",
      example: "--allow-domain api.example.com",
    },
    {
      id: "url",
      long: "url",
      short: null,
      argument: "URL",
      help: "a server that speaks streamable HTTP",
      example: "--url https://hub.example.com/mcp",
    },
    {
      id: "bearer-token-env-var",
      long: "bearer-token-env-var",
      short: null,
      argument: "NAME",
      help: "the variable that holds its token",
      example: "--bearer-token-env-var HUB_TOKEN",
    },
    {
      id: "oauth-client-id",
      long: "oauth-client-id",
      short: null,
      argument: "ID",
      help: "a client registered beforehand",
      example: "--oauth-client-id abc",
    },
    {
      id: "oauth-client-secret-env-var",
      long: "oauth-client-secret-env-var",
      short: null,
      argument: "NAME",
      help: "the variable that holds that client's secret",
      example: "--oauth-client-secret-env-var HUB_SECRET",
    },
    {
      id: "oauth-callback-port",
      long: "oauth-callback-port",
      short: null,
      argument: "PORT",
      help: "the port of 127.0.0.1 that the browser comes back to",
      example: "--oauth-callback-port 8765",
    },
    {
      id: "oauth-resource",
      long: "oauth-resource",
      short: null,
      argument: "URL",
      help: "the OAuth resource to name",
      example: "--oauth-resource https://hub.example.com/",
    },
    ...outputOptions,
  ],
  examples: [
    "sandboxed mcp add docs -- docs-mcp --root /srv/docs",
    "sandboxed mcp add hub --url https://hub.example.com/mcp --bearer-token-env-var HUB_TOKEN",
  ],
  about: ["Writes your own configuration. Nothing is started."],
  async run(parsed) {
    const [name = "", ...command] = parsed.rest;
    const problem = serverNameProblem(name);
    if (problem !== null) throw new SandboxedError("usage", problem.message, { hint: problem.hint });
    const environment = ownEnvironment();
    const file = userConfigFile(environment, homeOf(environment));
    const text = withServer(readText(file), name, linesOf(parsed, command));
    // What could not be read again is not written.
    await checkConfigText(parseDocument(text, file, "user", "you"));
    replaceText(file, text);
    return { data: { name, file }, text: `added ${name} to ${escapeText(file)}\n`, status: 0 };
  },
};

function linesOf(parsed: Parsed<string>, [command, ...args]: readonly string[]): readonly string[] {
  const env = allValues(parsed, "env");
  const set = env.filter((word) => word.includes("="));
  const handed = env.filter((word) => !word.includes("="));
  const domains = allValues(parsed, "allow-domain");
  const value = (key: string, text: string | null | undefined): readonly string[] =>
    text == null ? [] : [`${key} = ${JSON.stringify(text)}`];
  const list = (key: string, words: readonly string[]): readonly string[] =>
    words.length === 0 ? [] : [`${key} = [${words.map((word) => JSON.stringify(word)).join(", ")}]`];
  const table = (key: string, pairs: readonly (readonly [string, string])[]): readonly string[] =>
    pairs.length === 0
      ? []
      : [`${key} = { ${pairs.map(([name, text]) => `${JSON.stringify(name)} = ${JSON.stringify(text)}`).join(", ")} }`];
  const oauth = [
    ...value("client_id", lastValue(parsed, "oauth-client-id")),
    ...value("client_secret_env_var", lastValue(parsed, "oauth-client-secret-env-var")),
    ...port("callback_port", lastValue(parsed, "oauth-callback-port")),
  ];
  return [
    ...value("command", command),
    ...list("args", args),
    ...table(
      "env",
      set.map((word) => [word.slice(0, word.indexOf("=")), word.slice(word.indexOf("=") + 1)]),
    ),
    ...list("env_vars", handed),
    ...value("cwd", lastValue(parsed, "cwd")),
    ...value("permissions", lastValue(parsed, "permissions")),
    ...list("allowed_domains", domains),
    ...value("url", lastValue(parsed, "url")),
    ...value("bearer_token_env_var", lastValue(parsed, "bearer-token-env-var")),
    ...value("oauth_resource", lastValue(parsed, "oauth-resource")),
    ...(oauth.length === 0 ? [] : [`oauth = { ${oauth.join(", ")} }`]),
  ];
}

/** Errors: `usage`. */
function port(key: string, text: string | null): readonly string[] {
  if (text === null) return [];
  const number = /^\d{1,5}$/.test(text) ? Number(text) : 0;
  if (number > 0 && number < 65_536) return [`${key} = ${number}`];
  throw new SandboxedError("usage", `${escapeText(text)} is no port`, { hint: "for example: 8765" });
}
