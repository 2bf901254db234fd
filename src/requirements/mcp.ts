import { isDeepStrictEqual } from "node:util";
import { checkedRule } from "../config/index.ts";
import type {
  ArgumentRule,
  ArgumentRules,
  McpAllowance,
  McpAllowlist,
  McpIdentity,
  Provenance,
  TextMatcher,
} from "../policy/index.ts";
import { invalid } from "./meaning.ts";
import type { RawValue } from "./schema.ts";
import { renaming } from "./source.ts";
import type { Source } from "./source.ts";

type RawServer = RawValue<"mcp_server_allowlist">[string];
type RawIdentity = NonNullable<RawServer["identity"]>;

/**
 * The servers that all sources allow; null where none has a list. One that two sources describe differently is
 * allowed by neither, and so are arguments. Errors: `requirements_schema`.
 */
export function mcpAllowlistOf(sources: readonly Source[]): McpAllowlist | null {
  const lists = sources.flatMap((source) => {
    const raw = source.get("mcp_server_allowlist");
    return raw === undefined ? [] : [renaming(() => listOf(source, raw))];
  });
  const [first, ...others] = lists;
  return first === undefined ? null : others.reduce(together, first);
}

function listOf({ place }: Source, raw: RawValue<"mcp_server_allowlist">): McpAllowlist {
  const servers = Object.entries(raw).map(([name, server]): [string, McpAllowance] => {
    const at = (...rest: readonly (string | number)[]): Provenance => place("mcp_server_allowlist", name, ...rest);
    return [name, { identity: identityOf(server, at), arguments: argumentsOf(server, at), provenance: at() }];
  });
  return { servers: new Map(servers), provenance: place("mcp_server_allowlist") };
}

type At = (...rest: readonly (string | number)[]) => Provenance;

/** The identity is the table itself, or stands in a table of its own. */
function identityOf(server: RawServer, place: At): McpIdentity {
  const { identity, tools: _, ...own } = server;
  if (identity !== undefined && Object.keys(own).length > 0) {
    throw invalid(place(), "the identity is written twice", "keep identity, or what stands beside it");
  }
  const raw: RawIdentity = identity ?? own;
  const { command, url } = raw;
  if ((command === undefined) === (url === undefined)) {
    throw invalid(place(), "a server is either a command or a url", 'write command = "PROGRAM", or url = "https://…"');
  }
  if (url !== undefined) return { kind: "url", url: matcher(url, place("url")) };
  return commandOf(raw, place);
}

function commandOf(
  { command = "", sha256, env = {}, env_vars: envVars = [], cwd }: RawIdentity,
  place: At,
): McpIdentity {
  const { executable, args = [], sha256: own } = typeof command === "string" ? { executable: command } : command;
  const isPlace = !executable.includes("/") || executable.startsWith("/");
  if (executable === "" || !isPlace) {
    throw invalid(
      place("command"),
      `${JSON.stringify(executable)} names no program`,
      "write its name, or its whole path",
    );
  }
  const digest = own ?? sha256 ?? null;
  if (digest !== null && !/^[0-9a-f]{64}$/.test(digest)) {
    throw invalid(place("sha256"), "sha256 is not 64 digits of hexadecimal", "take what sha256sum prints");
  }
  return {
    kind: "command",
    executable,
    args: args.map((arg) => matcher(arg, place("command"))),
    sha256: digest,
    env: new Map(Object.entries(env)),
    envVars,
    cwd: cwd ?? null,
  };
}

function matcher(raw: NonNullable<RawIdentity["url"]>, place: Provenance): TextMatcher {
  if (typeof raw === "string") return { match: "exact", value: raw };
  if (raw.match !== "regex") return raw;
  const expression = raw.expression ?? raw.value;
  if (expression === undefined)
    throw invalid(place, "a matcher by regex needs an expression", 'write { match = "regex", value = "…" }');
  try {
    RegExp(expression, "u");
  } catch {
    throw invalid(place, `${JSON.stringify(expression)} is not a regular expression`, "correct it");
  }
  return { match: "regex", expression };
}

function argumentsOf({ tools = {} }: RawServer, place: At): ArgumentRules {
  return new Map(
    Object.entries(tools).map(([tool, { arguments: rules = {} }]) => [
      tool,
      new Map(
        Object.entries(rules).map(([name, { prefix, pattern, enum: values, maximum, inside }]) => {
          const rule: ArgumentRule = {
            ...(prefix !== undefined && { prefix }),
            ...(pattern !== undefined && { pattern }),
            ...(values !== undefined && { enum: values }),
            ...(maximum !== undefined && { maximum }),
            ...(inside !== undefined && { inside }),
            provenance: place("tools", tool, "arguments", name),
          };
          return [name, checkedRule(rule)] as const;
        }),
      ),
    ]),
  );
}

function together(one: McpAllowlist, other: McpAllowlist): McpAllowlist {
  const servers = [...one.servers].flatMap(([name, allowance]): [string, McpAllowance][] => {
    const second = other.servers.get(name);
    if (second === undefined || !isDeepStrictEqual(allowance.identity, second.identity)) return [];
    return [[name, { ...allowance, arguments: bothRules(allowance.arguments, second.arguments) }]];
  });
  return { servers: new Map(servers), provenance: one.provenance };
}

function bothRules(one: ArgumentRules, other: ArgumentRules): ArgumentRules {
  const tools = new Set([...one.keys(), ...other.keys()]);
  return new Map(
    [...tools].map((tool) => {
      const rules = new Map(one.get(tool));
      for (const [name, rule] of other.get(tool) ?? []) {
        const known = rules.get(name);
        rules.set(name, known === undefined ? rule : bothRule(known, rule));
      }
      return [tool, rules];
    }),
  );
}

/** Parts that contradict each other leave no value. */
function bothRule(one: ArgumentRule, other: ArgumentRule): ArgumentRule {
  const merged: ArgumentRule = { ...one, ...other, provenance: one.provenance };
  const parts = ["prefix", "pattern", "enum", "inside"] as const;
  const differ = parts.some(
    (part) => one[part] !== undefined && other[part] !== undefined && !isDeepStrictEqual(one[part], other[part]),
  );
  if (differ) return { ...merged, enum: [] };
  const { maximum: most } = one;
  return most === undefined || other.maximum === undefined
    ? merged
    : { ...merged, maximum: Math.min(most, other.maximum) };
}
