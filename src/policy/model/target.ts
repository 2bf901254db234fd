import { expandBraces } from "../names/braces.ts";
import type { Provenance } from "./decision.ts";
import { SandboxedError } from "../words/error.ts";
import { checkPattern, compileGlob } from "../names/glob.ts";
import { didYouMean } from "../words/nearest.ts";
import { absolutePath, components, fromComponents } from "../names/path.ts";
import type { Access, Entry, Target, Token } from "./rule.ts";
import type { RawAccess } from "../read/schema.ts";

export const tokens: readonly Token[] = [
  ":root",
  ":minimal",
  ":toolchains",
  ":workspace_roots",
  ":home",
  ":tmpdir",
  ":slash_tmp",
];

/**
 * An entry from one option: `entryFrom("~/x", "read", provenance, "--read ~/x")`. What is granted names a file as it
 * is called, brackets and stars included, so that a path from a denial can be given back; only a `/**` at the end
 * means everything below. What is denied may be a pattern. Relative paths are the caller's to make absolute.
 * Errors: `policy_invalid`.
 */
export function entryFrom(key: string, access: RawAccess, provenance: Provenance, text: string): Entry {
  const known = accessFrom(access);
  const target = known === "deny" ? readTarget(key, known) : literalTarget(key, known);
  return { target, access: known, origin: "grant", text, provenance };
}

/** `"none"` is another word for `"deny"`. */
export function accessFrom(access: RawAccess): Access {
  return access === "none" ? "deny" : access;
}

/** What a key of a `filesystem` table stands for. Errors: `policy_invalid`, without a place in a file. */
export function readTarget(key: string, access: Access): Target {
  if (key.startsWith(":")) return tokenTarget(key, access, "");
  if (key === "~" || key.startsWith("~/")) return below(":home", key.slice(2), access);
  if (key.startsWith("**/")) return pattern(`/${key}`, null, access);
  if (!key.startsWith("/")) throw notAbsolute(key);
  const literal = literalOrNull(key);
  return literal === null ? pattern(key, null, access) : { kind: "path", path: absolutePath(literal) };
}

/** A key of the table under another key. Errors: `policy_invalid`. */
export function readNestedTarget(key: string, sub: string, access: Access): Target {
  if (key.startsWith(":")) return tokenTarget(key, access, sub);
  const base = readTarget(key, access);
  if (base.kind === "home") {
    if (sub !== ".") checkSubpath(sub);
    return below(
      ":home",
      [escapePattern(base.subpath), sub === "." ? "" : sub].filter((part) => part !== "").join("/"),
      access,
    );
  }
  if (base.kind !== "path") throw invalid(`${JSON.stringify(key)} is a pattern and takes no table of sub-paths`);
  if (sub === ".") return base;
  checkSubpath(sub);
  const whole = base.path === "/" ? `/${sub}` : `${escapePattern(base.path)}/${sub}`;
  return readTarget(whole, access);
}

/** Two entries with the same key are about the same thing; a later layer's takes the place of the earlier's. */
export function targetKey(target: Target): string {
  if (target.kind === "path") return target.path;
  if (target.kind === "home") return target.subpath === "" ? ":home" : `~/${target.subpath}`;
  if (target.kind === "glob") return `${target.base ?? ""} ${target.pattern}`;
  if (target.token === ":root") return "/";
  return target.subpath === "" ? target.token : `${target.token} ${target.subpath}`;
}

function tokenTarget(key: string, access: Access, sub: string): Target {
  const token = tokens.find((known) => known === key);
  if (token === undefined) {
    const slash = key.indexOf("/");
    const hint =
      slash > 0 ? `sub-paths go in a table: ${JSON.stringify(key.slice(0, slash))} = { "x" = "read" }` : null;
    throw invalid(
      `${JSON.stringify(key)} is no known place${didYouMean(key, tokens)}`,
      hint ?? `places are ${tokens.join(" ")}`,
    );
  }
  if (access === "write" && (token === ":minimal" || token === ":toolchains")) {
    throw invalid(`${token} cannot be written`, "what is installed there runs outside the sandbox as well");
  }
  if (access === "read" && token === ":home") {
    throw invalid(
      ":home is a private home and always writable",
      'to read the home directory of the host, write "~" = "read"',
    );
  }
  if (sub === "" || sub === ".") return { kind: "token", token, subpath: "" };
  if (token !== ":workspace_roots") {
    throw invalid(
      `${token} takes no sub-paths`,
      'write the path itself as a key, or "~/x" for one in your home directory',
    );
  }
  return below(token, sub, access);
}

function below(base: Token, sub: string, access: Access): Target {
  if (sub !== "") checkSubpath(sub);
  const literal = literalOrNull(`/${sub}`);
  if (literal === null) return pattern(sub, base, access);
  const subpath = components(absolutePath(literal)).join("/");
  return base === ":home" ? { kind: "home", subpath } : { kind: "token", token: base, subpath };
}

function checkSubpath(sub: string): void {
  const parts = sub.replace(/\/+$/, "").split("/");
  if (!sub.startsWith("/") && !parts.some((part) => part === "." || part === ".." || part === "")) return;
  throw invalid(
    `${JSON.stringify(sub)} must be a relative path without . and ..`,
    'the directory itself is written "."',
  );
}

/** Null when it is a real pattern; a `/**` at the end of plain text is the directory itself, with all below it. */
function literalOrNull(text: string): string | null {
  const trimmed = text.endsWith("/**") ? text.slice(0, -3) || "/" : text;
  if (/(?<!\\)(?:\\\\)*[*?[{}]/.test(trimmed)) return null;
  return trimmed.replace(/\\([*?[\]{}\\])/g, "$1");
}

function pattern(text: string, base: Token | null, access: Access): Target {
  checkPattern(text);
  if (access !== "deny") {
    throw invalid(
      `${JSON.stringify(text)} is a pattern, and patterns can only deny`,
      "grant a path, or everything below one with /** at its end; a backslash before *, ?, [ and { makes them plain",
    );
  }
  for (const one of expandBraces(text)) compileGlob(one);
  return { kind: "glob", pattern: text, base };
}

function literalTarget(key: string, access: Access): Target {
  if (key.startsWith(":")) return tokenTarget(key, access, "");
  const trimmed = key.endsWith("/**") ? key.slice(0, -3) || "/" : key;
  if (trimmed === "~" || trimmed.startsWith("~/")) {
    const path = absolutePath(`/${trimmed.slice(2)}`);
    if (trimmed.split("/").includes("..")) throw invalid(`${JSON.stringify(key)} must not hold ..`);
    return { kind: "home", subpath: components(path).join("/") };
  }
  if (!trimmed.startsWith("/")) throw notAbsolute(key);
  return { kind: "path", path: fromComponents(components(absolutePath(trimmed))) };
}

/** Plain text as a pattern that matches it alone. */
export function escapePattern(text: string): string {
  return text.replace(/[*?[\]{}\\]/g, "\\$&");
}

function notAbsolute(key: string): SandboxedError {
  const guess = didYouMean(`:${key}`, tokens);
  const user = key.startsWith("~") ? "; the home of another user has to be written out" : guess;
  return invalid(
    `${JSON.stringify(key)} is neither absolute, nor ~/…, nor a place that starts with a colon${user}`,
    'paths in the workspace go in a table: ":workspace_roots" = { "docs" = "read" }',
  );
}

function invalid(message: string, hint?: string): SandboxedError {
  return new SandboxedError("policy_invalid", message, hint === undefined ? {} : { hint });
}
