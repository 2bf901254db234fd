import type { Option } from "../option.ts";
import { groups, quote, valuesOf } from "./tables.ts";
import type { CompletionCommand } from "./tables.ts";

export function zshCompletion(commands: readonly CompletionCommand[]): string {
  const [run] = commands;
  const cases = [...groups(commands.slice(1))].map(([first, members]) => groupCase(first, members));
  return `#compdef sandboxed sandboxed-run
# zsh completion for sandboxed and sandboxed-run
_sandboxed_run() {
  _arguments -s -S ${(run?.options ?? []).map(specification).join(" ")} '(-)1:program:_command_names -e' '*::argument:_normal'
}
_sandboxed() {
  if [[ $service == sandboxed-run ]]; then _sandboxed_run; return; fi
  if ((CURRENT == 2)); then
    local -a commands=(${[...groups(commands)].map(([first, members]) => quote(`${first}:${described(first, members)}`)).join(" ")})
    _describe command commands
    return
  fi
  local first=$words[2] second=$words[3]
  shift words
  ((CURRENT--))
  case $first in
    run) _sandboxed_run ;;
${cases.join("\n")}
  esac
}
_sandboxed "$@"
`;
}

function described(first: string, members: readonly CompletionCommand[]): string {
  const [only] = members;
  if (only !== undefined && only.name === first) return colons(only.summary);
  return members.map(({ name }) => name.slice(first.length + 1)).join(", ");
}

function groupCase(first: string, members: readonly CompletionCommand[]): string {
  const [only] = members;
  if (only !== undefined && only.name === first) return `    ${first}) ${argumentsOf(only)} ;;`;
  const seconds = members.map(({ name, summary }) => quote(`${name.slice(first.length + 1)}:${colons(summary)}`));
  const cases = members.map((member) => `        ${member.name.slice(first.length + 1)}) ${argumentsOf(member)} ;;`);
  return `    ${first})
      if ((CURRENT == 2)); then
        local -a seconds=(${seconds.join(" ")})
        _describe command seconds
        return
      fi
      shift words
      ((CURRENT--))
      case $second in
${cases.join("\n")}
      esac
      ;;`;
}

function argumentsOf({ options }: CompletionCommand): string {
  return `_arguments -s -S ${options.map(specification).join(" ")} '*:file:_files'`;
}

/** One option in the words of `_arguments`; the leading star lets it be given more than once. */
function specification(option: Option): string {
  const { short, long, argument, help } = option;
  const text = `[${help.replace(/[[\]]/g, "")}]`;
  const value = argument === null ? "" : `:${colons(argument)}:${action(option)}`;
  const names = [
    ...(short === null ? [] : [`-${short}${argument === null ? "" : "+"}`]),
    ...(long === null ? [] : [`--${long}${argument === null ? "" : "="}`]),
  ];
  return names.map((name) => quote(`*${name}${text}${value}`)).join(" ");
}

function action(option: Option): string {
  const values = valuesOf(option);
  if (values !== null) return `(${values.map((value) => value.replaceAll(":", "\\:")).join(" ")})`;
  if (option.completes === "directory") return "_files -/";
  return option.completes === "file" ? "_files" : "";
}

function colons(text: string): string {
  return text.replaceAll(":", "\\:");
}
