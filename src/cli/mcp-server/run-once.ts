import { openSession } from "../../audit/index.ts";
import { version } from "../../generated/version.ts";
import { MOST_ATTEMPTS, recordingManaged, sessionAfter, start, streamsOf, untilItFits } from "../../run/index.ts";
import type { OnOutput, RunReport, RunRequest } from "../../mcp-server/index.ts";
import { holdToRequirements } from "../../reload/index.ts";
import type { StaleLaunch } from "../../sandbox/index.ts";
import { decideRun } from "../decide.ts";
import type { AskedRun } from "../decided.ts";
import { outcomeText } from "../outcome-text.ts";
import { Captured } from "./captured.ts";

/** One run, decided as on the command line and held to its requirements while it is on. Errors: those of `decideRun` and `start`. */
export function runOnce(
  asked: AskedRun,
  request: RunRequest,
  onOutput: OnOutput,
  signal: AbortSignal,
): Promise<RunReport> {
  return untilItFits(MOST_ATTEMPTS, (stale) => attempt(asked, request, onOutput, signal, stale));
}

async function attempt(
  asked: AskedRun,
  { input, timeout }: RunRequest,
  onOutput: OnOutput,
  signal: AbortSignal,
  stale: StaleLaunch | null,
): Promise<RunReport> {
  const { session: id, program, surroundings } = asked;
  const { environment } = surroundings;
  const cwd = asked.directory ?? surroundings.cwd;
  const { launchable, equipment, events, warnings, tools, ...decided } = await decideRun(asked);
  const { channel, ...rest } = equipment ?? {};
  const argv = [program.program, ...program.arguments];
  const opened = {
    id,
    openJournal: () => openSession({ id, ephemeral: false, argv, cwd, version, environment }).journal,
  };
  const session = recordingManaged(sessionAfter(opened, stale), events);
  const late = new AbortController();
  const ended = new AbortController();
  const running = start(
    {
      ...rest,
      streams: ["pipe", "pipe", "pipe"],
      session,
      explain: true,
      attended: false,
      cancel: AbortSignal.any([signal, late.signal, ended.signal]),
    },
    launchable,
  );
  running.outcome.catch(() => {}); // awaited below, once its streams were read
  const notices: string[] = [];
  void tools?.lost.then((error) => {
    notices.push(`a required MCP server is lost, so the run is ended: ${error.message}`);
    ended.abort();
  });
  const held = holdToRequirements({
    ...decided,
    running,
    tell: ({ effect, message }) => {
      if (effect !== "unchanged") notices.push(message);
    },
  });
  const timer = timeout === null ? undefined : setTimeout(() => late.abort(), timeout);
  const captured = new Captured(onOutput);
  try {
    const streams = await streamsOf(running);
    streams?.stdin?.on("error", () => {}); // a program need not read its input
    streams?.stdin?.end(input);
    const [outcome] = await Promise.all([running.outcome, streams === null ? null : captured.read(streams)]);
    const places = { cwd: launchable.plan.cwd, home: launchable.home };
    return {
      status: outcome.status,
      signal: outcome.signal,
      timedOut: late.signal.aborted,
      stdout: captured.text("stdout"),
      stderr: captured.text("stderr"),
      truncated: captured.truncated,
      session: id,
      profile: outcome.profile,
      notes: [...warnings, ...notices, ...outcomeText(outcome, false, places)],
    };
  } finally {
    clearTimeout(timer);
    await held.close();
    channel?.close();
  }
}
