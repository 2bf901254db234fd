import type { Option } from "./option.ts";
import { runOptions } from "./run-options.ts";

const examplesOfRun = [
  "sandboxed-run script.py",
  "sandboxed-run -- npm test",
  "sandboxed-run -r ~/data -w ./out -- python3 train.py",
  "sandboxed-run --network off --timeout 10m -- make",
];

/** `sandboxed-run --help`. */
export function runHelp(command: string): string {
  return page([
    `Usage: ${command} [options] [--] PROGRAM [ARG…]`,
    "",
    "Runs a script or any command with the files, network and environment it was granted.",
    "Options end at the first other word; what follows belongs to the program.",
    "",
    "Options:",
    ...optionLines(runOptions),
    "",
    "Examples:",
    ...examplesOfRun.map((line) => `  ${line}`),
    "",
    "Exit status: the program's; 128+n on a signal, 137 when a limit ended it; 123 when a protected name had to be",
    "repaired; 124 when the time was over; 125 when nothing was started; 126 not executable; 127 not found.",
  ]);
}

export function optionLines(options: readonly Option[]): readonly string[] {
  const rows = options.map((option) => ({ left: leftColumn(option), help: option.help }));
  const width = Math.max(...rows.map(({ left }) => left.length));
  return rows.map(({ left, help }) => `  ${left.padEnd(width)}  ${help}`);
}

function leftColumn({ short, long, argument }: Option): string {
  const names = `${short === null ? "   " : `-${short}`}${short !== null && long !== null ? ", " : " "}${long === null ? "" : `--${long}`}`;
  return `${names.trimEnd()}${argument === null ? "" : ` ${argument}`}`;
}

export function page(lines: readonly string[]): string {
  return `${lines.join("\n")}\n`;
}
