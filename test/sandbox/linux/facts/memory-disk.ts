import { posix } from "node:path";
import { normalise } from "../../../../src/policy/index.ts";
import type { AbsolutePath } from "../../../../src/policy/index.ts";
import type { PathKind } from "../../../../src/sandbox/facts.ts";
import type { Disk, Look } from "../../../../src/sandbox/linux/facts/index.ts";

/** What a test puts on a disk: a text is a file, `null` a directory, `{ link }` a symlink, `{ kind }` anything else. */
export type Content = string | null | { readonly link: string } | { readonly kind: PathKind };

export interface MemoryEntry {
  readonly content: Content;
  readonly uid?: number;
  readonly mode?: number;
}

/** A disk in memory. Parents exist by themselves; links are resolved as the kernel does, within one disk. */
export function memoryDisk(tree: Readonly<Record<string, Content | MemoryEntry>>): Disk {
  const entries = new Map<string, MemoryEntry>();
  for (const [path, given] of Object.entries(tree)) {
    const entry = typeof given === "object" && given !== null && "content" in given ? given : { content: given };
    for (let parent = posix.dirname(path); !entries.has(parent); parent = posix.dirname(parent)) {
      entries.set(parent, { content: null });
    }
    entries.set(path, entry);
  }
  const kindOf = (entry: MemoryEntry | undefined): PathKind => {
    if (entry === undefined) return "missing";
    const { content } = entry;
    if (content === null) return "directory";
    if (typeof content === "string") return "file";
    return "link" in content ? "symlink" : content.kind;
  };
  const look = (path: AbsolutePath): Look => {
    const entry = entries.get(path);
    const kind = kindOf(entry);
    const mode = entry?.mode ?? (kind === "missing" ? 0 : 0o755);
    const identity = kind === "missing" ? null : { dev: "1", ino: path };
    return { kind, identity, uid: entry?.uid ?? 0, gid: 0, mode, changed: "1" };
  };
  const canonical = (path: AbsolutePath): AbsolutePath | null => {
    let at = "/";
    const ahead = path.split("/").filter(Boolean);
    for (let links = 0; ahead.length > 0;) {
      const next = posix.join(at, ahead.shift() ?? "");
      const content = entries.get(next)?.content;
      if (typeof content !== "object" || content === null || !("link" in content)) {
        at = next;
        continue;
      }
      if (++links > 40) return null;
      ahead.unshift(...content.link.split("/").filter(Boolean));
      if (content.link.startsWith("/")) at = "/";
    }
    return normalise(at);
  };
  const list = (path: AbsolutePath): ReadonlyMap<string, PathKind> => {
    const real = canonical(path) ?? path;
    const names = [...entries.keys()].filter((key) => key !== "/" && posix.dirname(key) === real);
    return new Map(names.map((key) => [posix.basename(key), kindOf(entries.get(key))]));
  };
  const link = (path: AbsolutePath): string | null => {
    const content = entries.get(path)?.content;
    return typeof content === "object" && content !== null && "link" in content ? content.link : null;
  };
  const text = (path: AbsolutePath): string | null => {
    const content = entries.get(canonical(path) ?? path)?.content;
    return typeof content === "string" ? content : null;
  };
  const program = (path: AbsolutePath): "executable" | "file" | "directory" | "missing" => {
    const { kind, mode } = look(canonical(path) ?? path);
    return kind === "file" ? ((mode & 0o111) === 0 ? "file" : "executable") : kind === "directory" ? kind : "missing";
  };
  const still = { covers: () => [], aliases: () => [], sockets: () => [] };
  return { look, canonical, list, link, text, program, ...still };
}
