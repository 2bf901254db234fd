import { escapeText, isWithin, knownNormal, parentPath, SandboxedError } from "../../../policy/index.ts";
import type { AbsolutePath, MaterialisedEntry, Oracle, ResolvedPolicy } from "../../../policy/index.ts";
import type { HostFacts } from "../../facts.ts";
import type { Backend, Expectation, LaunchPlan, Reduction } from "../../plan.ts";
import type { Publication } from "../../request.ts";
import { programEnvironment, programPath } from "./environment.ts";
import type { ProgramEnvironment } from "./environment.ts";
import { withClient, withClientVariables } from "./client.ts";
import { planDoor, withDoorFiles } from "./door.ts";
import { planLandlock } from "./landlock.ts";
import type { LandlockRequest } from "./landlock.ts";
import { planMounts } from "./mounts.ts";
import type { GrantedSocket, MountTree } from "./mounts.ts";
import { findProgram, requireShown } from "./program.ts";
import type { ProgramSearch } from "./program.ts";
import { privateHomeFor } from "./private-home.ts";
import { reductions } from "./reductions.ts";

export { bwrapArguments } from "./bwrap.ts";
export { guardInstructions, initInstructions } from "./instructions.ts";

/** What is asked for, besides what the policy allows. */
export interface PlanRequest {
  readonly resolved: ResolvedPolicy;
  /** Compiled from `resolved`. */
  readonly oracle: Oracle;
  readonly facts: HostFacts;
  readonly program: string;
  /** Without the program's own name. */
  readonly arguments: readonly string[];
  /** A script that the program is to interpret, as named; null for a program that is its own. */
  readonly script: string | null;
  readonly session: string;
  readonly terminal: LaunchPlan["terminal"];
  readonly backend: Backend;
  /** Where private homes are kept. */
  readonly homes: AbsolutePath;
  /** Directories to be made on the host for protected names that do not exist. */
  readonly placeholders: readonly AbsolutePath[];
  /** Directories of the tool's own that the launch makes where they do not exist. */
  readonly made: readonly AbsolutePath[];
  /** What a directory holds, for a backend that must name it all. */
  readonly list: LandlockRequest["list"];
  readonly publish: readonly Publication[];
  readonly channel: boolean;
  /** Where the clients of a channel lie on the host. */
  readonly clients: AbsolutePath;
  /** Where the door's own files lie on the host. */
  readonly doorFolder: AbsolutePath;
}

export interface PlannedLaunch {
  readonly plan: LaunchPlan;
  readonly environment: ProgramEnvironment;
}

/**
 * From a resolved policy and facts to a plan: pure, so the same on every machine.
 * Errors: `program_not_found`, `program_not_executable`, `policy_unenforceable`.
 */
export function planLaunch(request: PlanRequest): PlannedLaunch {
  const { resolved, oracle, facts, backend } = request;
  requireNetworkHeld(resolved);
  const steps = oracle.materialise();
  const unheld = absentPaths(steps, facts);
  const made = request.made.filter((path) => unheld.includes(path));
  const absent = unheld.filter((path) => !made.includes(path));
  const home = privateHomeFor(request.homes, resolved.places, steps);
  const door = planDoor(resolved, {
    published: request.publish,
    channel: request.channel,
    backend,
    trust: knownNormal(`${request.doorFolder}/trust-${request.session}.pem`),
  });
  const allowsSocket = (path: AbsolutePath): boolean => oracle.decide({ op: "connect_unix", path }).effect === "allow";
  const granted = grantedSockets(resolved, facts).filter(({ path }) => allowsSocket(path));
  const alone =
    backend === "landlock"
      ? planLandlock({
          steps,
          facts,
          list: request.list,
          placeholders: request.placeholders,
          made,
          grantedSockets: granted.map(({ path }) => path),
          sharesNetwork: resolved.networkMode === "full",
        })
      : null;
  const mountTree = (): MountTree =>
    planMounts({
      steps,
      facts,
      limits: resolved.limits,
      privateHome: home.folder,
      outerProc: backend === "bwrap-outer-proc",
      placeholders: new Set([...request.placeholders, ...made]),
      maskedSockets: facts.sockets.filter((path) => !allowsSocket(path)),
      grantedSockets: granted,
    });
  const tree: MountTree = alone === null ? mountTree() : { ...alone, mounts: [], expectations: [], homePoints: [] };
  const withDoor = door === null ? tree : withDoorFiles(tree, door, request.doorFolder, facts);
  const shown = request.channel ? withClient(withDoor, request.clients) : withDoor;
  const plain = programEnvironment(resolved, facts, request.session, door);
  const environment = request.channel ? withClientVariables(plain, shown, request.clients) : plain;
  const cwd = startFolder(oracle, resolved, facts);
  const search: ProgramSearch = {
    facts,
    oracle,
    cwd: resolved.places.cwd,
    directories: programPath(facts.environment.get("PATH"), facts),
    behind: home.behind,
  };
  const program = findProgram(request.program, search);
  if (request.script !== null) requireShown(request.script, search);
  const { uid, gid } = programIds(facts, resolved);
  const restricted = backend !== "none";
  const heldReadOnly = tree.mounts.flatMap((step) => (step.do === "bind" && step.access === "read" ? [step.to] : []));
  const writable = steps.filter((step) => step.access === "write" && step.where === "host");
  // Empty directories that this run or another one makes to hold a name, and takes away.
  const passing = new Set(facts.protectedPaths.flatMap(({ kind, path }) => (kind === "missing" ? [path] : [])));
  const rebind = heldReadOnly
    .filter((path) => writable.some((step) => isWithin(path, step.path)) && !passing.has(path))
    .slice(0, MOST_REBINDS);
  const plan: LaunchPlan = {
    backend,
    profile: resolved.profile,
    program,
    argv: [request.program, ...request.arguments],
    cwd,
    environment: environment.variables,
    network: resolved.networkMode,
    door,
    mounts: shown.mounts,
    expectations: shown.expectations.map((expectation) => settled(expectation)),
    ids: { uid, gid },
    fullIdRange: facts.account.uid === 0,
    limits: { ...resolved.limits, memory: memoryLimit(resolved, facts) },
    pidMax:
      alone === null && facts.kernel.pidMaxPerNamespace ? Math.max(SMALLEST_PID_MAX, resolved.limits.processes) : null,
    landlock: restricted && facts.kernel.landlockAbi > 0,
    writable: tree.writable,
    readable: alone?.readable ?? [],
    privateHome:
      alone === null && (tree.homePoints.length > 0 || home.used)
        ? { folder: home.folder, points: tree.homePoints }
        : null,
    rebind,
    remask: tree.mounts.flatMap((step) => (step.do === "mask" ? [step.to] : [])).slice(0, MOST_REBINDS - rebind.length),
    missing: [...new Set([...absentNames(facts, oracle), ...absent])],
    made,
    placeholders: request.placeholders,
    reductions: [
      ...reductions(resolved, facts, { absent: absent.length > 0, door: door !== null && door.dns }),
      ...(alone?.reductions ?? []),
    ],
    terminal: request.terminal,
  };
  return { plan, environment };
}

/** With the host's network nothing stands between the program and a denied host. Errors: `policy_unenforceable`. */
function requireNetworkHeld({ networkMode, layers }: ResolvedPolicy): void {
  if (networkMode !== "full") return;
  const unheld = layers.flatMap(({ network }) => [
    ...network.domains.flatMap(({ access, pattern, provenance }) =>
      access === "deny" ? [{ rule: `"${pattern}" = "deny"`, provenance }] : [],
    ),
    ...network.http.map(({ pattern, provenance }) => ({ rule: `http."${pattern}"`, provenance })),
    ...network.credentials.map(({ name, provenance }) => ({ rule: `credentials.${name}`, provenance })),
  ]);
  for (const { rule, provenance } of unheld) {
    const place = provenance.file === null ? "" : ` (${provenance.file}:${provenance.line ?? "?"})`;
    throw new SandboxedError("policy_unenforceable", `${rule}${place} cannot be held while the network is full`, {
      hint:
        provenance.layer === "requirements"
          ? `use mode = "restricted" and name what is needed; the rule is up to ${escapeText(provenance.owner)}`
          : 'use mode = "restricted", or take the rule away',
    });
  }
}

/** Protected names that do not exist, unless somebody gave them free. */
function absentNames({ protectedPaths }: HostFacts, oracle: Oracle): readonly AbsolutePath[] {
  const isHeld = (path: AbsolutePath): boolean => oracle.decide({ op: "create", path }).effect === "deny";
  return protectedPaths.flatMap(({ kind, path }) => (kind === "missing" && isHeld(path) ? [path] : []));
}

/**
 * What is refused in a place that can be written, and does not exist: no mount can cover it. What the program makes of
 * it is moved aside when it has ended.
 */
function absentPaths(steps: readonly MaterialisedEntry[], { look }: HostFacts): readonly AbsolutePath[] {
  const byPath = new Map(steps.map((step) => [step.path, step]));
  const above = (path: AbsolutePath): MaterialisedEntry | undefined => {
    for (let at = path; at !== "/";) {
      at = parentPath(at);
      const step = byPath.get(at);
      if (step !== undefined) return step;
    }
    return undefined;
  };
  const isInWritable = (path: AbsolutePath): boolean => {
    const step = above(path);
    return step?.access === "write" && step.where === "host";
  };
  return steps.flatMap(({ path, access }) =>
    access !== "write" && isInWritable(path) && look(path).kind === "missing" ? [path] : [],
  );
}

/** Sockets that a rule names one by one and that stand where they are said to. */
function grantedSockets({ layers }: ResolvedPolicy, { canonical, look }: HostFacts): readonly GrantedSocket[] {
  const named = layers.flatMap(({ network }) =>
    network.unixSockets.filter(({ access, path }) => access === "allow" && !path.endsWith("/**")),
  );
  const found = new Map<AbsolutePath, Set<AbsolutePath>>();
  for (const spelled of named.map(({ path }) => knownNormal(path))) {
    const path = canonical(spelled);
    if (path !== null && look(path).kind === "socket") found.set(path, (found.get(path) ?? new Set()).add(spelled));
  }
  return [...found].map(([path, spellings]) => ({ path, spellings: [...spellings].filter((each) => each !== path) }));
}

/** As many as PID 1 has room for. */
const MOST_REBINDS = 1024;

/** The kernel refuses a smaller `kernel.pid_max` than this. */
const SMALLEST_PID_MAX = 301;
const AUTOMATIC_MEMORY_SHARE = 0.75;

function memoryLimit(resolved: ResolvedPolicy, facts: HostFacts): number | null {
  const { memory } = resolved.limits;
  return memory === "auto" ? Math.floor(facts.memoryBytes * AUTOMATIC_MEMORY_SHARE) : memory;
}

/**
 * An ordinary user's program keeps the user's ids. Root's runs as whoever owns the workspace, so that it neither
 * fails in somebody's checkout nor reads what only root may.
 */
function programIds(facts: HostFacts, resolved: ResolvedPolicy): { readonly uid: number; readonly gid: number } {
  const [root] = resolved.places.workspaceRoots;
  if (facts.account.uid !== 0 || root === undefined) return facts.account;
  return facts.look(root);
}

/** The working directory where it is visible inside, else the private home: the person's own folder stays shut. */
function startFolder(oracle: Oracle, resolved: ResolvedPolicy, facts: HostFacts): AbsolutePath {
  const { cwd, home } = resolved.places;
  const decision = oracle.decide({ op: "list", path: cwd });
  if (decision.effect === "allow" && (decision.where === "host" || cwd === home)) return cwd;
  if (oracle.decide({ op: "list", path: home }).effect === "allow") return home;
  const { effect, suggestion } = decision;
  const forbidden = effect === "deny" && suggestion?.argv.length === 0 ? suggestion.config : null;
  throw new SandboxedError("workspace_unsafe", `${cwd} is not visible in the sandbox and the profile has no home`, {
    hint: `${forbidden ?? `grant it with --read ${cwd}`}, or start elsewhere with --cd DIR (user ${facts.account.name})`,
  });
}

/** Directories inside the tree that a launch makes itself have no inode to compare. */
function settled(expectation: Expectation): Expectation {
  return expectation.access === "masked" ? { ...expectation, identity: null } : expectation;
}

export type { Reduction };
