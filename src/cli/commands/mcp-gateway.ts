import { basename } from "node:path";
import { newSessionId, openSession } from "../../audit/index.ts";
import { serverNameProblem } from "../../config/index.ts";
import type { McpServer } from "../../config/index.ts";
import { version } from "../../generated/version.ts";
import { gateway, pinsIn } from "../../mcp/index.ts";
import { escapeText, SandboxedError } from "../../policy/index.ts";
import { toolFolders } from "../../sandbox/index.ts";
import type { Command } from "../command.ts";
import { mcpSurroundings } from "../mcp/open-servers.ts";
import { allValues, lastValue } from "../parse.ts";
import type { Parsed } from "../parse.ts";
import { askedFor } from "../policy-flags.ts";
import type { Asked } from "../policy-flags.ts";
import { configOptions, outputOptions } from "../run-options.ts";

export const mcpGateway: Command = {
  operands: "-- COMMAND [ARG…]",
  options: [
    {
      id: "name",
      long: "name",
      short: null,
      argument: "NAME",
      help: "the server's name, for allowlists, pins and the entry whose rules hold",
      example: "--name docs",
    },
    {
      id: "permissions",
      long: "permissions",
      short: "P",
      argument: "NAME",
      help: "the profile it runs under; :isolated by default",
      example: "-P ci",
      completes: "profile",
    },
    {
      id: "env",
      long: "env",
      short: "e",
      argument: "NAME",
      help: "hand a variable of yours on",
      example: "-e DOCS_TOKEN",
    },
    {
      id: "allow-domain",
      long: "allow-domain",
      short: null,
      argument: "PATTERN",
      help: "let it reach a host",
      example: "--allow-domain api.example.com",
    },
    ...configOptions,
    ...outputOptions,
  ],
  examples: [
    "sandboxed mcp gateway -- docs-mcp --root /srv/docs",
    "sandboxed mcp gateway --name docs -P ci -- node server.mjs",
  ],
  about: [
    "Stands between a client, on its own standard streams, and a server that it runs in a sandbox. Lists, rules on arguments",
    "and pins of the entry called NAME hold; calls go into the journal; everything else passes as it is.",
  ],
  async run(parsed) {
    const asked = await askedFor(without(parsed));
    const server = serverOf(parsed, asked);
    const surroundings = mcpSurroundings(asked);
    const { cwd, environment } = asked;
    const id = newSessionId();
    const argv = ["mcp", "gateway", ...parsed.rest];
    const { journal } = openSession({ id, ephemeral: false, argv, cwd, version, environment });
    await gateway({
      server,
      surroundings: { ...surroundings, openSession: () => ({ id, openJournal: () => journal }) },
      pins: pinsIn(toolFolders(environment).state),
      client: { input: process.stdin, output: process.stdout },
      record: (event) => journal.append(event, "batched"),
    });
    // A client that has not gone must not keep the command alive.
    process.stdin.destroy();
    return { data: {}, text: "", status: 0 };
  },
};

/** What is about the server is not about the policy of a run. */
function without(parsed: Parsed<string>): Parsed<string> {
  const own = new Set(["permissions", "env", "allow-domain"]);
  return { ...parsed, given: parsed.given.filter(({ id }) => !own.has(id)) };
}

function serverOf(parsed: Parsed<string>, { config }: Asked): McpServer {
  const [command, ...args] = parsed.rest;
  if (command === undefined) {
    throw new SandboxedError("usage", "no command was given", {
      hint: "for example: sandboxed mcp gateway -- docs-mcp",
    });
  }
  const name = lastValue(parsed, "name") ?? basename(command).replace(/[^A-Za-z0-9-]/g, "-");
  const problem = serverNameProblem(name);
  if (problem !== null)
    throw new SandboxedError("usage", `${escapeText(name)}: ${problem.message}`, { hint: "write --name NAME" });
  const entry = config.mcpServers.get(name);
  return {
    enabled: true,
    required: true,
    startupTimeout: 30_000,
    toolTimeout: 300_000,
    protocol: "legacy",
    enabledTools: null,
    disabledTools: [],
    approvalMode: "auto",
    toolApprovalModes: new Map(),
    arguments: new Map(),
    ...entry,
    name,
    provenance: { layer: "flag", file: null, line: null, column: null, owner: "you" },
    transport: {
      kind: "stdio",
      command,
      args,
      env: new Map(),
      envVars: allValues(parsed, "env"),
      cwd: null,
      permissions: lastValue(parsed, "permissions") ?? ":isolated",
      allowedDomains: allValues(parsed, "allow-domain"),
    },
  };
}
