import { compileGlob, components, covers, normalise, parseDomainPattern, parseHost } from "../../policy/index.ts";
import type { AbsolutePath } from "../../policy/index.ts";
import type { Capability } from "./kinds.ts";

export type Covers = (subject: string) => boolean;

/** Compiles a capability's scope. Relative patterns of paths start at `root`; without one they cover nothing. */
export function compileScope({ kind, scope }: Capability, root: AbsolutePath | null): Covers {
  switch (kind) {
    case "fs.read":
    case "fs.write":
    case "patch":
      return anyOf(scope.map((pattern) => pathPattern(pattern, root)));
    case "tools":
    case "memory":
      return anyOf(scope.map(namePattern));
    case "network":
      return anyOf(scope.map(hostPattern));
    default:
      return () => true;
  }
}

function anyOf(each: readonly Covers[]): Covers {
  return (subject) => each.some((one) => one(subject));
}

function pathPattern(pattern: string, root: AbsolutePath | null): Covers {
  if (!pattern.startsWith("/") && root === null) return () => false;
  // The root is a directory's real name, in which nothing is a wildcard.
  const base = pattern.startsWith("/") || root === null ? [] : components(root);
  const { matchDepth } = compileGlob(pattern.startsWith("/") ? pattern : `/${pattern}`);
  return (subject) => {
    const path = normalise(subject);
    if (path === null || path !== subject) return false;
    const names = components(path);
    if (names.length < base.length || base.some((name, at) => names[at] !== name)) return false;
    const below = names.slice(base.length);
    return below.length > 0 ? matchDepth(below) === below.length : pattern === "**" || pattern === ".";
  };
}

/** `*` stands for any text, also with dots in it. Takes time in proportion to both lengths at worst. */
export function namePattern(pattern: string): Covers {
  const [first = "", ...rest] = pattern.split("*");
  const last = rest.pop();
  if (last === undefined) return (subject) => subject === pattern;
  return (subject) => {
    if (subject.length < first.length + last.length || !subject.startsWith(first) || !subject.endsWith(last))
      return false;
    let from = first.length;
    const end = subject.length - last.length;
    for (const part of rest) {
      const at = subject.indexOf(part, from);
      if (at < 0 || at + part.length > end) return false;
      from = at + part.length;
    }
    return true;
  };
}

/** Subjects are `host:port`, `[v6]:port`. */
function hostPattern(pattern: string): Covers {
  const parsed = parseDomainPattern(pattern);
  return (subject) => {
    const [, v6, name, port] = /^(?:\[([^\]]*)\]|([^:]*)):(\d{1,5})$/.exec(subject) ?? [];
    const host = parseHost(v6 ?? name ?? "");
    return host !== null && port !== undefined && covers(parsed, host, Number(port));
  };
}
