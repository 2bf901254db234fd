import { newSessionId, openSession } from "../../audit/index.ts";
import { version } from "../../generated/version.ts";
import { gateway, pinsIn } from "../../mcp/index.ts";
import { escapeText } from "../../policy/index.ts";
import type { Journal, JournalEvent } from "../../policy/index.ts";
import { noting } from "../../reload/index.ts";
import type { FileAnswer } from "../../reload/index.ts";
import { toolFolders } from "../../sandbox/index.ts";
import type { Command } from "../command.ts";
import { loopbackAddress } from "../loopback-address.ts";
import { addressedBy, programOf } from "../mcp/gateway-server.ts";
import { holdGateway } from "../mcp/hold-gateway.ts";
import { mcpSurroundings } from "../mcp/open-servers.ts";
import { serveGateway } from "../mcp/serve-gateway.ts";
import { lastValue } from "../parse.ts";
import type { Parsed } from "../parse.ts";
import { askedFor } from "../policy-flags.ts";
import { configOptions, outputOptions } from "../run-options.ts";
import { voiceOf } from "../voice.ts";

export const mcpGateway: Command = {
  operands: "-- COMMAND [ARG…] | --upstream URL --listen HOST:PORT",
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
    {
      id: "upstream",
      long: "upstream",
      short: null,
      argument: "URL",
      help: "stand before a server at an address; that of the entry called NAME by default",
      example: "--upstream https://hub.example.com/mcp",
    },
    {
      id: "listen",
      long: "listen",
      short: null,
      argument: "HOST:PORT",
      help: "where clients of this machine find it: a port of the loopback address, 0 for any",
      example: "--listen 127.0.0.1:3902",
    },
    {
      id: "new-token",
      long: "new-token",
      short: null,
      argument: null,
      help: "make another token; clients with the old one are refused",
      example: "--new-token",
    },
    ...configOptions,
    ...outputOptions,
  ],
  examples: [
    "sandboxed mcp gateway -- docs-mcp --root /srv/docs",
    "sandboxed mcp gateway --name docs -P ci -- node server.mjs",
    "sandboxed mcp gateway --upstream https://hub.example.com/mcp --listen 127.0.0.1:3902",
    "sandboxed mcp gateway --name hub --listen 127.0.0.1:3902",
  ],
  about: [
    "Stands between a client, on its own standard streams, and a server that it runs in a sandbox. Lists, rules on arguments",
    "and pins of the entry called NAME hold; calls go into the journal; everything else passes as it is.",
    "With --listen it stands before a server at an address. Clients send Authorization: Bearer TOKEN, or have the token in",
    "the address, http://127.0.0.1:PORT/TOKEN/mcp. What they need is shown when the token is made, and at a terminal.",
  ],
  async run(parsed) {
    const files: FileAnswer[] = [];
    const decided = Date.now();
    const policyAsked = without(parsed);
    const asked = await askedFor(policyAsked, undefined, { read: noting(files) });
    const { cwd, environment } = asked;
    const listen = lastValue(parsed, "listen");
    const isServed = listen !== null || lastValue(parsed, "upstream") !== null;
    const fronted = isServed ? addressedBy(parsed, asked.config) : programOf(parsed, asked.config);
    const address = isServed ? loopbackAddress("--listen", listen ?? "127.0.0.1:0") : null;
    const json = lastValue(parsed, "json") !== null;
    const voice = voiceOf("sandboxed", json);
    const id = newSessionId();
    const { server } = fronted;
    const what = server.transport.kind === "stdio" ? parsed.rest : [withoutQuery(server.transport.url)];
    const argv = ["mcp", "gateway", ...what];
    const { journal } = openSession({ id, ephemeral: false, argv, cwd, version, environment });
    const record = (event: JournalEvent): void => {
      journal.append(event, "batched");
      if (event.kind !== "mcp.hidden") return;
      const places = event.places.map((place) => escapeText(place)).join(", ");
      voice.warn(`${event.server} hides characters in its tool ${escapeText(event.tool)}: ${places}`);
    };
    const held = holdGateway({ parsed: policyAsked, asked, files, decided }, journal, voice);
    const { live, ending } = held;
    // The gateway has something to write down when its server's program has gone.
    const openJournal = (): Journal => ({ append: (event, how) => journal.append(event, how), close: () => {} });
    const surroundings = { ...mcpSurroundings(asked), live, openSession: () => ({ id, openJournal }) };
    const newToken = lastValue(parsed, "new-token") !== null;
    try {
      if (address !== null) {
        const serving = { ...fronted, surroundings, listen: address, newToken, record, voice, json, ending };
        return await serveGateway(serving);
      }
      const pins = pinsIn(toolFolders(environment).state);
      const client = { input: process.stdin, output: process.stdout };
      await gateway({ ...fronted, surroundings, pins, client, record, ending });
      return { data: {}, text: "", status: 0 };
    } finally {
      await held.close();
      journal.close();
      // A client that has not gone must not keep the command alive.
      if (address === null) process.stdin.destroy();
    }
  },
};

/** What is about the server is not about the policy of a run. */
function without(parsed: Parsed<string>): Parsed<string> {
  const own = new Set(["permissions", "env", "allow-domain"]);
  return { ...parsed, given: parsed.given.filter(({ id }) => !own.has(id)) };
}

/** Some addresses carry a key there. */
function withoutQuery(url: string): string {
  return url.replace(/\?.*$/, "");
}
