import { readFileSync, statSync } from "node:fs";
import { resolve } from "node:path";
import { codeOf, escapeText, SandboxedError } from "../policy/index.ts";
import type { Oracle } from "../policy/index.ts";
import { allValues } from "./parse.ts";
import type { Parsed } from "./parse.ts";

export interface AskedGrants {
  /** As `--grant` takes them, each of them read already. */
  readonly capabilities: readonly string[];
  /** Absolute. */
  readonly files: readonly string[];
}

const LARGEST_FILE = 256 * 1024;

/** What `--grant` and `--grant-file` say together. Errors: `usage`, `policy_invalid`. */
export async function grantsOf(parsed: Parsed<string>, cwd: string): Promise<AskedGrants> {
  const { parseCapability: read } = await import("../session/index.ts");
  const files = allValues(parsed, "grant-file").map((path) => resolve(cwd, path));
  const given = allValues(parsed, "grant");
  for (const each of given) read(each);
  return { capabilities: [...given, ...files.flatMap((path) => readGrantFile(path, read))], files };
}

/** A program that may change the file would grant itself what it likes, the next time. Errors: `usage`. */
export function refuseOwnGrants({ files }: AskedGrants, oracle: Oracle): void {
  for (const file of files) {
    const { effect, where } = oracle.decide({ op: "write", path: file });
    if (effect !== "allow" || where !== "host") continue;
    throw new SandboxedError("usage", `--grant-file ${escapeText(file)}: the program itself may change it`, {
      hint: `put it where the program cannot write, or add --deny ${escapeText(file)} and make it readable for yourself alone`,
    });
  }
}

/** One capability a line; `#` starts a comment. */
function readGrantFile(path: string, read: (text: string) => unknown): readonly string[] {
  const text = readText(path);
  return text.split(/\r?\n/).flatMap((line, index) => {
    const capability = line.replace(/(^|\s)#.*$/, "").trim();
    if (capability === "") return [];
    try {
      read(capability);
    } catch (error) {
      if (!(error instanceof SandboxedError)) throw error;
      throw new SandboxedError(error.code, `${escapeText(path)}:${index + 1}: ${error.message}`, {
        ...(error.hint !== null && { hint: error.hint }),
        cause: error,
      });
    }
    return [capability];
  });
}

function readText(path: string): string {
  try {
    const stat = statSync(path);
    if (stat.isFile() && stat.size <= LARGEST_FILE) return readFileSync(path, "utf8");
  } catch (cause) {
    const code = codeOf(cause) ?? "unknown error";
    throw new SandboxedError("usage", `--grant-file ${escapeText(path)}: cannot read it (${code})`, { cause });
  }
  throw new SandboxedError("usage", `--grant-file ${escapeText(path)}: it is no file of at most ${LARGEST_FILE} bytes`);
}
