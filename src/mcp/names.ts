import { createHash } from "node:crypto";
import { didYouMean, escapeText, SandboxedError } from "../policy/index.ts";

/** One tool of one server, by the names that these gave it. */
export interface ToolRef {
  readonly server: string;
  readonly tool: string;
}

/** What scripts and capabilities call a tool. Server names hold no dots; tool names may. */
export function scriptName({ server, tool }: ToolRef): string {
  return `mcp.${server}.${tool}`;
}

/** The shortest limit among the interfaces that take names of functions for models. */
const LONGEST_MODEL_NAME = 64;
const DIGEST_CHARACTERS = 12;

/**
 * What models call the tools: `mcp__<server>__<tool>` of letters, digits, `_` and `-`. A name that is too long, or that
 * two tools would share, ends in a digest of the exact one, so that it neither depends on the others nor on their order.
 */
export function modelNames(tools: readonly ToolRef[]): ReadonlyMap<string, ToolRef> {
  const plain = tools.map((ref) => [plainName(ref), ref] as const);
  const taken = new Map<string, number>();
  for (const [name] of plain) taken.set(name, (taken.get(name) ?? 0) + 1);
  return new Map(
    plain.map(([name, ref]) => {
      const fits = name.length <= LONGEST_MODEL_NAME && taken.get(name) === 1;
      return [fits ? name : withDigest(name, ref), ref];
    }),
  );
}

function plainName({ server, tool }: ToolRef): string {
  return `mcp__${server}__${tool}`.replace(/[^A-Za-z0-9_-]/g, "_");
}

function withDigest(name: string, ref: ToolRef): string {
  const digest = createHash("sha256").update(scriptName(ref)).digest("hex").slice(0, DIGEST_CHARACTERS);
  return `${name.slice(0, LONGEST_MODEL_NAME - DIGEST_CHARACTERS - 1)}_${digest}`;
}

/**
 * The tool a name stands for: `mcp.<server>.<tool>`, `mcp.<tool>` where one server alone has it, or the name for models.
 * A configured server's name always comes first, so that no server can take over another's names.
 * Errors: `mcp_tool`.
 */
export function resolveToolName(name: string, servers: ReadonlySet<string>, tools: readonly ToolRef[]): ToolRef {
  const models = modelNames(tools).get(name);
  if (models !== undefined) return models;
  const rest = name.startsWith("mcp.") ? name.slice("mcp.".length) : null;
  if (rest !== null) {
    const dot = rest.indexOf(".");
    const server = dot < 0 ? null : rest.slice(0, dot);
    if (server !== null && servers.has(server)) {
      const found = tools.find((ref) => ref.server === server && ref.tool === rest.slice(dot + 1));
      if (found !== undefined) return found;
      throw unknown(name, tools);
    }
    const same = tools.filter(({ tool }) => tool === rest);
    const [only, other] = same;
    if (only !== undefined && other === undefined) return only;
    if (only !== undefined) {
      throw new SandboxedError("mcp_tool", `${escapeText(name)} is a tool of more than one server`, {
        hint: `write ${same.map((ref) => escapeText(scriptName(ref))).join(" or ")}`,
      });
    }
  }
  throw unknown(name, tools);
}

/** The server that a full name means, whether or not it has such a tool. */
export function serverNamedIn(name: string, servers: ReadonlySet<string>): string | null {
  const [, dotted, , plain] = /^mcp\.([^.]+)\.|^(mcp__)(.+?)__/.exec(name) ?? [];
  const owner = dotted ?? plain ?? null;
  return owner !== null && servers.has(owner) ? owner : null;
}

function unknown(name: string, tools: readonly ToolRef[]): SandboxedError {
  return new SandboxedError(
    "mcp_tool",
    `there is no tool ${escapeText(name)}${didYouMean(name, tools.map(scriptName))}`,
    {
      hint: "session.tools lists the tools there are; those that are disabled, denied or changed are none",
    },
  );
}

/**
 * The servers whose tools a pattern of the capability `tools` may name. One that speaks of no server, such as
 * `mcp.read`, may mean any.
 */
export function serversMeant(patterns: readonly string[], servers: ReadonlySet<string>): ReadonlySet<string> {
  return new Set(
    patterns.flatMap((pattern) => {
      const [, dotted, plain] = /^mcp\.([^.*]+)\.|^mcp__([^*]+?)__/.exec(pattern) ?? [];
      const owner = dotted ?? plain;
      if (owner !== undefined && servers.has(owner)) return [owner];
      const [literal = ""] = pattern.split("*", 1);
      const isOpen = literal !== pattern;
      const mayMean = ["mcp.", "mcp__"].some(
        (start) => literal.startsWith(start) || (isOpen && start.startsWith(literal)),
      );
      return mayMean ? [...servers] : [];
    }),
  );
}
