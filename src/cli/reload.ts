import { watch } from "chokidar";
import { readConfigFile } from "../config/index.ts";
import { escapeText, SandboxedError } from "../policy/index.ts";
import type { Journal, JournalEvent, ResolvedPolicy } from "../policy/index.ts";
import { planExcess } from "../sandbox/index.ts";
import type { Running } from "../sandbox/index.ts";
import type { AskedRun } from "./decided.ts";
import type { RunTools } from "./mcp/run-tools.ts";
import type { ConfigAnswer } from "./recall.ts";

/** A run under way, and what its requirements were when it was decided. */
export interface LiveRun {
  readonly asked: AskedRun;
  readonly running: Running;
  /** Every file that was read then, and its text. */
  readonly files: readonly ConfigAnswer[];
  readonly journal: () => Journal | null;
  /** Ends the program. */
  readonly end: () => void;
  /** Of its MCP servers, if it has any. */
  readonly tools: Pick<RunTools, "narrow"> | null;
  /** Closes the program's channel, if it has one, and the program goes on. */
  readonly revoke: () => void;
  readonly say: (text: string) => void;
}

/** Whoever saves a file writes it more than once. */
const SETTLING_MS = 50;

type Reloaded = Extract<JournalEvent, { readonly kind: "requirements.reloaded" }>;

/**
 * Holds a run to its requirements while it is on. A change that narrows is put in force: the network at once; a run that
 * has what it could not have been started with any more is ended. What a change allows is for later runs. A file that
 * cannot be used changes nothing, and that is said. `close` when the run is over.
 */
export async function watchRequirements(live: LiveRun): Promise<{ close(): Promise<void> }> {
  const sources = requirementFiles(live.files);
  const watcher = watch([...sources], { ignoreInitial: true });
  let known = JSON.stringify(sources.map((path) => live.files.find(([file]) => file === path)?.[2] ?? null));
  let isOver = false;
  let last: Promise<void> = Promise.resolve();
  let timer: NodeJS.Timeout | null = null;
  const look = async (): Promise<void> => {
    const texts = textsOf(sources);
    if (isOver || texts === known) return;
    known = texts;
    try {
      await apply(live);
    } catch (error) {
      // Nobody knows any more whether the run is within its bounds.
      if (isOver) return;
      live.say(`the requirements changed and cannot be applied, so the run is ended: ${String(error)}`);
      live.end();
    }
  };
  const soon = (): void => {
    if (timer !== null) clearTimeout(timer);
    timer = setTimeout(() => {
      last = last.then(look, look);
    }, SETTLING_MS);
  };
  watcher.on("all", soon);
  await new Promise<void>((resolve) => watcher.once("ready", () => resolve()));
  // What changed between the decision and now.
  soon();
  return {
    async close() {
      isOver = true;
      if (timer !== null) clearTimeout(timer);
      await watcher.close();
      await last;
    },
  };
}

/** The files among those that were read which hold requirements. */
export function requirementFiles(files: readonly ConfigAnswer[]): readonly string[] {
  return files.flatMap(([path, trust, text]) => (isSource(trust) && text !== null ? [path] : []));
}

function isSource(trust: ConfigAnswer[1]): boolean {
  return trust === "administrator" || trust === "given";
}

/** To see that something changed; whether it may be read is found out when it is. */
function textsOf(paths: readonly string[]): string {
  return JSON.stringify(
    paths.map((path) => {
      try {
        return readConfigFile(path, "anyone");
      } catch (error) {
        return error instanceof Error ? [error.message] : null;
      }
    }),
  );
}

async function apply(live: LiveRun): Promise<void> {
  const tell = (effect: Reloaded["effect"], message: string, generation: number | null = null): void => {
    const text = `the requirements changed: ${message}`;
    live.say(text);
    live.journal()?.append({ kind: "requirements.reloaded", effect, message, generation }, "durable");
  };
  try {
    const { decideRun } = await import("./decide.ts");
    const next = await decideRun(live.asked, { texts: [] });
    // By what was read then, on the machine as it is now: no difference but that of the files.
    const before = await decideRun(live.asked, { texts: live.files });
    const excess = planExcess(before.launchable.plan, next.launchable.plan);
    if (excess !== null) {
      tell("ended", `this run could not start any more (${escapeText(excess)}) and is ended`);
      live.end();
      return;
    }
    const disabled = live.tools?.narrow(next.mcpAllowlist) ?? [];
    for (const { error } of disabled) tell("narrowed", error.message);
    const required = disabled.find(({ isRequired }) => isRequired);
    if (required !== undefined) throw required.error;
    const [{ resolved: old }, { resolved: now }] = await Promise.all([
      before.launchable.known(),
      next.launchable.known(),
    ]);
    // What a channel leads to was decided when it was granted, and it leads to more than the program's own files.
    const isGranted = live.asked.parsed.given.some(({ id }) => id === "grant" || id === "grant-file");
    const isRevoked = isGranted && rulesText(old) !== rulesText(now);
    if (isRevoked) live.revoke();
    const door = await live.running.door();
    const generation = door === null ? null : await door.update(together(old, now));
    const revoked = isRevoked ? ", and what it was granted of its session is revoked" : "";
    tell("narrowed", `what they forbid now holds for this run, too${revoked}`, generation);
  } catch (error) {
    if (!(error instanceof SandboxedError)) throw error;
    if (isUnusable(error)) {
      tell("kept", `those of before stay in force, because ${error.message}`);
      return;
    }
    tell("ended", `this run could not start any more and is ended: ${error.message}`);
    live.end();
  }
}

/** Of the files themselves; anything else is what they say. */
function isUnusable({ code }: SandboxedError): boolean {
  return code.startsWith("config_") || (code.startsWith("requirements_") && code !== "requirements_conflict");
}

/** What the rules are, wherever they stand; of the network's also where. */
function rulesText({ layers, networkMode }: ResolvedPolicy): string {
  const rules = layers.map(({ entries, denyGlobs, network }) => [
    entries.map(({ path, access }) => [path, access]),
    denyGlobs.map(({ pattern }) => pattern),
    network,
  ]);
  return JSON.stringify([networkMode, rules]);
}

/** Each layer decides alone, so that both policies hold. */
function together(old: ResolvedPolicy, now: ResolvedPolicy): ResolvedPolicy {
  const modes = ["off", "restricted", "full"] as const;
  const networkMode = modes.find((mode) => mode === old.networkMode || mode === now.networkMode) ?? "off";
  return { ...old, networkMode, layers: [...old.layers, ...now.layers] };
}
