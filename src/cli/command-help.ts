import type { Command } from "./command.ts";
import { commandList } from "./command-list.ts";
import { optionLines, page } from "./help.ts";

interface Summary {
  readonly name: string;
  readonly summary: string;
}

/** `sandboxed --help`. */
export function overview(): string {
  const all = [{ name: "run", summary: "run a program in a sandbox; the same as sandboxed-run" }, ...commandList];
  return page([
    "Usage: sandboxed COMMAND [options]",
    "",
    "Commands:",
    ...commandLines(all),
    "",
    "sandboxed COMMAND --help shows more. Exit status: 0 yes or done, 1 no, 2 wrong use; that of run is the program's.",
  ]);
}

/** `sandboxed policy --help`: the commands that start with this word. */
export function groupHelp(name: string, group: readonly Summary[]): string {
  const more = `sandboxed ${group[0]?.name ?? name} --help shows more, and so for the others.`;
  return page([`Usage: sandboxed ${name} COMMAND [options]`, "", "Commands:", ...commandLines(group), "", more]);
}

function commandLines(entries: readonly Summary[]): readonly string[] {
  const width = Math.max(...entries.map(({ name }) => name.length));
  return entries.map(({ name, summary }) => `  ${name.padEnd(width)}  ${summary}`);
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
