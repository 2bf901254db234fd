import { isWithin, knownNormal, SandboxedError } from "../../../policy/index.ts";
import type { AbsolutePath, MaterialisedEntry, Token } from "../../../policy/index.ts";
import type { HostFacts, PathKind } from "../../facts.ts";
import type { Reduction } from "../../plan.ts";

export interface LandlockRequest {
  readonly steps: readonly MaterialisedEntry[];
  readonly facts: HostFacts;
  /** What a directory of the host holds, by name; empty when it cannot be read. */
  readonly list: (path: AbsolutePath) => ReadonlyMap<string, PathKind>;
  /** Names that would have to be held before they exist. */
  readonly placeholders: readonly AbsolutePath[];
  /** The tool's own folders that do not exist yet where the program could make them. */
  readonly made: readonly AbsolutePath[];
  readonly grantedSockets: readonly AbsolutePath[];
  readonly sharesNetwork: boolean;
}

/** Trees the program may read and execute, and trees it may do everything in. */
export interface LandlockAccess {
  readonly readable: readonly AbsolutePath[];
  readonly writable: readonly AbsolutePath[];
  readonly reductions: readonly Reduction[];
}

/**
 * Says a policy in Landlock's words, which only ever add: a granted directory is granted to its last file, on the host
 * as it is. To leave something out of what may be read, the directories above it are not granted, but what they hold now,
 * name by name. A directory that may be written can leave nothing out: new files in it need its own right.
 * Errors: `policy_unenforceable`, naming the rule.
 */
export function planLandlock(request: LandlockRequest): LandlockAccess {
  const { steps, facts, list } = request;
  requireKernel(request);
  refuseFirst(request.grantedSockets, "cannot let single sockets through");
  refuseFirst(request.placeholders, 'cannot hold a name before it exists, as protect.missing = "strict" asks');
  refuseFirst(request.made, "cannot keep the program from making the tool's own folder");
  const there = steps.filter((step) => isThere(step, facts));
  for (const step of there)
    if (step.where === "private" && isAsked(step))
      throw refusal(step, `it has no private places, and ${step.path} would be one`);
  const writable = there.filter((step) => step.access === "write" && step.where === "host");
  for (const step of there) {
    if (step.access === "write" && step.where === "host") continue;
    const above = writable.find(({ path }) => path !== step.path && isWithin(step.path, path));
    if (above !== undefined) throw refusal(step, `${step.path} lies in ${above.path}, which may be written as a whole`);
  }
  const tree = new ReadableTree(there, list);
  for (const step of there) if (step.access === "read" && step.where === "host") tree.grant(step.path);
  const devices = DEVICES.map((path) => knownNormal(path)).filter((path) => facts.look(path).kind === "device");
  return {
    readable: [...tree.granted, knownNormal("/proc")],
    writable: [...writable.map(({ path }) => path), ...devices],
    reductions: [
      ...reductions,
      ...(tree.isPartial ? [partial] : []),
      ...(there.some(({ where }) => where === "private") ? [noTemporary] : []),
    ],
  };
}

/** What programs cannot do without; a terminal they have is open already. */
const DEVICES = ["/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom", "/dev/tty"];

/** Renames between directories, and TCP. */
const ABI_REFER = 2;
const ABI_TCP = 4;

function requireKernel({ facts, sharesNetwork }: LandlockRequest): void {
  const needed = sharesNetwork ? ABI_REFER : ABI_TCP;
  if (facts.kernel.landlockAbi >= needed) return;
  throw new SandboxedError(
    "policy_unenforceable",
    `--backend landlock needs version ${needed} of Landlock, this kernel has ${facts.kernel.landlockAbi}`,
    { hint: sharesNetwork ? "use a newer kernel" : 'use Linux 6.7 or later; network.mode = "full" needs 5.19' },
  );
}

/** Whether it has a place on the host that Landlock could speak of. Devices and processes are for the launch. */
function isThere({ path }: MaterialisedEntry, { look }: HostFacts): boolean {
  if (isSystem(path)) return false;
  const { kind } = look(path);
  return kind !== "missing" && kind !== "symlink";
}

function isSystem(path: AbsolutePath): boolean {
  return isWithin(path, knownNormal("/dev")) || isWithin(path, knownNormal("/proc"));
}

/** Private temporary directories are made by every other backend, whether anybody asks for them or not. */
function isAsked({ entry }: MaterialisedEntry): boolean {
  return entry !== null && entry.target.kind === "token" && privateTokens.has(entry.target.token);
}

const privateTokens: ReadonlySet<Token> = new Set<Token>([":home", ":tmpdir", ":slash_tmp"]);

/** What may be read, in pieces where something below is kept out. */
class ReadableTree {
  readonly granted: AbsolutePath[] = [];
  isPartial = false;
  readonly #steps: readonly MaterialisedEntry[];
  readonly #own: ReadonlySet<AbsolutePath>;
  readonly #list: LandlockRequest["list"];

  constructor(steps: readonly MaterialisedEntry[], list: LandlockRequest["list"]) {
    this.#steps = steps;
    this.#own = new Set(steps.map(({ path }) => path));
    this.#list = list;
  }

  grant(path: AbsolutePath): void {
    if (this.granted.length >= MOST_PATHS) throw tooMany();
    if (!this.#isMixed(path)) {
      this.granted.push(path);
      return;
    }
    this.isPartial = true;
    for (const [name, kind] of this.#list(path)) {
      const child = knownNormal(path === "/" ? `/${name}` : `${path}/${name}`);
      // A link leads to what is granted or not by its own name; a path with rules of its own has its turn.
      if (kind === "symlink" || kind === "socket" || this.#own.has(child) || isSystem(child)) continue;
      this.grant(child);
    }
  }

  /** What may be written below does not count: it is granted besides. */
  #isMixed(path: AbsolutePath): boolean {
    if (path === "/") return true;
    return this.#steps.some((step) => step.path !== path && isWithin(step.path, path) && isKeptOut(step));
  }
}

function isKeptOut({ access, where }: MaterialisedEntry): boolean {
  return access === "deny" || where === "private";
}

/** As many as the first process has room for, less some for what may be written. */
const MOST_PATHS = 6 * 1024;

function tooMany(): SandboxedError {
  return new SandboxedError(
    "policy_unenforceable",
    `--backend landlock: more than ${MOST_PATHS} directories and files stand beside what is denied`,
    { hint: "grant the directories that are needed instead of the one above them" },
  );
}

function refusal({ entry, path, access }: MaterialisedEntry, why: string): SandboxedError {
  const rule = entry === null ? `"${path}" = "${access}"` : entry.text;
  const { file, line } = entry?.provenance ?? { file: null, line: null };
  const place = file === null ? "" : ` (${file}:${line ?? "?"})`;
  return new SandboxedError("policy_unenforceable", `--backend landlock cannot hold ${rule}${place}: ${why}`, {
    hint: advice,
  });
}

function refuseFirst(paths: readonly AbsolutePath[], why: string): void {
  const [first] = paths;
  if (first === undefined) return;
  throw new SandboxedError("policy_unenforceable", `--backend landlock ${why}: ${first}`, { hint: advice });
}

const advice = "take the rule away, or use a backend with namespaces; :read-only is a profile that Landlock can hold";

const reductions: readonly Reduction[] = [
  { rule: "the host's processes", holds: "no", why: "their names and arguments can be read in /proc" },
  { rule: "modes, times and attributes of files", holds: "no", why: "those of the program's user can be changed" },
];

const noTemporary: Reduction = {
  rule: "temporary directories",
  holds: "no",
  why: "without namespaces there are no private ones: the program has none but what is granted",
};

const partial: Reduction = {
  rule: "directories above what is denied",
  holds: "snapshot",
  why: "they cannot be listed, and what appears in them after the start cannot be read",
};
