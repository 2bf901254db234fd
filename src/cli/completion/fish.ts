import type { Option } from "../option.ts";
import { groups, valuesOf } from "./tables.ts";
import type { CompletionCommand } from "./tables.ts";

export function fishCompletion(commands: readonly CompletionCommand[]): string {
  const [run] = commands;
  const runOptions = run?.options ?? [];
  const first = [...groups(commands)];
  return `${[
    "# fish completion for sandboxed and sandboxed-run",
    ...runOptions.map((option) => line("sandboxed-run", null, option)),
    "complete -c sandboxed-run -x -a '(__fish_complete_subcommand)'",
    ...first.map(([name, members]) => {
      const text = members.map(({ summary }) => summary).join("; ");
      return `complete -c sandboxed -n __fish_use_subcommand -x -a ${quote(name)} -d ${quote(text)}`;
    }),
    ...runOptions.map((option) => line("sandboxed", "__fish_seen_subcommand_from run", option)),
    "complete -c sandboxed -n '__fish_seen_subcommand_from run' -x -a '(__fish_complete_subcommand --fcs-skip=2)'",
    ...commands.slice(1).flatMap(commandLines),
  ].join("\n")}\n`;
}

function commandLines({ name, summary, options }: CompletionCommand): readonly string[] {
  const [first = "", second] = name.split(" ");
  const isHere = `__fish_seen_subcommand_from ${first}${second === undefined ? "" : `; and __fish_seen_subcommand_from ${second}`}`;
  const offer =
    second === undefined
      ? []
      : [`complete -c sandboxed -n '__fish_seen_subcommand_from ${first}' -x -a ${quote(second)} -d ${quote(summary)}`];
  return [...offer, ...options.map((option) => line("sandboxed", isHere, option))];
}

function line(command: string, condition: string | null, option: Option): string {
  const { short, long, argument, help } = option;
  const values = valuesOf(option);
  const parts = [
    `complete -c ${command}${condition === null ? "" : ` -n ${quote(condition)}`}`,
    ...(short === null ? [] : [`-s ${short}`]),
    ...(long === null ? [] : [`-l ${long}`]),
    ...(argument === null ? [] : [option.completes === "file" || option.completes === "directory" ? "-r -F" : "-x"]),
    ...(values === null ? [] : [`-a ${quote(values.join(" "))}`]),
    `-d ${quote(help)}`,
  ];
  return parts.join(" ");
}

function quote(text: string): string {
  return `'${text.replaceAll("\\", "\\\\").replaceAll("'", "\\'")}'`;
}
