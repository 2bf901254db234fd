import { escapeText, isWithin, knownNormal, parentPath, rootPath, SandboxedError } from "../../../policy/index.ts";
import type { AbsolutePath, Limits, MaterialisedEntry } from "../../../policy/index.ts";
import type { HostFacts } from "../../facts.ts";
import type { Expectation, MountStep } from "../../plan.ts";

export interface MountRequest {
  readonly steps: readonly MaterialisedEntry[];
  readonly facts: HostFacts;
  readonly limits: Limits;
  /** Where the private home lives on the host. */
  readonly privateHome: AbsolutePath;
  readonly outerProc: boolean;
  /** Directories that the launch makes on the host before it mounts anything. */
  readonly placeholders: ReadonlySet<AbsolutePath>;
  /** Sockets that nothing allows. */
  readonly maskedSockets: readonly AbsolutePath[];
  /** Sockets that are shown one by one, wherever they stand. */
  readonly grantedSockets: readonly GrantedSocket[];
}

/** A socket that a rule names, and other paths it is named by that lead there through symlinks. */
export interface GrantedSocket {
  readonly path: AbsolutePath;
  readonly spellings: readonly AbsolutePath[];
}

export interface MountTree {
  readonly mounts: readonly MountStep[];
  readonly expectations: readonly Expectation[];
  /** Host directories the program may write to, private ones included. */
  readonly writable: readonly AbsolutePath[];
  /** Mount points that must exist in the private home, parents first. */
  readonly homePoints: readonly { readonly path: AbsolutePath; readonly kind: "directory" | "file" }[];
}

/**
 * Turns effective access into an ordered list of mounts. The tree starts as an empty, later sealed, tmpfs unless
 * `/` itself is granted; whatever lies deeper comes later and therefore on top.
 */
export function planMounts(request: MountRequest): MountTree {
  const tree = new TreeBuilder(request);
  for (const step of withSystemMounts(request.steps)) tree.add(step);
  return tree.finish();
}

/** `/proc` and `/dev` are made new by every launch, whatever the policy says of the paths below them. */
function withSystemMounts(steps: readonly MaterialisedEntry[]): readonly MaterialisedEntry[] {
  return steps.toSorted((one, other) => depth(one.path) - depth(other.path));
}

function depth(path: string): number {
  return path === "/" ? 0 : path.split("/").length - 1;
}

class TreeBuilder {
  readonly #request: MountRequest;
  readonly #mounts: MountStep[] = [];
  readonly #expectations: Expectation[] = [];
  readonly #writable: AbsolutePath[] = [];
  readonly #homePoints: { path: AbsolutePath; kind: "directory" | "file" }[] = [];
  readonly #placed: MaterialisedEntry[] = [];
  readonly #masks: { path: AbsolutePath; at: number }[] = [];
  readonly #pinned = new Set<AbsolutePath>();
  readonly #made = new Set<AbsolutePath>();
  #rootShown = false;

  constructor(request: MountRequest) {
    this.#request = request;
  }

  add(step: MaterialisedEntry): void {
    if (step.path === "/dev" || step.path === "/proc") return this.#system(step.path);
    if (step.path.startsWith("/dev/") && step.path !== "/dev/shm") return;
    if (step.where === "private") return this.#private(step);
    if (step.access === "deny") return this.#deny(step);
    this.#bind(step);
  }

  finish(): MountTree {
    const { maskedSockets, grantedSockets } = this.#request;
    for (const socket of grantedSockets) this.#socket(socket);
    for (const socket of maskedSockets) if (this.#visible(socket)) this.#mask(socket, "file", false);
    const seals: MountStep[] = this.#masks
      .filter((mask) => this.#mounts[mask.at]?.do === "mask")
      .map((mask) => ({ do: "seal", to: mask.path }));
    if (!this.#rootShown) this.#links();
    seals.push({ do: "seal", to: knownNormal("/dev") });
    if (!this.#rootShown) seals.push({ do: "seal", to: rootPath });
    return {
      mounts: [...this.#mounts, ...seals],
      expectations: this.#expectations,
      writable: this.#writable,
      homePoints: this.#homePoints,
    };
  }

  #system(path: AbsolutePath): void {
    if (path === "/dev") this.#mounts.push({ do: "dev", to: path });
    else this.#mounts.push({ do: this.#request.outerProc ? "outer-proc" : "proc", to: path });
  }

  #private(step: MaterialisedEntry): void {
    const { facts, limits, privateHome } = this.#request;
    const { home } = facts.account;
    // Below a mask in a private home: a folder of that name would be taken for the person's file.
    if (step.path !== home && isWithin(step.path, home) && facts.look(step.path).kind !== "directory") return;
    this.#makeParents(step.path);
    if (step.path === home) {
      this.#mounts.push({ do: "bind", from: privateHome, to: step.path, access: "write" });
    } else {
      const size = step.path === "/dev/shm" ? limits.shmSize : limits.tmpSize;
      this.#mounts.push({ do: "tmpfs", to: step.path, size, mode: "1777" });
    }
    this.#expectations.push({ path: step.path, access: "write", identity: null });
    this.#writable.push(step.path);
    this.#placed.push(step);
  }

  #bind(step: MaterialisedEntry): void {
    const access = step.access === "write" ? "write" : "read";
    const { kind, identity } = this.#found(step.path);
    if (kind === "missing" || kind === "symlink") return;
    if (kind === "socket" && this.#request.maskedSockets.includes(step.path)) throw noFile(step);
    if (step.path === "/") this.#rootShown = true;
    this.#homePoint(step.path, kind === "directory" ? "directory" : "file");
    this.#makeParents(step.path);
    this.#pinAncestors(step.path);
    this.#mounts.push({ do: "bind", from: step.path, to: step.path, access });
    this.#expectations.push({ path: step.path, access, identity });
    if (access === "write") this.#writable.push(step.path);
    this.#placed.push(step);
  }

  /** By itself, never with the directory it stands in. Read-only keeps nobody from connecting. */
  #socket({ path, spellings }: GrantedSocket): void {
    for (const spelled of spellings) {
      if (this.#onHost(spelled) || this.#inPrivateHome(spelled) !== null) continue;
      this.#makeParents(spelled);
      this.#mounts.push({ do: "symlink", to: spelled, target: path });
    }
    if (this.#onHost(path)) return;
    const { identity } = this.#request.facts.look(path);
    this.#homePoint(path, "file");
    this.#makeParents(path);
    this.#mounts.push({ do: "bind", from: path, to: path, access: "read" });
    this.#expectations.push({ path, access: "read", identity });
  }

  #found(path: AbsolutePath): Pick<ReturnType<HostFacts["look"]>, "kind" | "identity"> {
    const { facts, placeholders } = this.#request;
    return placeholders.has(path) ? { kind: "directory", identity: null } : facts.look(path);
  }

  #deny(step: MaterialisedEntry): void {
    if (this.#inPrivateHome(step.path) !== null && step.entry?.origin !== "grant") return;
    const { kind } = this.#found(step.path);
    const isShown = kind !== "missing" && kind !== "symlink" && this.#visible(parentPath(step.path));
    // Made by us: bwrap would follow a link that an earlier run left there, and make the file where that leads.
    if (isShown) this.#homePoint(step.path, kind === "directory" ? "directory" : "file");
    this.#placed.push(step);
    if (!isShown) return;
    this.#pinAncestors(step.path);
    this.#mask(step.path, kind === "directory" ? "directory" : "file", this.#hasGrantBelow(step.path));
  }

  #mask(path: AbsolutePath, kind: "directory" | "file", open: boolean): void {
    if (kind === "directory") this.#masks.push({ path, at: this.#mounts.length });
    this.#mounts.push({ do: "mask", to: path, kind, open });
    this.#expectations.push({ path, access: open ? "read" : "masked", identity: null });
  }

  #hasGrantBelow(path: AbsolutePath): boolean {
    return this.#request.steps.some(
      (step) => step.access !== "deny" && step.path !== path && isWithin(step.path, path),
    );
  }

  /** The step that governs a path among those placed so far. */
  #governing(path: AbsolutePath): MaterialisedEntry | null {
    let found: MaterialisedEntry | null = null;
    for (const step of this.#placed) {
      if (isWithin(path, step.path) && (found === null || depth(step.path) >= depth(found.path))) found = step;
    }
    return found;
  }

  #visible(path: AbsolutePath): boolean {
    const step = this.#governing(path);
    return step !== null && step.access !== "deny";
  }

  /** Shown as the host has it, not hidden below a private place. */
  #onHost(path: AbsolutePath): boolean {
    return this.#visible(path) && this.#governing(path)?.where === "host";
  }

  /**
   * A mount holds its own name, but not the names of the directories above it: those could be moved away and made
   * anew. Each directory between the writable place and the mount is bound on itself, which makes moving it EBUSY.
   */
  #pinAncestors(path: AbsolutePath): void {
    const chain: AbsolutePath[] = [];
    for (let at = parentPath(path); at !== "/"; at = parentPath(at)) {
      const step = this.#governing(at);
      if (step === null || step.access !== "write" || step.path === at) break;
      // A private tmpfs is empty at the start: whoever moves a mount point there moves the mount with it.
      if (step.where === "private" && this.#inPrivateHome(at) === null) break;
      chain.push(at);
    }
    for (const at of chain.toReversed()) this.#pin(at);
  }

  /** Directories on the way to a mount point that stand in a tmpfs: the root's own, or a private place. */
  #makeParents(path: AbsolutePath): void {
    const chain: AbsolutePath[] = [];
    for (let at = parentPath(path); at !== "/" && !this.#made.has(at); at = parentPath(at)) {
      const step = this.#governing(at);
      const privateTmpfs = step?.where === "private" && this.#inPrivateHome(at) === null;
      const inTmpfs = step === null || step.access === "deny" || privateTmpfs;
      if (!inTmpfs || step?.path === at || at.startsWith("/dev")) break;
      chain.push(at);
    }
    for (const at of chain.toReversed()) {
      this.#made.add(at);
      this.#mounts.push({ do: "directory", to: at });
    }
  }

  #pin(path: AbsolutePath): void {
    if (this.#pinned.has(path)) return;
    this.#pinned.add(path);
    const from = this.#inPrivateHome(path) ?? path;
    this.#homePoint(path, "directory");
    this.#mounts.push({ do: "bind", from, to: path, access: "write" });
    if (from === path)
      this.#expectations.push({ path, access: "write", identity: this.#request.facts.look(path).identity });
  }

  /** The host path behind a path that stands in the private home; null elsewhere. */
  #inPrivateHome(path: AbsolutePath): AbsolutePath | null {
    const { facts, privateHome } = this.#request;
    const home = facts.account.home;
    const step = this.#governing(path);
    if (step?.path !== home || step.where !== "private" || path === home) return null;
    return knownNormal(`${privateHome}${path.slice(home.length)}`);
  }

  #homePoint(path: AbsolutePath, kind: "directory" | "file"): void {
    if (this.#inPrivateHome(path) !== null) this.#homePoints.push({ path, kind });
  }

  #links(): void {
    for (const link of this.#request.facts.platformLinks)
      this.#mounts.push({ do: "symlink", to: link.path, target: link.to });
  }
}

/** Whoever sees a socket can talk to it, which a rule about files does not mean. */
function noFile({ path, entry }: MaterialisedEntry): SandboxedError {
  const { file = null, line = null } = entry?.provenance ?? {};
  const place = file === null ? "" : ` (${file}:${line ?? "?"})`;
  return new SandboxedError("policy_invalid", `${escapeText(path)}${place} is no file, but a socket`, {
    hint: `let it in with --allow-unix-socket ${escapeText(path)}`,
  });
}
