import { createHash } from "node:crypto";
import { closeSync, constants, fstatSync, mkdirSync, openSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { codeOf, escapeText, SandboxedError } from "../../policy/index.ts";
import { isTable } from "../catalogue.ts";
import type { ToolDefinition } from "../catalogue.ts";

/** A definition as it was when it was first used or approved. */
export interface Pin {
  readonly tool: string;
  readonly digest: string;
  /** ISO 8601. */
  readonly since: string;
  readonly definition: unknown;
}

/** What is known of tools, a file each: the first to use one makes it, nobody after it by accident. */
export interface Pins {
  /** The pin there was or, for a tool never used before, the one made now. Errors: `mcp_tool` when it cannot be kept. */
  pinned(server: string, tool: ToolDefinition): Pin;
  known(server: string, tool: string): Pin | null;
  approve(server: string, tool: ToolDefinition): Pin;
}

/** Over everything a model or a person reads of a tool. */
export function digestOf(tool: ToolDefinition): string {
  return createHash("sha256").update(sorted(tool)).digest("hex");
}

/** `folder` is the tool's own, which every sandbox is denied. */
export function pinsIn(folder: string): Pins {
  const place = (server: string): string => `${folder}/mcp/pins/${server}`;
  const file = (server: string, tool: string): string =>
    `${place(server)}/${createHash("sha256").update(tool).digest("hex")}.json`;
  const make = (tool: ToolDefinition): Pin => ({
    tool: tool.name,
    digest: digestOf(tool),
    since: new Date().toISOString(),
    definition: tool,
  });
  const keep = (server: string, pin: Pin, flag: "wx" | "w"): void => {
    mkdirSync(place(server), { recursive: true, mode: 0o700 });
    const path = file(server, pin.tool);
    const text = JSON.stringify(pin);
    if (flag === "wx") return writeFileSync(path, text, { flag, mode: 0o600 });
    const draft = `${path}.${process.pid}`;
    writeFileSync(draft, text, { flag: "wx", mode: 0o600 });
    renameSync(draft, path);
  };
  const known = (server: string, tool: string): Pin | null => readPin(file(server, tool), tool);
  return {
    known,
    pinned: (server, tool) => {
      const before = known(server, tool.name);
      if (before !== null) return before;
      const pin = make(tool);
      try {
        keep(server, pin, "wx");
        return pin;
      } catch (error) {
        // Another run was first: what it saw holds.
        const theirs = isCode(error, "EEXIST") ? known(server, tool.name) : null;
        if (theirs !== null) return theirs;
        throw unkept(server, tool.name, error);
      }
    },
    approve: (server, tool) => {
      const pin = make(tool);
      try {
        keep(server, pin, "w");
      } catch (error) {
        throw unkept(server, tool.name, error);
      }
      return pin;
    },
  };
}

/** Null when there is none. Errors: `mcp_tool` for one that somebody else could have written. */
function readPin(path: string, tool: string): Pin | null {
  let descriptor: number;
  try {
    descriptor = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (error) {
    if (isCode(error, "ENOENT")) return null;
    throw broken(path, error);
  }
  try {
    const { uid, mode } = fstatSync(descriptor);
    if (uid !== process.geteuid?.() || (mode & 0o077) !== 0) throw broken(path, null);
    const value: unknown = JSON.parse(readFileSync(descriptor, "utf8"));
    if (!isTable(value) || value["tool"] !== tool || typeof value["digest"] !== "string") throw broken(path, null);
    return { tool, digest: value["digest"], since: String(value["since"]), definition: value["definition"] };
  } catch (error) {
    throw error instanceof SandboxedError ? error : broken(path, error);
  } finally {
    closeSync(descriptor);
  }
}

function broken(path: string, cause: unknown): SandboxedError {
  return new SandboxedError("mcp_tool", `${escapeText(path)} does not say what was approved`, {
    hint: "look at the tool, and approve it again",
    cause,
  });
}

function unkept(server: string, tool: string, cause: unknown): SandboxedError {
  const why = cause instanceof Error ? cause.message : String(cause);
  return new SandboxedError(
    "mcp_tool",
    `what ${server} says of ${escapeText(tool)} cannot be kept: ${escapeText(why)}`,
    {
      hint: "a tool is called only when a later change of it can be seen",
      cause,
    },
  );
}

function isCode(error: unknown, code: string): boolean {
  return codeOf(error) === code;
}

function sorted(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(sorted).join(",")}]`;
  if (!isTable(value)) return JSON.stringify(value) ?? "null";
  const members = Object.keys(value).toSorted();
  return `{${members.map((name) => `${JSON.stringify(name)}:${sorted(value[name])}`).join(",")}}`;
}
