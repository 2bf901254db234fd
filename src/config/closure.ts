import { SandboxedError } from "../policy/index.ts";
import { joinPath, knownNormal } from "../policy/index.ts";
import { readConfigFile } from "./read.ts";

/** Everything that trusting a project covers: each file of its `.sandboxed` folder, by content. */
export interface Closure {
  /** SHA-256, hex, over the names and contents. */
  readonly hash: string;
  /** Relative to the folder, in order. */
  readonly files: readonly string[];
}

const MOST_FILES = 256;
const MOST_CHARACTERS = 4 * 1024 * 1024;
const DEEPEST = 8;

/**
 * Reads the folder; null when it is not there. What a trusted project uses is in it or is not used: nothing outside
 * would be covered. Errors: `config_permissions` for a symlink or a special file in it, `config_parse` when it is too
 * large or no text.
 */
export async function readClosure(
  workspace: string,
  read: typeof readConfigFile = readConfigFile,
): Promise<Closure | null> {
  const folder = joinPath(knownNormal(workspace), ".sandboxed");
  if (read(folder, "names") === null) return null;
  const files = filesOf(folder, "", read, 0);
  const { createHash } = await import("node:crypto");
  const hash = createHash("sha256");
  let characters = 0;
  for (const name of files) {
    const text = read(`${folder}/${name}`, "anyone") ?? "";
    characters += text.length;
    if (characters > MOST_CHARACTERS) throw tooMuch(folder);
    // Lengths, so that no two folders make the same text.
    hash.update(`${Buffer.byteLength(name)} ${Buffer.byteLength(text)}\n${name}\n${text}\n`);
  }
  return { hash: hash.digest("hex"), files };
}

function filesOf(folder: string, below: string, read: typeof readConfigFile, depth: number): readonly string[] {
  const names = read(below === "" ? folder : `${folder}/${below}`, "names") ?? "";
  const files: string[] = [];
  for (const line of names === "" ? [] : names.split("\n")) {
    const [kind, name] = [line.slice(0, 1), `${below === "" ? "" : `${below}/`}${line.slice(2)}`];
    if (kind === "d") {
      if (depth === DEEPEST) throw tooMuch(folder);
      files.push(...filesOf(folder, name, read, depth + 1));
    } else if (kind === "f") files.push(name);
    else {
      throw new SandboxedError("config_permissions", `${folder}/${name} is neither a file nor a folder`, {
        hint: "what is trusted is what lies in the folder itself: put a copy there, or remove it",
      });
    }
    if (files.length > MOST_FILES) throw tooMuch(folder);
  }
  return files;
}

function tooMuch(folder: string): SandboxedError {
  return new SandboxedError("config_parse", `${folder} holds more than a configuration`, {
    hint: `at most ${MOST_FILES} files and 4 MiB in all can be trusted`,
  });
}
