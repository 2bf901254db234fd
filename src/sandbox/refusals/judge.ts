import { isWithin, knownNormal, normalise, parentPath } from "../../policy/index.ts";
import type { AbsolutePath, Decision, Oracle, PathOperation, Query } from "../../policy/index.ts";
import type { Candidate, Intent } from "./candidate.ts";
import type { Errno } from "./phrases.ts";

/** What is known of the machine and the run. */
export interface Scene {
  readonly oracle: Oracle;
  /** The program's working directory. */
  readonly cwd: AbsolutePath;
  readonly home: AbsolutePath;
  /** Is there something at this path on the host? */
  readonly exists: (path: AbsolutePath) => boolean;
  /** The caller's environment, for programs and variables that did not get in. */
  readonly environment: ReadonlyMap<string, string>;
}

export interface Judgement {
  readonly query: Query;
  readonly decision: Decision;
}

/** A host for network errors that name none: the oracle's answer then holds for every host. Reserved, so nobody's. */
export const unnamedHost = "unnamed.invalid";

const anyHost = "name the host that it needs with --allow-domain HOST";

const processes = knownNormal("/proc");

/** What the oracle says of a candidate; null when it allows it, and the cause lies elsewhere. */
export function judge(candidate: Candidate, scene: Scene): Judgement | null {
  switch (candidate.kind) {
    case "path":
      return judgePath(candidate, scene);
    case "command":
      return judgeCommand(candidate.name, scene);
    case "host": {
      const { host, port } = candidate;
      return refused(port === null ? { op: "dns", name: host } : { op: "connect", host, port }, scene);
    }
    case "network": {
      const judgement = refused({ op: "connect", host: unnamedHost, port: 443 }, scene);
      // An option for a host that is not there helps nobody; what it looks like does, and that it is up to somebody else.
      const isOption = (judgement?.decision.suggestion?.argv.length ?? 0) > 0;
      return judgement && isOption
        ? { ...judgement, decision: { ...judgement.decision, suggestion: { argv: [], config: anyHost } } }
        : judgement;
    }
    case "variable":
      return scene.environment.has(candidate.name) ? refused({ op: "env", name: candidate.name }, scene) : null;
  }
}

function judgePath(candidate: Extract<Candidate, { kind: "path" }>, scene: Scene): Judgement | null {
  const path = absoluteOf(candidate.text, scene);
  if (path === null || path === "/") return null;
  const present = scene.exists(path);
  if (candidate.onlyExisting && !present) return null;
  const { intent, errno } = candidate;
  if (intent === "socket") return present ? refused({ op: "connect_unix", path }, scene) : null;
  if (errno === "ENOENT") return judgeMissing(path, intent, present, scene);
  // Refused below a directory that is not there: the program was in another directory than the one it started in.
  if (!present && !/^[/~]/.test(candidate.text) && !scene.exists(parentPath(path))) return null;
  // Whose process may be looked into is the kernel's to say, and most of it cannot be written anyway.
  const likely =
    isWithin(path, processes) && intent === "unknown" ? ["read" as const] : operations(errno, intent, present);
  for (const op of likely) {
    const judgement = refused({ op, path }, scene);
    if (judgement !== null) return judgement;
  }
  return null;
}

/**
 * The program found nothing. That is the sandbox's doing when the host has something there, or, for a new file, has the
 * directory. Otherwise the file is missing for everybody.
 */
function judgeMissing(path: AbsolutePath, intent: Intent, present: boolean, scene: Scene): Judgement | null {
  if (present) {
    const op = intent === "exec" ? "exec" : intent === "list" ? "list" : "read";
    return refused({ op, path }, scene) ?? hidden({ op, path }, scene);
  }
  const parent = parentPath(path);
  const isNew = intent === "create" || intent === "write" || intent === "rename";
  // Reading a missing file and making one print the same words; a directory that is no secret settles it.
  if (parent === "/" || parent === scene.cwd || parent === scene.home || !scene.exists(parent)) return null;
  if (isNew) return refused({ op: "create", path }, scene) ?? hidden({ op: "create", path }, scene);
  if (intent !== "unknown" || scene.oracle.decide({ op: "list", path: parent }).effect === "allow") return null;
  return refused({ op: "read", path }, scene);
}

/** In which order to ask, most likely first. */
function operations(errno: Errno, intent: Intent, present: boolean): readonly PathOperation[] {
  const change: PathOperation = present ? "write" : "create";
  if (errno === "EBUSY" || errno === "EXDEV") return ["move", change];
  if (errno === "EROFS") return intent === "rename" || intent === "remove" ? ["move", change] : [change];
  switch (intent) {
    case "rename":
    case "remove":
      return ["move", change];
    case "create":
    case "write":
      return [change];
    case "exec":
      return ["exec"];
    case "list":
      return ["list"];
    case "read":
      return ["read"];
    case "socket":
      return [];
    case "unknown":
      return ["read", change];
  }
}

/** A name that no directory of PATH has, inside; outside one may. */
function judgeCommand(name: string, scene: Scene): Judgement | null {
  for (const folder of (scene.environment.get("PATH") ?? "").split(":", 64)) {
    const path = folder.startsWith("/") ? normalise(`${folder}/${name}`) : null;
    if (path === null || !scene.exists(path)) continue;
    return refused({ op: "exec", path }, scene) ?? hidden({ op: "exec", path }, scene);
  }
  return null;
}

function refused(query: Query, { oracle }: Scene): Judgement | null {
  const decision = oracle.decide(query);
  return decision.effect === "allow" ? null : { query, decision };
}

/** Allowed, but what the program meets there is not what the host has: with what would show the host's. */
function hidden(
  query: { readonly op: PathOperation; readonly path: AbsolutePath },
  { oracle }: Scene,
): Judgement | null {
  const decision = oracle.decide(query);
  if (decision.where === "host") return null;
  return { query, decision: { ...decision, suggestion: decision.suggestion ?? oracle.suggest(query.op, query.path) } };
}

function absoluteOf(text: string, { cwd, home }: Scene): AbsolutePath | null {
  if (text.length > 4096) return null;
  if (text.startsWith("/")) return normalise(text);
  if (text === "~" || text.startsWith("~/")) return normalise(`${home}${text.slice(1)}`);
  return normalise(`${cwd}/${text}`);
}
