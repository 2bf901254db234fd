import { areOthersOpen, newSessionId, openSession } from "../audit/index.ts";
import type { Unfinished } from "../audit/index.ts";
import { version } from "../generated/version.ts";
import { SandboxedError } from "../policy/index.ts";
import { MOST_ATTEMPTS, recordingManaged, sessionAfter, start, untilItFits, withSummaries } from "../run/index.ts";
import { holdToRequirements } from "../reload/index.ts";
import type { RequirementsChange } from "../reload/index.ts";
import type { RunOutcome, StaleLaunch, StartRequest } from "../sandbox/index.ts";
import type { AskedRun, DecidedRun } from "./decided.ts";
import { exitStatus } from "./exit-status.ts";
import { chooseProgram } from "./interpreter.ts";
import { removeLeftovers } from "./leftovers.ts";
import { outcomeText, planText } from "./outcome-text.ts";
import { lastValue, parseOptions } from "./parse.ts";
import type { Parsed } from "./parse.ts";
import { passingFolders } from "./passing-folders.ts";
import { questionOf, recallRun } from "./recall.ts";
import { openReport } from "./report-file.ts";
import type { ReportFile } from "./report-file.ts";
import { runOptions } from "./run-options.ts";
import type { RunOption } from "./run-options.ts";
import { surroundingsOf } from "./surroundings.ts";
import { describe, voiceOf, writeOutput } from "./voice.ts";
import type { Voice } from "./voice.ts";

/** A run that ended with 0, and what it had no business with was not left alone. */
const TAMPERED = 123;

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
  const here = surroundingsOf(parsed);
  const path = lastValue(parsed, "report");
  const report = path === null ? null : openReport(path, here.cwd);
  const keepsNothing = has(parsed, "ephemeral") && !has(parsed, "dry-run");
  const passing = keepsNothing ? passingFolders(here.environment) : null;
  const surroundings = passing === null ? here : { ...here, environment: passing.environment };
  try {
    const wanted = {
      parsed,
      surroundings,
      program: chooseProgram([program, ...rest], surroundings.cwd, process.versions.node),
      session: newSessionId(),
    };
    const asked: AskedRun = { ...wanted, question: questionOf(wanted) };
    if (has(parsed, "dry-run")) return await showPlan(asked, voice);
    const recalled = recallRun(asked);
    const afresh = async (isFirst: boolean): Promise<DecidedRun> => {
      const decided = await (await import("./decide.ts")).decideRun(asked);
      if (isFirst) announce(decided, parsed, voice);
      return decided;
    };
    let decided = recalled;
    return await untilItFits(MOST_ATTEMPTS + (recalled === null ? 0 : 1), async (stale) => {
      if (decided === null || stale !== null) decided = await afresh(decided === recalled);
      return conclude(await execute(asked, decided, stale, voice), decided, report, parsed, voice);
    });
  } catch (error) {
    const lost = report?.write({ schemaVersion: 1, status: exitStatus(error), error: describe(error) });
    if (lost != null) voice.warn(lost);
    throw error;
  } finally {
    report?.close();
    passing?.remove();
  }
}

/** The plan that a run would have; nothing is started. */
async function showPlan(asked: AskedRun, voice: Voice): Promise<number> {
  const decided = await (await import("./decide.ts")).decideRun(asked);
  announce(decided, asked.parsed, voice);
  const { plan } = decided.launchable;
  const { dryRunText } = await import("./dry-run.ts");
  const json = { schemaVersion: 1, plan, warnings: decided.warnings };
  writeOutput(has(asked.parsed, "json") ? `${JSON.stringify(json)}\n` : dryRunText(plan));
  return 0;
}

/** Errors: `StaleLaunch`, when it is time to decide afresh. `before` is the one that came before. */
async function execute(
  asked: AskedRun,
  { launchable, equipment, events, files, decided, from, tools, remember }: DecidedRun,
  before: StaleLaunch | null,
  voice: Voice,
): Promise<RunOutcome> {
  const request = startRequest(asked);
  let tidying: Tidying | null = null;
  const ending = tools === null ? null : new AbortController();
  const session = recordingManaged(sessionAfter(request.session, before), events);
  try {
    const { channel, ...rest } = equipment ?? {};
    const running = start({ ...rest, ...request, ...(ending && { cancel: ending.signal }), session }, launchable);
    // What the program waits for goes first, and setting the first timer takes a while.
    await Promise.resolve();
    tidying = tidyLater(asked);
    remember();
    void tools?.lost.then((error) => {
      voice.warn(`a required MCP server is lost, so the run is ended: ${error.message}`);
      ending?.abort();
    });
    const tell = ({ effect, message }: RequirementsChange): void => {
      if (effect !== "unchanged") voice.warn(message);
    };
    const held = holdToRequirements({ running, files, decided, from, tell });
    const outcome = await running.outcome.finally(() => held.close());
    await tidying.now();
    return await withSummaries(outcome, channel);
  } catch (error) {
    tidying?.forget();
    throw error;
  } finally {
    equipment?.channel?.close();
  }
}

/** By then nearly every program has started. */
const SETTLED_MS = 50;

interface Tidying {
  readonly now: () => Promise<void>;
  readonly forget: () => void;
}

/** Closes what runs left open that were killed, while the program runs or when it has ended: nobody waits for it. */
function tidyLater({ parsed, surroundings, session }: AskedRun): Tidying {
  const { environment } = surroundings;
  let tidied = has(parsed, "ephemeral");
  const tidy = async (): Promise<void> => {
    if (tidied) return;
    tidied = true;
    if (!areOthersOpen(environment, session)) return;
    try {
      const { recoverSessions } = await import("../audit/recover.ts");
      const unfinished: Unfinished[] = [];
      recoverSessions(environment, (each) => unfinished.push(each));
      await removeLeftovers(unfinished);
    } catch {
      // it is no concern of this run; a later one tries again
    }
  };
  const timer = setTimeout(() => void tidy(), SETTLED_MS).unref();
  const forget = (): void => clearTimeout(timer);
  return {
    forget,
    now: () => {
      forget();
      return tidy();
    },
  };
}

function startRequest({ parsed, surroundings, program, session: id }: AskedRun): StartRequest {
  const { cwd, environment } = surroundings;
  const ephemeral = has(parsed, "ephemeral");
  const argv = [program.program, ...program.arguments];
  return {
    streams: ["inherit", "inherit", "inherit"],
    session: { id, openJournal: () => openSession({ id, ephemeral, argv, cwd, version, environment }).journal },
    explain: true,
    attended: true,
  };
}

/** Before the start. A run without a sandbox is told even when quiet was asked for. */
function announce({ launchable, warnings, dropped }: DecidedRun, parsed: Parsed<RunOption>, voice: Voice): void {
  const { plan } = launchable;
  if (!has(parsed, "quiet") || plan.backend === "none") voice.warn(...warnings);
  if (has(parsed, "verbose")) voice.say(...planText(plan, dropped));
}

/** Returns the status to exit with. */
async function conclude(
  outcome: RunOutcome,
  { launchable }: DecidedRun,
  report: ReportFile | null,
  parsed: Parsed<RunOption>,
  voice: Voice,
): Promise<number> {
  const lost = report?.write(outcome) ?? null;
  const places = { cwd: launchable.plan.cwd, home: launchable.home };
  if (has(parsed, "json")) voice.report(outcome);
  else if (!has(parsed, "quiet")) {
    voice.say(...outcomeText(outcome, has(parsed, "verbose"), places));
    const { summaries = [] } = outcome;
    if (summaries.length > 0) voice.say(...(await import("./summary-text.ts")).summaryText(summaries));
  }
  if (lost === null) return outcome.status;
  // Who reads the report has to learn that it is not there.
  voice.warn(lost);
  return outcome.status === 0 ? TAMPERED : outcome.status;
}

function has(parsed: Parsed<RunOption>, id: RunOption): boolean {
  return lastValue(parsed, id) !== null;
}

function indexOfEnd(words: readonly string[]): number {
  const end = words.indexOf("--");
  return end < 0 ? words.length : end;
}
