import type { Command } from "../command.ts";
import type { Parsed } from "../parse.ts";
import { outputOptions, policyOptions } from "../run-options.ts";
import type { RunOption } from "../run-options.ts";

export const mcpServer: Command = {
  operands: "",
  options: [...policyOptions, ...outputOptions],
  examples: ["sandboxed mcp-server", "sandboxed mcp-server -P :workspace --timeout 10m"],
  about: [
    "Serves MCP on its standard streams: run_command, explain, list_profiles, read_session. Commands run here and below,",
    "under the policy of these options; another profile has to be approved by the person at the client.",
  ],
  async run(parsed) {
    const [{ serveStandardStreams }, { orchestrator }] = await Promise.all([
      import("../../mcp-server/index.ts"),
      import("../mcp-server/orchestrator.ts"),
    ]);
    await serveStandardStreams(orchestrator(asRun(parsed.given)));
    // A client that has not gone must not keep the command alive.
    process.stdin.destroy();
    return { data: {}, text: "", status: 0 };
  },
};

/** The options of a policy, as a run has them. */
function asRun(given: readonly { readonly id: string; readonly value: string }[]): Parsed<RunOption> {
  const isOption = (id: string): id is RunOption => policyOptions.some((option) => option.id === id);
  const taken = given.flatMap(({ id, value }) => (isOption(id) ? [{ id, value }] : []));
  return { given: taken, rest: [] };
}
