import { workspaces } from "../generated/data.ts";
import type { PathOperation, Suggestion } from "./decision.ts";
import { isForeign } from "./effective.ts";
import type { Verdict } from "./effective.ts";
import { isDangerousSocket } from "./lists.ts";
import { components, isWithin, knownNormal, parentPath } from "./path.ts";
import type { AbsolutePath } from "./path.ts";
import { at } from "./place.ts";

/** The narrowest change that would allow the operation on the path; advice where no option of the caller's does. */
export function suggestForPath(
  op: PathOperation,
  path: AbsolutePath,
  verdict: Verdict,
  home: AbsolutePath,
): Suggestion {
  const { entry, layer } = verdict;
  if (entry?.origin === "state") return advice("sandboxed-run keeps its own state there; no option opens it");
  if (isForeign(layer) || (entry !== null && isForeign(entry.provenance.layer))) {
    const owner = entry?.provenance.owner ?? (layer === "requirements" ? "the organisation" : "the project");
    const where = entry === null ? "" : at(entry.provenance).replace(/: $/, "");
    return advice(`this is up to ${owner}${where === "" ? "" : ` (${where})`}; no option of yours changes it`);
  }
  const writes = op === "write" || op === "create" || op === "move";
  const target = grantable(op, path, verdict, home);
  if (target === null) {
    return advice(
      isDangerousSocket(components(path))
        ? "who connects to this socket has the host; no option opens it"
        : "too much hangs on this to be granted by an option; name what is needed below it, or let the program write elsewhere",
    );
  }
  const shown = homeShort(target, home);
  return {
    argv: [writes ? "--write" : "--read", shown],
    config: `[permissions.NAME.filesystem] ${JSON.stringify(shown)} = "${writes ? "write" : "read"}"`,
  };
}

/** A path on the credential list whose host file is hidden behind a private place. */
export function suggestCredential(path: AbsolutePath, home: AbsolutePath): Suggestion {
  const shown = homeShort(path, home);
  return { argv: ["--read", shown], config: `[permissions.NAME.filesystem] ${JSON.stringify(shown)} = "read"` };
}

export function advice(text: string): Suggestion {
  return { argv: [], config: text };
}

/** What to grant: a new name or a rename needs the directory around it. Never the root, never a home or what holds it. */
function grantable(op: PathOperation, path: AbsolutePath, { entry }: Verdict, home: AbsolutePath): AbsolutePath | null {
  if (entry?.origin === "protected" && entry.target.kind === "path") return entry.target.path;
  const candidates = op === "create" || op === "move" ? [parentPath(path), path] : [path];
  const writes = op === "create" || op === "move" || op === "write";
  return candidates.find((candidate) => !isTooMuch(candidate, writes) && !isWithin(home, candidate)) ?? null;
}

const shared: ReadonlySet<string> = new Set([
  "/run",
  "/var/run",
  "/proc",
  "/sys",
  "/dev",
  "/etc",
  "/usr",
  ...workspaces.places,
]);

/** A place that many things share, or to be written: what the system is made of. */
function isTooMuch(path: AbsolutePath, writes: boolean): boolean {
  if (shared.has(path) || isDangerousSocket(components(path))) return true;
  return writes && ["/usr", ...workspaces.trees].some((tree) => isWithin(path, knownNormal(tree)));
}

/** `~/x` for what lies in the home directory. */
export function homeShort(path: AbsolutePath, home: AbsolutePath): string {
  if (home === "/" || !isWithin(path, home)) return path;
  return path === home ? "~" : `~${path.slice(home.length)}`;
}
