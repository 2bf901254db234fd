import type { Option } from "../option.ts";
import { groups, quote, spellings, valuesOf } from "./tables.ts";
import type { CompletionCommand } from "./tables.ts";

/** Plain bash 4, with or without the bash-completion package. Nothing that was typed is ever evaluated. */
export function bashCompletion(commands: readonly CompletionCommand[]): string {
  const [run] = commands;
  return `# bash completion for sandboxed and sandboxed-run
_sandboxed_words() {
  mapfile -t COMPREPLY < <(IFS=$'\\n'; compgen -W "$1" -- "$2")
  # The line is split at colons, but a word may hold them: what stands before the cursor's part is not repeated.
  if [[ $2 == *:* && $COMP_WORDBREAKS == *:* ]]; then
    local before=\${2%"\${2##*:}"} at
    for at in "\${!COMPREPLY[@]}"; do COMPREPLY[at]=\${COMPREPLY[at]#"$before"}; done
  fi
}
_sandboxed_files() {
  compopt -o filenames 2>/dev/null
  mapfile -t COMPREPLY < <(compgen "$1" -- "$2")
}
${optionFunction("_sandboxed_run_options", run?.options ?? [], true)}
${commands
  .slice(1)
  .map(({ name, options }) => optionFunction(functionName(name), options, false))
  .join("\n")}
_sandboxed_run() { _sandboxed_run_options 1; }
_sandboxed() {
  local first=\${COMP_WORDS[1]} second=\${COMP_WORDS[2]}
  if ((COMP_CWORD == 1)); then
    _sandboxed_words ${quote([...groups(commands).keys()].join("\n"))} "$first"
    return
  fi
  case $first in
    run) _sandboxed_run_options 2 ;;
${[...groups(commands.slice(1))].map(([first, members]) => groupCase(first, members)).join("\n")}
  esac
}
complete -F _sandboxed sandboxed
complete -F _sandboxed_run sandboxed-run
`;
}

function groupCase(first: string, members: readonly CompletionCommand[]): string {
  const [only] = members;
  if (only !== undefined && only.name === first) return `    ${first}) ${functionName(first)} 2 ;;`;
  const seconds = members.map(({ name }) => name.slice(first.length + 1));
  const cases = members.map(({ name }, at) => `        ${seconds[at] ?? ""}) ${functionName(name)} 3 ;;`);
  return `    ${first})
      if ((COMP_CWORD == 2)); then
        _sandboxed_words ${quote(seconds.join("\n"))} "$second"
        return
      fi
      case $second in
${cases.join("\n")}
      esac
      ;;`;
}

function functionName(command: string): string {
  return `_sandboxed_${command.replaceAll(" ", "_")}`;
}

/** Completes the word at the cursor; the first argument is where the options begin. */
function optionFunction(name: string, options: readonly Option[], isRun: boolean): string {
  const takingValue = options.filter(({ argument }) => argument !== null).flatMap(spellings);
  const byValue = options.filter((option) => option.argument !== null);
  const cases = byValue.map((option) => `    ${spellings(option).join("|")}) ${valueAction(option)}; return ;;`);
  const program = `  at=$1
  while ((at < COMP_CWORD)); do
    case \${COMP_WORDS[at]} in
      --) ((at++)); break ;;
      ${takingValue.join("|")})
        ((at++))
        [[ \${COMP_WORDS[at]} == [=:]* ]] && ((at++))
        ((at++))
        while [[ \${COMP_WORDS[at]} == : ]]; do ((at += 2)); done ;;
      -*) ((at++)) ;;
      *) break ;;
    esac
  done
  if ((at < COMP_CWORD)); then
    if declare -F _command_offset >/dev/null; then _command_offset "$at"; else _sandboxed_files -f "$current"; fi
    return
  fi
`;
  return `${name}() {
  local current=\${COMP_WORDS[COMP_CWORD]} at=$((COMP_CWORD - 1))
  case $current in
    =) current= ;;
    =:) current=: ;;
    *) case \${COMP_WORDS[at]} in
         =) ((at--)) ;;
         :|=:) current=:$current; ((at--)) ;;
       esac ;;
  esac
  local before=\${COMP_WORDS[at]}
${isRun ? program : ""}  case $before in
${cases.join("\n")}
  esac
  if [[ $current == -* ]]; then
    _sandboxed_words ${quote(options.flatMap(spellings).join("\n"))} "$current"
  else
    ${isRun ? `[[ $current == */* ]] && _sandboxed_files -f "$current" || mapfile -t COMPREPLY < <(compgen -c -f -- "$current")` : `_sandboxed_files -f "$current"`}
  fi
}`;
}

function valueAction(option: Option): string {
  const values = valuesOf(option);
  if (values !== null) return `_sandboxed_words ${quote(values.join("\n"))} "$current"`;
  if (option.completes === "directory") return `_sandboxed_files -d "$current"`;
  return option.completes === "file" ? `_sandboxed_files -f "$current"` : "COMPREPLY=()";
}
