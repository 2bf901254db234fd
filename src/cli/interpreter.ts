import { closeSync, constants, fstatSync, openSync, readSync } from "node:fs";
import { extname, resolve } from "node:path";
import { SandboxedError } from "../policy/index.ts";

/** What to execute for the words a person typed. */
export interface ChosenProgram {
  readonly program: string;
  readonly arguments: readonly string[];
  /** The script among them; null when the program was named itself. */
  readonly script: string | null;
}

const interpreters = new Map<string, string>([
  [".py", "python3"],
  [".js", "node"],
  [".mjs", "node"],
  [".cjs", "node"],
  [".ts", "node"],
  [".sh", "sh"],
  [".rb", "ruby"],
  [".pl", "perl"],
  [".php", "php"],
  [".lua", "lua"],
  [".R", "Rscript"],
  [".r", "Rscript"],
]);

/**
 * A script file runs with the interpreter of its first line, else with the one of its ending; everything else is
 * a program. A name without a slash is a script only where its ending says so and the file stands in `cwd`.
 * Errors: `usage` when this Node cannot run a `.ts` file.
 */
export function chooseProgram(
  words: readonly [program: string, ...rest: string[]],
  cwd: string,
  nodeVersion: string,
): ChosenProgram {
  const [program, ...rest] = words;
  const named: ChosenProgram = { program, arguments: rest, script: null };
  const byEnding = interpreters.get(extname(program));
  if (!program.includes("/") && byEnding === undefined) return named;
  const start = firstBytes(resolve(cwd, program));
  if (start === null) return named;
  // A word that starts with a dash would be an option of the interpreter.
  const script = program.startsWith("-") ? `./${program}` : program;
  const shebang = readShebang(start);
  if (shebang !== null) return { program: shebang.program, arguments: [...shebang.arguments, script, ...rest], script };
  if (byEnding === undefined || isBinary(start)) return named;
  const options = extname(program) === ".ts" ? typeScriptOptions(nodeVersion) : [];
  return { program: byEnding, arguments: [...options, script, ...rest], script };
}

/** As the kernel reads it: one argument at most, which may hold blanks. A carriage return is no part of it. */
function readShebang(start: string): { readonly program: string; readonly arguments: readonly string[] } | null {
  const [line = ""] = start.split("\n", 1);
  const match = /^#![ \t]*(\S+)[ \t]*(.*?)[ \t\r]*$/.exec(line);
  if (match === null) return null;
  const [, program = "", argument = ""] = match;
  return { program, arguments: argument === "" ? [] : [argument] };
}

function isBinary(start: string): boolean {
  return start.startsWith("\u007fELF") || start.includes("\0");
}

/** Types are stripped by default from 22.18 and 23.6 on, by an option from 22.6 on. */
function typeScriptOptions(version: string): readonly string[] {
  const [major = 0, minor = 0] = version.split(".").map(Number);
  if (major > 23 || (major === 23 && minor >= 6) || (major === 22 && minor >= 18)) return [];
  if (major === 23 || (major === 22 && minor >= 6)) return ["--experimental-strip-types"];
  throw new SandboxedError("usage", `Node.js ${version} cannot run TypeScript`, {
    hint: "use Node.js 22.18 or later, or name what runs it: sandboxed-run -- npx tsx script.ts",
  });
}

/** Of a regular file; null for everything else. A FIFO must not hang the start. */
function firstBytes(path: string): string | null {
  let descriptor: number;
  try {
    descriptor = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch {
    return null; // Whoever looks for the program says what is wrong with it.
  }
  try {
    if (!fstatSync(descriptor).isFile()) return null;
    const buffer = Buffer.alloc(512);
    return buffer.toString("latin1", 0, readSync(descriptor, buffer, 0, buffer.length, 0));
  } finally {
    closeSync(descriptor);
  }
}
