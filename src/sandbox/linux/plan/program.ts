import { absolutePath, SandboxedError } from "../../../policy/index.ts";
import type { AbsolutePath, Decision, Oracle } from "../../../policy/index.ts";
import type { HostFacts } from "../../facts.ts";

export interface ProgramSearch {
  readonly facts: HostFacts;
  readonly oracle: Oracle;
  readonly directories: readonly string[];
  readonly cwd: AbsolutePath;
  /** Where a path that lies in a private place is kept on the host; null when it is the host's own. */
  readonly behind: (path: AbsolutePath) => AbsolutePath | null;
}

/**
 * The file to execute, found as a shell finds it, but only among what the run may see.
 * Errors: `program_not_found` (127; says so when a rule hides it), `program_not_executable` (126).
 */
export function findProgram(name: string, search: ProgramSearch): AbsolutePath {
  const isPath = name.includes("/") || name === "." || name === "..";
  const candidates = isPath
    ? [absolutePath(name.startsWith("/") ? name : `${search.cwd}/${name}`)]
    : search.directories.map((directory) => absolutePath(`${directory}/${name}`));
  let hidden: { path: AbsolutePath; decision: Decision } | null = null;
  let unusable: { path: AbsolutePath; why: string } | null = null;
  for (const path of candidates) {
    const decision = search.oracle.decide({ op: "exec", path });
    const real = search.facts.canonical(search.behind(path) ?? path);
    const shown = decision.effect === "allow" && (decision.where === "host" || search.behind(path) !== null);
    const found = real === null ? null : search.facts.program(real);
    if (found === "missing" || found === null) {
      if (search.facts.program(search.facts.canonical(path) ?? path) === "executable") hidden ??= { path, decision };
      continue;
    }
    // Nobody means a directory that a directory of PATH happens to hold.
    if (found === "directory") unusable ??= isPath ? { path, why: "is a directory" } : null;
    else if (!shown) hidden ??= { path, decision };
    else if (found === "executable") return path;
    else unusable ??= { path, why: "is not executable" };
  }
  throw failure(name, hidden, unusable, search.oracle);
}

/**
 * Refuses a script that the interpreter would not find, or a directory in its place, in the words used for programs:
 * better than what each interpreter would make of it. Errors: `program_not_found`, `program_not_executable`.
 */
export function requireShown(script: string, search: ProgramSearch): void {
  const path = absolutePath(script.startsWith("/") ? script : `${search.cwd}/${script}`);
  const decision = search.oracle.decide({ op: "read", path });
  const behind = search.behind(path);
  const real = search.facts.canonical(behind ?? path);
  const found = real === null ? "missing" : search.facts.program(real);
  if (found === "directory") throw failure(script, null, { path, why: "is a directory" }, search.oracle);
  if (found !== "missing" && decision.effect === "allow" && (decision.where === "host" || behind !== null)) return;
  const onHost = search.facts.program(search.facts.canonical(path) ?? path) !== "missing";
  throw failure(script, onHost ? { path, decision } : null, null, search.oracle);
}

function failure(
  name: string,
  hidden: { path: AbsolutePath; decision: Decision } | null,
  unusable: { path: AbsolutePath; why: string } | null,
  oracle: Oracle,
): SandboxedError {
  if (unusable !== null) return new SandboxedError("program_not_executable", `${unusable.path} ${unusable.why}`);
  if (hidden === null) {
    return new SandboxedError("program_not_found", `${name}: not found`, {
      hint: name.includes("/") ? "check the path" : "check the name, or give the path",
    });
  }
  const { path, decision } = hidden;
  const { rule } = decision;
  const why = rule === null || rule.kind === "default" ? "no rule allows it" : `rule ${rule.text}`;
  const { argv, config } = decision.suggestion ?? oracle.suggest("exec", path);
  return new SandboxedError("program_not_found", `${name}: ${path} exists, but is hidden: ${why}`, {
    hint: argv.length > 0 ? `allow it with ${argv.join(" ")}` : (config ?? "choose another program"),
  });
}
