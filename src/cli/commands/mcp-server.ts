import { resolve } from "node:path";
import { escapeText, SandboxedError } from "../../policy/index.ts";
import type { Command } from "../command.ts";
import { loopbackAddress } from "../loopback-address.ts";
import { lastValue } from "../parse.ts";
import type { Parsed } from "../parse.ts";
import { outputOptions, policyOptions } from "../run-options.ts";
import type { RunOption } from "../run-options.ts";
import { voiceOf } from "../voice.ts";
import type { Voice } from "../voice.ts";

export const mcpServer: Command = {
  operands: "",
  options: [
    {
      id: "listen",
      long: "listen",
      short: null,
      argument: "HOST:PORT",
      help: "serve streamable HTTP at http://HOST:PORT/mcp, on loopback, instead of the standard streams",
      example: "--listen 127.0.0.1:3900",
    },
    {
      id: "token-file",
      long: "token-file",
      short: null,
      argument: "FILE",
      help: "the tokens of clients, one a line, in a file that you alone can read; made if it is not there",
      example: "--token-file ~/.local/state/sandboxed/mcp-token",
      completes: "file",
    },
    ...policyOptions,
    ...outputOptions,
  ],
  examples: [
    "sandboxed mcp-server",
    "sandboxed mcp-server -P :workspace --timeout 10m",
    "sandboxed mcp-server --listen 127.0.0.1:3900 --token-file ~/.local/state/sandboxed/mcp-token",
  ],
  about: [
    "Serves MCP on its standard streams: run_command, explain, list_profiles, read_session. Commands run here and below,",
    "under the policy of these options; another profile has to be approved by the person at the client.",
    "With --listen it serves several clients over HTTP. Each sends a token (Authorization: Bearer TOKEN): the one that is",
    "printed at the start, or one of --token-file. Who has another token sees nothing of the others' sessions.",
  ],
  async run(parsed) {
    const voice = voiceOf("sandboxed", lastValue(parsed, "json") !== null);
    const listen = lastValue(parsed, "listen");
    if (listen === null && lastValue(parsed, "token-file") !== null) {
      throw new SandboxedError("usage", "--token-file is for clients that come over HTTP", {
        hint: "add --listen 127.0.0.1:PORT",
      });
    }
    const ended = whenToldToEnd();
    await (listen === null ? overStreams(parsed, ended) : overHttp(parsed, listen, ended, voice));
    return { data: {}, text: "", status: 0 };
  },
};

async function overStreams(parsed: Parsed<string>, ended: Promise<void>): Promise<void> {
  const [{ serveStandardStreams }, { orchestrators }] = await Promise.all([
    import("../../mcp-server/index.ts"),
    import("../mcp-server/orchestrator.ts"),
  ]);
  const own = orchestrators(asRun(parsed.given), []);
  await serveStandardStreams(
    own.of(""),
    ended.then(() => own.end()),
  );
  await own.end();
  // A client that has not gone must not keep the command alive.
  process.stdin.destroy();
}

async function overHttp(parsed: Parsed<string>, listen: string, ended: Promise<void>, voice: Voice): Promise<void> {
  const address = loopbackAddress("--listen", listen);
  const [{ serveHttp }, { isToken }, { orchestrators }, { newToken, tokensIn }] = await Promise.all([
    import("../../mcp-server/http/serve.ts"),
    import("../../mcp-server/http/clients.ts"),
    import("../mcp-server/orchestrator.ts"),
    import("../mcp-server/tokens.ts"),
  ]);
  const given = lastValue(parsed, "token-file");
  const file = given === null ? null : tokensIn(resolve(given), isToken);
  const token = newToken();
  const own = orchestrators(asRun(parsed.given), file === null ? [] : [file.path]);
  const serving = await serveHttp((client) => own.of(client), { ...address, tokens: file?.tokens ?? [token] });
  if (lastValue(parsed, "json") !== null) {
    voice.report({ listening: serving.url, ...(file === null ? { token } : { tokenFile: file.path }) });
  } else {
    const how = file === null ? `Authorization: Bearer ${token}` : `a token of ${escapeText(file.path)}`;
    voice.say(`serving MCP at ${serving.url}`, `clients send ${how}`);
  }
  await ended;
  await own.end();
  await serving.close();
}

/** Once; who tells a second time does not want to wait. */
function whenToldToEnd(): Promise<void> {
  const signals = ["SIGINT", "SIGTERM", "SIGHUP"] as const;
  return new Promise((settle) => {
    const told = (): void => {
      for (const signal of signals) process.off(signal, told);
      settle();
    };
    for (const signal of signals) process.on(signal, told);
  });
}

/** The options of a policy, as a run has them. */
function asRun(given: readonly { readonly id: string; readonly value: string }[]): Parsed<RunOption> {
  const isOption = (id: string): id is RunOption => policyOptions.some((option) => option.id === id);
  const taken = given.flatMap(({ id, value }) => (isOption(id) ? [{ id, value }] : []));
  return { given: taken, rest: [] };
}
