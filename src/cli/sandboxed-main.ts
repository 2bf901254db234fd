import { didYouMean, escapeText, SandboxedError } from "../policy/index.ts";
import type { Result } from "./command.ts";
import { commandList } from "./command-list.ts";
import type { CommandEntry } from "./command-list.ts";
import { lastValue, parseOptions } from "./parse.ts";
import { voiceOf, writeOutput } from "./voice.ts";

const USAGE = 2;

/** `sandboxed COMMAND …`. Returns the status to exit with: 0 yes or done, 1 no, 2 wrong use; `run` has its own. */
export async function sandboxedMain(words: readonly string[]): Promise<number> {
  const [first, ...rest] = words;
  if (first === "run") {
    const { runMain } = await import("./run-main.ts");
    // What a run leaves behind must not keep the command alive.
    process.exit(await runMain(rest, "sandboxed run"));
  }
  const voice = voiceOf("sandboxed", words.includes("--json"));
  try {
    if (first === undefined || first === "--help" || first === "-h" || first === "help") {
      const { overview } = await import("./command-help.ts");
      if (first !== undefined) writeOutput(overview());
      else throw new SandboxedError("usage", "a command is missing", { hint: "sandboxed --help lists them" });
      return 0;
    }
    if (first === "--version" || first === "-V") {
      const { version } = await import("../generated/version.ts");
      writeOutput(`sandboxed ${version}\n`);
      return 0;
    }
    const group = commandList.filter(({ name }) => name.startsWith(`${first} `));
    if (group.length > 0 && (rest[0] === "--help" || rest[0] === "-h")) {
      const { groupHelp } = await import("./command-help.ts");
      writeOutput(groupHelp(first, group));
      return 0;
    }
    return await dispatch(findCommand(words), words);
  } catch (error) {
    voice.fail(error);
    return error instanceof SandboxedError && error.code !== "internal" && error.code !== "usage" ? 1 : USAGE;
  }
}

async function dispatch(entry: CommandEntry, words: readonly string[]): Promise<number> {
  const command = await entry.load();
  const parsed = parseOptions(words.slice(entry.name.split(" ").length), command.options, "anywhere");
  if (lastValue(parsed, "help") !== null) {
    const { commandHelp } = await import("./command-help.ts");
    writeOutput(commandHelp(entry.name, entry.summary, command));
    return 0;
  }
  const result = await command.run(parsed);
  writeOutput(lastValue(parsed, "json") === null ? result.text : asJson(result));
  return result.status;
}

function asJson({ data }: Result): string {
  return `${JSON.stringify({ schemaVersion: 1, ...data }, null, 2)}\n`;
}

/** By one word or by two. Errors: `usage` with the nearest name. */
function findCommand(words: readonly string[]): CommandEntry {
  const [first = "", second = ""] = words;
  const found = commandList.find(({ name }) => name === first || name === `${first} ${second}`);
  if (found !== undefined) return found;
  const group = commandList.filter(({ name }) => name.startsWith(`${first} `));
  if (group.length > 0) {
    const names = group.map(({ name }) => name.slice(first.length + 1));
    const missing = second === "" || second.startsWith("-");
    const problem = missing
      ? `${first} needs a second word`
      : `unknown command ${first} ${escapeText(second)}${didYouMean(second, names)}`;
    throw new SandboxedError("usage", problem, { hint: `write sandboxed ${first} ${names.join("|")}` });
  }
  const names = ["run", ...new Set(commandList.map(({ name }) => name.split(" ")[0] ?? name))];
  throw new SandboxedError("usage", `unknown command ${escapeText(first)}${didYouMean(first, names)}`, {
    hint: `commands are ${names.join(", ")}; to run a program: sandboxed run PROGRAM`,
  });
}
