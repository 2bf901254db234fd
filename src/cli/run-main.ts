import { SandboxedError } from "../policy/index.ts";
import type { Backend, RunOutcome } from "../sandbox/index.ts";
import { exitStatus } from "./exit-status.ts";
import { chooseProgram } from "./interpreter.ts";
import { outcomeText, planText } from "./outcome-text.ts";
import { lastValue, parseOptions } from "./parse.ts";
import type { Parsed } from "./parse.ts";
import { askedFor } from "./policy-flags.ts";
import { openReport } from "./report-file.ts";
import { runOptions } from "./run-options.ts";
import type { RunOption } from "./run-options.ts";
import { execute, prepareRun } from "./start.ts";
import type { PreparedRun } from "./start.ts";
import { describe, voiceOf, writeOutput } from "./voice.ts";
import type { Voice } from "./voice.ts";

/** `sandboxed-run [options] [--] PROGRAM [ARG…]`. Returns the status to exit with. */
export async function runMain(words: readonly string[], command: string): Promise<number> {
  // An error in the options themselves is told in the form that was asked for, if that can be seen.
  let voice = voiceOf(command, words.slice(0, indexOfEnd(words)).includes("--json"));
  try {
    const parsed = parseOptions<RunOption>(words, runOptions, "first");
    voice = voiceOf(command, has(parsed, "json"));
    if (has(parsed, "help")) {
      const { runHelp } = await import("./help.ts");
      writeOutput(runHelp(command));
      return 0;
    }
    if (has(parsed, "version")) {
      const { version } = await import("../generated/version.ts");
      writeOutput(`sandboxed-run ${version}\n`);
      return 0;
    }
    return await run(parsed, voice);
  } catch (error) {
    voice.fail(error);
    if (words.includes("-v") && !(error instanceof SandboxedError) && error instanceof Error)
      voice.say(error.stack ?? "");
    return exitStatus(error);
  }
}

async function run(parsed: Parsed<RunOption>, voice: Voice): Promise<number> {
  const [program, ...rest] = parsed.rest;
  if (program === undefined) {
    throw new SandboxedError("usage", "no program was named", {
      hint: "for example: sandboxed-run script.py, or sandboxed-run -- npm test; --help shows the options",
    });
  }
  if (program === "") throw new SandboxedError("program_not_found", "the name of the program is empty");
  const asked = await askedFor(parsed);
  const path = lastValue(parsed, "report");
  const report = path === null ? null : openReport(path, asked.cwd);
  try {
    const prepared = prepareRun({
      ...asked,
      program: chooseProgram([program, ...rest], asked.cwd, process.versions.node),
      backend: backendOf(lastValue(parsed, "backend")),
      terminal: terminalOf(lastValue(parsed, "tty")),
      ephemeral: has(parsed, "ephemeral"),
    });
    announce(prepared, asked.config.warnings, parsed, voice);
    if (has(parsed, "dry-run")) {
      const { dryRunText } = await import("./dry-run.ts");
      const { plan, warnings } = prepared.prepared;
      writeOutput(has(parsed, "json") ? `${JSON.stringify({ schemaVersion: 1, plan, warnings })}\n` : dryRunText(plan));
      return 0;
    }
    const outcome = await execute(prepared);
    report?.write(outcome);
    conclude(outcome, prepared, parsed, voice);
    return outcome.status;
  } catch (error) {
    report?.write({ schemaVersion: 1, status: exitStatus(error), error: describe(error) });
    throw error;
  } finally {
    report?.close();
  }
}

/** Before the start. A run without a sandbox is told even when quiet was asked for. */
function announce(
  { prepared }: PreparedRun,
  warnings: readonly string[],
  parsed: Parsed<RunOption>,
  voice: Voice,
): void {
  const { plan, environment } = prepared;
  if (!has(parsed, "quiet") || plan.backend === "none") voice.warn(...warnings, ...prepared.warnings);
  const dropped = environment.dropped.map(({ name }) => name);
  if (has(parsed, "verbose")) voice.say(...planText(plan, dropped));
}

function conclude(outcome: RunOutcome, { prepared }: PreparedRun, parsed: Parsed<RunOption>, voice: Voice): void {
  const places = { cwd: prepared.plan.cwd, home: prepared.facts.account.home };
  if (has(parsed, "json")) voice.report(outcome);
  else if (!has(parsed, "quiet")) voice.say(...outcomeText(outcome, has(parsed, "verbose"), places));
}

function has(parsed: Parsed<RunOption>, id: RunOption): boolean {
  return lastValue(parsed, id) !== null;
}

function indexOfEnd(words: readonly string[]): number {
  const end = words.indexOf("--");
  return end < 0 ? words.length : end;
}

/** The table allows these values alone. */
function backendOf(value: string | null): Backend | null {
  return value === "bwrap" || value === "bwrap-outer-proc" || value === "landlock" ? value : null;
}

function terminalOf(value: string | null): "auto" | "always" | "never" {
  return value === "always" || value === "never" ? value : "auto";
}
