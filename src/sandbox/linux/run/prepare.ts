import { dirname } from "node:path";
import {
  absolutePath,
  compile,
  escapeText,
  placeOf,
  resolve,
  SandboxedError,
  withProtectedPaths,
} from "../../../policy/index.ts";
import type { AbsolutePath, Entry, Layer, Oracle, Places, Policy, ResolvedPolicy } from "../../../policy/index.ts";
import type { HostFacts } from "../../facts.ts";
import { toolFolders } from "../../folders.ts";
import type { Survey } from "../../protection/index.ts";
import type { PrepareRequest } from "../../request.ts";
import {
  assertToolSafe,
  changeableBy,
  makeableBy,
  openDisk,
  otherNames,
  readFacts,
  toolLocations,
  unsafeWorkspace,
} from "../facts/index.ts";
import type { Disk } from "../facts/index.ts";
import { fillStandardStreams } from "../launch/standard-streams.ts";
import { planLaunch } from "../plan/index.ts";
import type { ProgramEnvironment } from "../plan/environment.ts";
import { expandDenyGlobs, writableRoots } from "./deny-globs.ts";
import { builtFolder, doorFolder, ownFolders } from "./files.ts";
import { fingerprint } from "./fingerprint.ts";
import { deniedFiles } from "./hard-links.ts";
import { chooseBackend } from "./ladder.ts";
import type { Known, Launchable } from "./launchable.ts";
import { surveyFor, withoutFreed } from "./survey.ts";
import type { SurveyRequest } from "./survey.ts";

/** A run that could start now, and all that was known when it was decided. */
export interface Prepared extends Launchable, Known {
  readonly environment: ProgramEnvironment;
  /** What the survey was asked, and all it said. */
  readonly surveyed: { readonly asked: SurveyRequest; readonly said: Survey };
}

/**
 * Discover, resolve, plan. Reads the host, writes nothing, starts nothing but the kernel probe.
 * Errors: `workspace_unsafe`, `tool_unsafe`, `backend_missing`, `backend_refused`, `policy_unenforceable`,
 * `program_not_found`, `program_not_executable`, `policy_invalid`.
 */
export function prepare(request: PrepareRequest, disk: Disk = openDisk()): Prepared {
  const { environment } = request;
  // What is opened from here on may stay open until the program starts.
  fillStandardStreams();
  const built = builtFolder();
  const folders = toolFolders(environment);
  const { facts: host, workspace } = readFacts({
    cwd: request.cwd,
    workspaceFrom: request.workspaceFrom ?? request.cwd,
    environment,
    workspace: request.workspace,
    cache: folders.cache,
    init: absolutePath(`${built}/native/sandbox-init`),
    disk,
  });
  const open = request.policy.layers.every(({ profile }) => profile.filesystem.kind !== "restricted");
  const backend = open ? "none" : chooseBackend(request.backend, host.kernel);
  const warnings: string[] = open
    ? [`${request.policy.layers[0]?.profile.name ?? ""}: the program runs without a sandbox`]
    : [];
  const asked = request.workspaceRoots?.map((root) => existing(root, host));
  const found = asked ?? (workspace.unsafe === null ? [workspace.path] : []);
  const named = request.policy.layers[0]?.profile.workspaceRoots ?? [];
  const rooted = named.map((root) => existing(root, host));
  requireSafeRoots([...(asked ?? []), ...rooted], request.policy, host);
  const guarded = ownFolders(folders, host, makeableBy(host.account.uid, disk));
  const places = placesOf(host, [...guarded, ...otherNames(guarded, disk)], [...found, ...rooted]);
  const policy = withScript(request, places);
  requireGranted(policy, host);

  const first = resolve(policy, places);
  const unguarded = compile(first);
  const roots = open ? [] : writableRoots(unguarded);
  assertToolSafe(roots, toolLocations(installation(built), host), changeableBy(host.account.uid, disk));
  const isDirectory = (path: AbsolutePath): boolean => host.look(path).kind === "directory";
  const toSurvey: SurveyRequest = {
    roots: roots.filter(isDirectory),
    tops: namedWithin(roots, first, unguarded).filter(isDirectory),
    protect: first.protect,
    home: host.account.home,
  };
  const surveyed = surveyFor(toSurvey, environment);
  const facts: HostFacts = {
    ...host,
    repositories: surveyed.scan.repositories,
    protectedPaths: surveyed.protection.paths,
    sockets: [...new Set([...host.sockets, ...surveyed.scan.sockets])],
  };
  // A linked work tree commits into the repository it belongs to.
  const metadata = surveyed.roots.filter((root) => !roots.includes(root));
  const shielded =
    metadata.length === 0
      ? withProtectedPaths(first, policy, facts.protectedPaths)
      : resolve(policy, {
          ...places,
          workspaceRoots: [...places.workspaceRoots, ...metadata],
          protectedPaths: facts.protectedPaths,
        });
  const { resolved, oracle } = withMatches(shielded, roots, disk);
  if (!open && asked === undefined && workspace.unsafe !== null) {
    const warning = withoutWorkspace(policy, oracle, host.cwd);
    if (warning !== null) warnings.push(`${workspace.path} ${workspace.unsafe}: ${warning} (-w . grants it)`);
  }
  const { plan, environment: variables } = planLaunch({
    resolved,
    oracle,
    facts,
    program: request.program,
    arguments: request.arguments,
    script: request.script,
    session: request.session.id,
    terminal: request.terminal === "auto" ? "inherit" : request.terminal === "always" ? "own" : "none",
    backend,
    homes: absolutePath(`${folders.cache}/homes`),
    placeholders: surveyed.protection.placeholders,
    list: disk.list,
    made: guarded,
    publish: request.publish ?? [],
    channel: request.channel === true,
    clients: absolutePath(`${dirname(built)}/clients/python`),
    doorFolder: doorFolder(folders),
  });
  if (warnings.length === 0 && plan.cwd !== host.cwd) warnings.push(startsElsewhere(oracle, host.cwd, plan.cwd));
  const survey = withoutFreed(surveyed, plan);
  const known: Known = { oracle, resolved, facts };
  const whole = { ...plan, reductions: [...plan.reductions, ...survey.protection.reductions] };
  return {
    ...known,
    plan: whole,
    fingerprint: () => fingerprint(whole),
    folders,
    publish: request.publish ?? [],
    home: facts.account.home,
    kernel: facts.kernel,
    survey: () => survey,
    surveyed: { asked: toSurvey, said: surveyed },
    environment: variables,
    warnings,
    denied: () => deniedFiles(known),
    known: () => Promise.resolve(known),
  };
}

/** Whoever typed a relative path would look for it in vain. */
function startsElsewhere(oracle: Oracle, cwd: AbsolutePath, folder: AbsolutePath): string {
  const { effect, rule, provenance } = oracle.decide({ op: "list", path: cwd });
  const place = provenance === null ? "" : placeOf(provenance);
  const by = effect === "deny" && rule !== null ? `, by ${rule.text}${place === "" ? "" : ` (${place})`}` : "";
  return `${cwd} is not visible to the program${by}: it starts in ${folder}`;
}

/** What it means that the working directory grants nothing by itself; null where an entry grants it all the same. */
function withoutWorkspace(policy: Policy, oracle: Oracle, cwd: AbsolutePath): string | null {
  const isHost = (op: "read" | "write"): boolean => {
    const { effect, where } = oracle.decide({ op, path: cwd });
    return effect === "allow" && where === "host";
  };
  if (isHost("write")) return null;
  const wouldWrite = policy.layers[0]?.profile.filesystem.entries.some(
    ({ target, access }) => target.kind === "token" && target.token === ":workspace_roots" && access === "write",
  );
  if (isHost("read") && wouldWrite !== true) return null;
  return isHost("read") ? "it can be read, not written" : "running in a private working directory";
}

function existing(path: string, facts: HostFacts): AbsolutePath {
  const real = facts.canonical(absolutePath(path.startsWith("/") ? path : `${facts.cwd}/${path}`));
  if (real !== null && facts.look(real).kind === "directory") return real;
  throw new SandboxedError("workspace_unsafe", `the workspace ${path} is not a directory that can be resolved`);
}

function placesOf(facts: HostFacts, guarded: readonly AbsolutePath[], workspaceRoots: readonly AbsolutePath[]): Places {
  return {
    home: facts.account.home,
    otherHomes: facts.account.otherHomes ?? [],
    cwd: facts.cwd,
    workspaceRoots,
    tmpdir: facts.tmpdir,
    minimal: facts.platform,
    toolchains: facts.toolchains.flatMap(({ roots }) => roots),
    toolState: [...guarded, facts.canonical(systemFolder) ?? systemFolder],
    protectedPaths: [],
    canonical: facts.canonical,
  };
}

/** What a person grants on the command line must be there: a missing path is a slip of the hand. */
function requireGranted(policy: Policy, { account, canonical, look }: HostFacts): void {
  for (const { target, access, text, provenance } of policy.layers.flatMap(
    ({ profile }) => profile.filesystem.entries,
  )) {
    if (provenance.layer !== "flag" || access === "deny" || (target.kind !== "path" && target.kind !== "home"))
      continue;
    const path = target.kind === "path" ? target.path : absolutePath(`${account.home}/${target.subpath}`);
    const real = canonical(path);
    if (real !== null && look(real).kind !== "missing") continue;
    throw new SandboxedError("policy_invalid", `${text}: there is no ${path}`, {
      hint: "make it first; to let the program make it, grant the directory that will hold it",
    });
  }
}

/** The script a person named is readable where its directory grants nothing by itself, as far as nobody bounds that. */
function withScript({ policy, script }: PrepareRequest, { workspaceRoots, cwd }: Places): Policy {
  if (script === null || workspaceRoots.length > 0) return policy;
  const path = absolutePath(script.startsWith("/") ? script : `${cwd}/${script}`);
  const entry: Entry = {
    target: { kind: "path", path },
    access: "read",
    origin: "grant",
    text: script,
    provenance: { layer: "flag", file: null, line: null, column: null, owner: "you" },
  };
  return {
    layers: policy.layers.map((said) => {
      const { layer, profile } = said;
      if (bounding.has(layer)) return said;
      const filesystem = { ...profile.filesystem, entries: [...profile.filesystem.entries, entry] };
      return { ...said, profile: { ...profile, filesystem } };
    }),
  };
}

/** Layers of those who say how far the caller may go. */
const bounding: ReadonlySet<Layer> = new Set(["ceiling", "requirements"]);

/** Under a bound a root counts by name only where the working directory would by itself. Errors: `workspace_unsafe`. */
function requireSafeRoots(roots: readonly AbsolutePath[], policy: Policy, facts: HostFacts): void {
  const bound = policy.layers.find(({ layer }) => bounding.has(layer));
  if (bound === undefined) return;
  for (const root of roots) {
    const why = unsafeWorkspace(root, facts);
    if (why === null) continue;
    const owner = bound.chosenBy?.owner ?? "the administrator";
    throw new SandboxedError("workspace_unsafe", `${escapeText(root)} ${why}: it cannot be named as a workspace`, {
      hint: `${owner} bounds what may be asked for; name a directory below it`,
    });
  }
}

/** Mounts know no patterns: what matches one now is denied path by path. */
function withMatches(
  policy: ResolvedPolicy,
  roots: readonly AbsolutePath[],
  disk: Disk,
): { readonly resolved: ResolvedPolicy; readonly oracle: Oracle } {
  const oracle = compile(policy);
  const matches = expandDenyGlobs(policy, oracle, roots, disk);
  if (matches.length === 0) return { resolved: policy, oracle };
  const resolved = { ...policy, places: { ...policy.places, matches } };
  return { resolved, oracle: compile(resolved) };
}

/** What somebody named of the host inside of those roots, and workspaces there, as far as it may be written. */
function namedWithin(
  roots: readonly AbsolutePath[],
  { layers, places }: ResolvedPolicy,
  oracle: Oracle,
): readonly AbsolutePath[] {
  const entries = layers.flatMap((layer) => layer.entries.filter(({ access }) => access === "write"));
  const named = new Set([...places.workspaceRoots, ...entries.map(({ path }) => path)]);
  for (const root of roots) named.delete(root);
  return [...named].filter((path) => {
    const { effect, where } = oracle.decide({ op: "write", path });
    return effect === "allow" && where === "host";
  });
}

/** The administrator's, see `config`: where root may write to /etc, programs that root starts may not write there. */
const systemFolder = absolutePath("/etc/sandboxed");

function installation(built: string) {
  return {
    packageRoot: absolutePath(dirname(built)),
    natives: absolutePath(`${built}/native`),
    node: absolutePath(process.execPath),
  };
}
