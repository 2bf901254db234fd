import { readdirSync } from "node:fs";
import { isWithin, SandboxedError } from "../../../policy/index.ts";
import type { AbsolutePath, MaterialisedEntry, Oracle, ResolvedGlob, ResolvedPolicy } from "../../../policy/index.ts";

/** How many names are looked at before a launch with deny globs is refused. */
const LIMIT = 20_000;

/**
 * Files that match a deny glob now and would otherwise be visible: mounts know no patterns.
 * Errors: `policy_unenforceable` above the limit, and always for `deny_glob = "strict"`.
 */
export function expandDenyGlobs(resolved: ResolvedPolicy, oracle: Oracle): readonly MaterialisedEntry[] {
  const globs = resolved.layers.flatMap(({ denyGlobs }) => denyGlobs).filter((glob) => isShown(glob, oracle));
  const [first] = globs;
  if (first === undefined) return [];
  if (resolved.denyGlob === "strict") throw refusal(first, "this host cannot cover files that appear later");
  const bases = [...new Set(globs.map(({ pattern }) => literalBase(pattern)))];
  const found: MaterialisedEntry[] = [];
  let seen = 0;
  const walk = (directory: AbsolutePath): void => {
    for (const entry of list(directory)) {
      seen += 1;
      if (seen > LIMIT) throw refusal(first, `more than ${LIMIT} files stand where it may match`);
      const path = `${directory === "/" ? "" : directory}/${entry.name}` as AbsolutePath; // normal form and one name
      const decision = oracle.decide({ op: "read", path });
      if (decision.effect === "deny" && decision.reason === "deny_glob") {
        found.push({ path, access: "deny", where: "masked", entry: null });
      } else if (entry.isDirectory() && oracle.decide({ op: "list", path }).effect === "allow") walk(path);
    }
  };
  for (const base of bases) if (!bases.some((other) => other !== base && isWithin(base, other))) walk(base);
  return found;
}

function isShown(glob: ResolvedGlob, oracle: Oracle): boolean {
  const decision = oracle.decide({ op: "list", path: literalBase(glob.pattern) });
  return decision.effect === "allow" && decision.where === "host";
}

/** The folders of a pattern before its first special character. */
function literalBase(pattern: string): AbsolutePath {
  const special = pattern.search(/[*?[{]/);
  const literal = special < 0 ? pattern : pattern.slice(0, special);
  return (literal.slice(0, literal.lastIndexOf("/")) || "/") as AbsolutePath; // resolved patterns are absolute and canonical
}

function list(directory: AbsolutePath) {
  try {
    return readdirSync(directory, { withFileTypes: true });
  } catch {
    return []; // What this user cannot list, the program of this user cannot either.
  }
}

function refusal({ pattern, entry }: ResolvedGlob, why: string): SandboxedError {
  const { file, line } = entry.provenance;
  const place = file === null ? "" : ` (${file}:${line ?? "?"})`;
  return new SandboxedError("policy_unenforceable", `cannot enforce the deny glob ${pattern}${place}: ${why}`, {
    hint: "name the files or folders, or set deny_glob = \"snapshot\"",
  });
}
