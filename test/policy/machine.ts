import {
  absolutePath,
  applyPatch,
  builtinProfile,
  compile,
  emptyProfile,
  readProfile,
  resolve,
} from "../../src/policy/index.ts";
import type {
  AbsolutePath,
  Layer,
  Oracle,
  Places,
  Profile,
  ProtectedPath,
  Provenance,
  ProvenanceOf,
  RawProfile,
} from "../../src/policy/index.ts";

export const home = absolutePath("/home/u");
export const ws = absolutePath("/home/u/ws");

/** A made-up machine; `links` maps the path of a symlink to where it leads. Relative to nothing: both absolute. */
export function machine(over: Partial<Places> = {}, links: Readonly<Record<string, string>> = {}): Places {
  return {
    home,
    cwd: ws,
    workspaceRoots: [ws],
    tmpdir: null,
    minimal: ["/usr", "/etc/passwd", "/etc/ssl"].map(absolutePath),
    toolchains: [absolutePath("/home/u/.pyenv")],
    toolState: [absolutePath("/home/u/.local/state/sandboxed")],
    protectedPaths: [
      guarded(".git/hooks", "git"),
      guarded(".git/config", "git"),
      guarded(".vscode", "tools", "missing"),
    ],
    canonical: (path) => follow(path, links),
    ...over,
  };
}

export function guarded(name: string, list: "git" | "tools", kind: ProtectedPath["kind"] = "directory"): ProtectedPath {
  return { path: absolutePath(`${ws}/${name}`), kind, list, name, root: ws };
}

function follow(path: AbsolutePath, links: Readonly<Record<string, string>>): AbsolutePath | null {
  let current: string = path;
  for (let turn = 0; turn < 16; turn++) {
    const link = Object.entries(links).find(([from]) => current === from || current.startsWith(`${from}/`));
    if (link === undefined) return absolutePath(current);
    current = link[1] + current.slice(link[0].length);
  }
  return null;
}

export function provenance(layer: Layer = "user", line = 1): Provenance {
  return { layer, file: "config.toml", line, column: 1, owner: "you" };
}

export const fromUser: ProvenanceOf = () => provenance();

/** A profile as somebody writes it, over a built-in one when it extends that. */
export function profile(raw: RawProfile, layer: Layer = "user"): Profile {
  const base = raw.extends === undefined ? emptyProfile("test") : builtinProfile(raw.extends);
  if (base === null) throw new Error(`no such profile: ${raw.extends}`);
  return applyPatch(
    base,
    readProfile("test", raw, () => provenance(layer)),
  );
}

export function builtin(name: string): Profile {
  const found = builtinProfile(name);
  if (found === null) throw new Error(`no such profile: ${name}`);
  return found;
}

export function oracle(
  profiles: Profile | readonly Profile[],
  places: Places = machine(),
  layer: Layer = "user",
): Oracle {
  const list = "name" in profiles ? [profiles] : profiles;
  return compile(resolve({ layers: list.map((one) => ({ layer, profile: one })) }, places));
}
