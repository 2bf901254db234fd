import { openSession } from "../audit/index.ts";
import type { Config } from "../config/index.ts";
import { checkPrepared } from "../gate/index.ts";
import type { GatedConfig } from "../gate/index.ts";
import { escapeText, provenanceText, SandboxedError } from "../policy/index.ts";
import type { Oracle } from "../policy/index.ts";
import { keep, notingDisk, prepare, shownPlaces } from "../sandbox/index.ts";
import type { Backend, PrepareRequest, RunSession } from "../sandbox/index.ts";
import { answersOf, latestOf, LiveTerms, noting, replaying, termsOf } from "../reload/index.ts";
import type { DecidedFrom, FileAnswer, Part } from "../reload/index.ts";
import { equip, managedEvents, reportingDoor } from "../run/index.ts";
import { version } from "../generated/version.ts";
import type { Spawning } from "../run/index.ts";
import { cancelledOptions } from "./cancelled.ts";
import type { AskedRun, DecidedRun } from "./decided.ts";
import { lastValue } from "./parse.ts";
import type { Parsed } from "./parse.ts";
import type { RunTools } from "./mcp/run-tools.ts";
import { askedFor, flagsOf } from "./policy-flags.ts";
import type { Asked } from "./policy-flags.ts";
import { readPublication } from "./publication.ts";
import { voiceOf } from "./voice.ts";
import { accountName, rememberRun } from "./recall.ts";

/** Decides a run from its configuration and the host. Errors: those of `loadGated` and `prepare`, `usage`. */
export async function decideRun(asked: AskedRun): Promise<DecidedRun> {
  const { parsed, surroundings, session } = asked;
  const files: FileAnswer[] = [];
  const decided = Date.now();
  const read = noting(files);
  const { config } = await askedFor(parsed, surroundings, { read });
  const allDomains = config.policy.layers.flatMap(({ profile }) => profile.network.domains);
  if (allDomains.some(({ pattern }) => pattern.startsWith("*"))) {
    await (await import("../network/index.ts")).refuseBroadPatterns(allDomains);
  }
  const ephemeral = lastValue(parsed, "ephemeral") !== null;
  checkOptions(config, backendIn(parsed), ephemeral);
  const grants = await askedGrants(asked);
  const disk = notingDisk();
  const request = requestOf(asked, config, grants !== null);
  const prepared = prepare({ ...request, policy: config.policy }, disk.disk);
  const cancelled = cancelledOptions(config.policy, flagsOf(parsed), surroundings.home, prepared.oracle);
  if (config.tests.length + config.requirements.tests.length > 0) {
    const { refuseFailedTests } = await import("../gate/policy-tests.ts");
    const requirementsFile = lastValue(parsed, "requirements");
    await refuseFailedTests(config, { ...surroundings, read, requirementsFile }, prepared);
  }
  const cut = checkPrepared(config.policy, prepared);
  const warnings = [...config.warnings, ...cut, ...cancelled, ...prepared.warnings];
  grants?.refuseOwn(prepared.oracle);
  const voice = voiceOf("sandboxed-run", lastValue(parsed, "json") !== null);
  const isReal = !isDry(parsed);
  const live = new LiveTerms(termsOf(config));
  const tools = isReal ? await toolsOf({ ...surroundings, config }, asked, grants?.capabilities ?? [], live) : null;
  if (tools !== null) await live.join(partOf(tools));
  const wanted = {
    grants: grants?.capabilities ?? [],
    ...(tools !== null && { tools: [tools.registry], onClose: () => tools.close() }),
    ephemeral,
    atTerminal: ({ id, text }: { readonly id: string; readonly text: string }) => {
      // Of a run that keeps nothing there is nothing for a reply to find.
      if (ephemeral) return;
      voice.say(`waits for an answer: ${escapeText(text)}`, `  sandboxed session reply ${session} ${id} yes`);
    },
  };
  const events = managedEvents(config.managed, prepared);
  const spawning: Spawning = {
    request,
    live,
    openSession: (opening) => openAgent(asked, opening),
  };
  const { launchable, ...equipment } = await equip(prepared, isReal ? wanted : null, session, spawning);
  return {
    launchable,
    equipment: { ...equipment, serveDoor: reportingDoor(equipment.serveDoor, config.managed) },
    warnings,
    events,
    files: latestOf(files),
    decided,
    from: () => Promise.resolve(fromOf(asked, request, live)),
    tools,
    dropped: prepared.environment.dropped.map(({ name }) => name),
    remember: () => {
      const isKept = warnings.length === 0 && canBeAskedAgain(config);
      const answers = isKept ? disk.answers(shownPlaces(prepared.plan)) : null;
      const launch = answers === null ? null : keep(prepared, answers);
      if (launch === null) return;
      const time = { decided, until: config.requirements.validUntil };
      const account = config.managed.exceptions.length > 0 ? accountName() : null;
      rememberRun(asked, { files: latestOf(files), time, events, account, launch });
    },
  };
}

/** What a run was decided from that was recalled: by what files said at the time. Errors: as `decideRun`. */
export async function recalledFrom(
  asked: AskedRun,
  files: readonly FileAnswer[],
  decided: number,
): Promise<DecidedFrom> {
  const read = replaying(answersOf(files));
  const { config } = await askedFor(asked.parsed, asked.surroundings, {
    read,
    asking: { now: decided, renew: "never" },
  });
  return fromOf(asked, requestOf(asked, config, false), new LiveTerms(termsOf(config)));
}

function fromOf(asked: AskedRun, request: Omit<PrepareRequest, "policy">, terms: LiveTerms): DecidedFrom {
  const { parsed, surroundings } = asked;
  return {
    terms,
    request,
    decide: async (how) => {
      const { config } = await askedFor(parsed, surroundings, how);
      checkOptions(config, backendIn(parsed), lastValue(parsed, "ephemeral") !== null);
      return termsOf(config);
    },
  };
}

function requestOf(
  { parsed, surroundings, directory, program, session }: AskedRun,
  { profile }: Config,
  channel: boolean,
): Omit<PrepareRequest, "policy"> {
  return {
    cwd: directory ?? surroundings.cwd,
    workspaceFrom: surroundings.cwd,
    environment: surroundings.environment,
    workspaceRoots: null,
    workspace: profile.workspace,
    backend: backendIn(parsed),
    program: program.program,
    arguments: program.arguments,
    script: program.script,
    terminal: terminalOf(lastValue(parsed, "tty")),
    session: { id: session },
    channel,
    publish: parsed.given.filter(({ id }) => id === "publish").map(({ value }) => readPublication(value)),
  };
}

/** What is read as a file is asked again before a launch is recalled. Rules on trial are asked while the program runs. */
function canBeAskedAgain({ requirements: { sources }, managed: { reported } }: GatedConfig): boolean {
  return reported.length === 0 && sources.every(({ kind }) => kind !== "macos" && kind !== "windows");
}

/** Null where nothing was granted: then nothing is loaded for it. */
async function askedGrants({ parsed, surroundings }: AskedRun) {
  if (!parsed.given.some(({ id }) => id === "grant" || id === "grant-file")) return null;
  const { grantsOf, refuseOwnGrants } = await import("./grants.ts");
  const grants = await grantsOf(parsed, surroundings.cwd);
  if (grants.capabilities.length === 0) return null;
  return { ...grants, refuseOwn: (oracle: Oracle) => refuseOwnGrants(grants, oracle) };
}

/** Of MCP servers, where there are some and tools were granted: else nothing is loaded for it. */
async function toolsOf(
  asked: Asked,
  run: AskedRun,
  grants: readonly string[],
  live: LiveTerms,
): Promise<RunTools | null> {
  if (asked.config.mcpServers.size === 0 || !grants.some((grant) => /^tools(?:[=:]|$)/.test(grant))) return null;
  const ephemeral = lastValue(run.parsed, "ephemeral") !== null;
  return (await import("./mcp/run-tools.ts")).toolsForRun(asked, grants, { id: run.session, ephemeral, live });
}

/** MCP servers, held to what becomes of the organisation's lists. */
function partOf(tools: RunTools): Part {
  return {
    narrow({ requirements }) {
      const disabled = requirements.flatMap(({ mcpAllowlist }) => tools.narrow(mcpAllowlist));
      const required = disabled.find(({ isRequired }) => isRequired);
      return required === undefined
        ? Promise.resolve(disabled.map(({ error }) => error.message))
        : Promise.reject(required.error);
    },
  };
}

/** As the run's own: a session, or none that is kept. */
function openAgent(
  { parsed, surroundings: { cwd, environment } }: AskedRun,
  opening: Parameters<Spawning["openSession"]>[0],
): RunSession {
  const ephemeral = lastValue(parsed, "ephemeral") !== null;
  return {
    id: opening.id,
    openJournal: () => openSession({ ...opening, ephemeral, cwd, version, environment }).journal,
  };
}

/** Then there is nobody who could use a token. */
function isDry(parsed: Parsed<string>): boolean {
  return lastValue(parsed, "dry-run") !== null;
}

function checkOptions({ audit, features, origins }: Config, backend: Backend | null, ephemeral: boolean): void {
  if (ephemeral && audit === "required") {
    const place = origins.get("audit");
    const says = place === undefined ? "the configuration" : provenanceText(place);
    throw new SandboxedError("usage", `--ephemeral is refused: audit = "required" (${says})`, {
      hint: "leave --ephemeral out",
    });
  }
  if (backend === "landlock" && !features.use_legacy_landlock) {
    const place = origins.get("features.use_legacy_landlock");
    const says = place === undefined ? "" : ` (it is off: ${provenanceText(place)})`;
    throw new SandboxedError("usage", `--backend landlock has to be enabled: it holds less than the others${says}`, {
      hint: place?.layer === "requirements" ? "this is up to the administrator" : "add --enable use_legacy_landlock",
    });
  }
}

/** The table allows these values alone. */
function backendIn(parsed: Parsed<string>): Backend | null {
  const value = lastValue(parsed, "backend");
  return value === "bwrap" || value === "bwrap-outer-proc" || value === "landlock" ? value : null;
}

function terminalOf(value: string | null): "auto" | "always" | "never" {
  return value === "always" || value === "never" ? value : "auto";
}
