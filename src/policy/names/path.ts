import { SandboxedError } from "../words/error.ts";

declare const absolute: unique symbol;

/** An absolute path without NUL, `.`, `..`, doubled or trailing slashes. Made by `absolutePath` alone. */
export type AbsolutePath = string & { readonly [absolute]: true };

/** Puts the brand on text that is in normal form by construction: a constant, or normal forms cut and joined. */
export function knownNormal(text: string): AbsolutePath {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- a brand has no run-time form to test for
  return text as AbsolutePath;
}

export const rootPath = knownNormal("/");

/**
 * Normalises by spelling alone: symlinks are the business of whoever reads the disk.
 * Errors: `policy_invalid` for a path that is relative or holds NUL or a line break.
 */
export function absolutePath(text: string): AbsolutePath {
  const path = /[\r\n]/.test(text) ? null : normalise(text);
  if (path !== null) return path;
  const shown = JSON.stringify(text);
  const held = text.includes("\0") ? "NUL" : /[\r\n]/.test(text) ? "a line break" : null;
  if (held !== null) {
    throw new SandboxedError("policy_invalid", `${shown} holds ${held}`, { hint: "no path of a policy may hold it" });
  }
  throw new SandboxedError("policy_invalid", `${shown} is not an absolute path`, {
    hint: "write the whole path from /, or ~/… for one in your home directory",
  });
}

/** Like `absolutePath`, but null instead of an error, and names with line breaks pass: they exist on disks. */
export function normalise(text: string): AbsolutePath | null {
  if (!text.startsWith("/") || text.includes("\0")) return null;
  const kept: string[] = [];
  for (const part of text.split("/")) {
    if (part === "" || part === ".") continue;
    if (part === "..") kept.pop();
    else kept.push(part);
  }
  return fromComponents(kept);
}

/** Components must be non-empty, without slashes, and neither `.` nor `..`. */
export function fromComponents(parts: readonly string[]): AbsolutePath {
  return knownNormal(`/${parts.join("/")}`);
}

/** The names between the slashes; none for `/`. */
export function components(path: AbsolutePath): readonly string[] {
  return path === "/" ? [] : path.slice(1).split("/");
}

/** The directory that holds the name; `/` is its own parent. */
export function parentPath(path: AbsolutePath): AbsolutePath {
  return knownNormal(path.slice(0, path.lastIndexOf("/")) || "/");
}

/** Joins a relative path, normalising: `..` can lead out, so check with `isWithin` where that matters. */
export function joinPath(base: AbsolutePath, relative: string): AbsolutePath {
  return absolutePath(`${base}/${relative}`);
}

/** True when `path` is `root` or lies below it, compared name by name. */
export function isWithin(path: AbsolutePath, root: AbsolutePath): boolean {
  if (root === "/") return true;
  return path.startsWith(root) && (path.length === root.length || path.charCodeAt(root.length) === SLASH);
}

const SLASH = 47;
