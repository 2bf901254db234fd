import type { Command } from "./command.ts";
import { commandList } from "./command-list.ts";
import { optionLines, page } from "./help.ts";

/** `sandboxed --help`. */
export function overview(): string {
  const entries = [
    { name: "run", summary: "run a program in a sandbox; the same as sandboxed-run" },
    ...commandList.map(({ name, summary }) => ({ name, summary })),
  ];
  const width = Math.max(...entries.map(({ name }) => name.length));
  return page([
    "Usage: sandboxed COMMAND [options]",
    "",
    "Commands:",
    ...entries.map(({ name, summary }) => `  ${name.padEnd(width)}  ${summary}`),
    "",
    "sandboxed COMMAND --help shows more. Exit status: 0 yes or done, 1 no, 2 wrong use; that of run is the program's.",
  ]);
}

/** `sandboxed NAME --help`. */
export function commandHelp(name: string, summary: string, command: Command): string {
  return page([
    `Usage: sandboxed ${[name, command.operands, "[options]"].filter((part) => part !== "").join(" ")}`,
    "",
    `${summary.charAt(0).toUpperCase()}${summary.slice(1)}.`,
    ...command.about,
    "",
    "Options:",
    ...optionLines(command.options),
    "",
    "Examples:",
    ...command.examples.map((line) => `  ${line}`),
  ]);
}
