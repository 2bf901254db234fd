import { didYouMean, escapeText, SandboxedError } from "../../policy/index.ts";
import type { Command } from "../command.ts";
import { commandList } from "../command-list.ts";
import { bashCompletion } from "../completion/bash.ts";
import { fishCompletion } from "../completion/fish.ts";
import type { CompletionCommand } from "../completion/tables.ts";
import { zshCompletion } from "../completion/zsh.ts";
import { outputOptions, runOptions } from "../run-options.ts";

const shells = new Map<string, (commands: readonly CompletionCommand[]) => string>([
  ["bash", bashCompletion],
  ["zsh", zshCompletion],
  ["fish", fishCompletion],
]);

export const completion: Command = {
  operands: "bash|zsh|fish",
  options: outputOptions,
  examples: [
    "sandboxed completion bash > ~/.local/share/bash-completion/completions/sandboxed",
    'sandboxed completion zsh > "${fpath[1]}/_sandboxed"',
    "sandboxed completion fish > ~/.config/fish/completions/sandboxed.fish",
  ],
  about: [
    "For both commands; nothing of the tool runs while you complete. For bash, source the file, or link it to sandboxed-run as well.",
  ],
  async run(parsed) {
    const [shell = "", extra] = parsed.rest;
    const make = shells.get(shell);
    const names = [...shells.keys()];
    if (make === undefined || extra !== undefined) {
      const problem =
        shell === "" || extra !== undefined
          ? "one shell has to be named"
          : `no completion for ${escapeText(shell)}${didYouMean(shell, names)}`;
      throw new SandboxedError("usage", problem, { hint: `write sandboxed completion ${names.join("|")}` });
    }
    const script = make(await commands());
    return { data: { shell, script }, text: script, status: 0 };
  },
};

async function commands(): Promise<readonly CompletionCommand[]> {
  const run: CompletionCommand = { name: "run", summary: "run a program in a sandbox", options: runOptions };
  const others = commandList.map(async ({ name, summary, load }) => {
    // This command cannot wait for itself to be loaded.
    const options = name === "completion" ? outputOptions : (await load()).options;
    return { name, summary, options };
  });
  return [run, ...(await Promise.all(others))];
}
