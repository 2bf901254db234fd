import { writeSync } from "node:fs";
import { styleText } from "node:util";
import { codeOf, escapeText, SandboxedError } from "../policy/index.ts";

/** The tool's own words, to standard error: standard output belongs to the program. */
export interface Voice {
  /** One line a string; what comes from outside has to be escaped already. */
  readonly say: (...lines: readonly string[]) => void;
  readonly warn: (...lines: readonly string[]) => void;
  readonly fail: (error: unknown) => void;
  /** A whole result as one line of JSON. */
  readonly report: (result: object) => void;
}

type Style = "red" | "yellow" | "bold";

/**
 * Lines start with the command's name; errors take a second line for the hint. `json` gives one object a line
 * instead. Colour only on a terminal, and not where `NO_COLOR` or `TERM=dumb` asks for none.
 */
export function voiceOf(command: string, json: boolean): Voice {
  const lines = (style: Style | null, label: string, texts: readonly string[]): void => {
    for (const text of texts) writeError(`${command}: ${label === "" ? "" : paint(style, label)}${text}\n`);
  };
  return {
    say: (...texts) => lines(null, "", texts),
    warn: (...texts) =>
      json
        ? texts.forEach((text) => writeError(`${JSON.stringify({ warning: text })}\n`))
        : lines("yellow", "warning: ", texts),
    report: (result) => writeError(`${JSON.stringify(result)}\n`),
    fail: (error) => {
      if (json) return writeError(`${JSON.stringify({ error: describe(error) })}\n`);
      const { message, hint } = describe(error);
      lines("red", "", [paint("red", message)]);
      if (hint !== null) lines(null, "", [`  ${hint}`]);
    },
  };
}

/** An error as data. */
export function describe(error: unknown): {
  readonly code: string;
  readonly message: string;
  readonly hint: string | null;
} {
  if (error instanceof SandboxedError) {
    return {
      code: error.code,
      message: singleLine(error.message),
      hint: error.hint === null ? null : singleLine(error.hint),
    };
  }
  const message = error instanceof Error ? error.message : String(error);
  return {
    code: "internal",
    message: `something went wrong inside: ${escapeText(message)}`,
    hint: "this is a mistake in sandboxed-run; please report it, with -v output",
  };
}

/** Messages are escaped where they are made; what slipped through cannot act on the terminal here. */
function singleLine(text: string): string {
  return /\p{Cc}/u.test(text) ? escapeText(text) : text;
}

function paint(style: Style | null, text: string): string {
  if (style === null || !process.stderr.isTTY) return text;
  const { NO_COLOR: noColour = "", TERM: terminal } = process.env;
  return noColour !== "" || terminal === "dumb" ? text : styleText(style, text);
}

/** At once: the process may end right after. */
function writeError(text: string): void {
  try {
    writeSync(2, text);
  } catch (error) {
    const code = codeOf(error);
    if (code === "EAGAIN") process.stderr.write(text);
    else if (code !== "EPIPE" && code !== "EBADF") throw error;
  }
}

let isWatched = false;

/** A command's result, to standard output. Who reads it may stop before the end, as `head` does. */
export function writeOutput(text: string): void {
  if (!isWatched) process.stdout.on("error", (error) => lost(error));
  isWatched = true;
  process.stdout.write(text);
}

function lost(error: NodeJS.ErrnoException): void {
  if (error.code === "EPIPE") return;
  writeError(`sandboxed: standard output cannot be written: ${escapeText(error.message)}\n`);
  process.exitCode = 2;
}
