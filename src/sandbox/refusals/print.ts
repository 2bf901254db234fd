import { escapeText, isWithin, normalise, placeOf } from "../../policy/index.ts";
import type { AbsolutePath, Denial, Provenance, Query, ReasonCode } from "../../policy/index.ts";
import { unnamedHost } from "./judge.ts";

export interface Places {
  readonly cwd: AbsolutePath;
  readonly home: AbsolutePath;
}

/**
 * What a person reads of a refusal, one or two lines without the tool's name before them: what was refused, by which rule
 * of which file, who owns it when it is somebody else, and the smallest option that would allow it. Everything from
 * outside is escaped; paths are as short as the working directory and the home allow.
 */
export function printRefusal(denial: Denial, places: Places): readonly string[] {
  const first = `refused: ${queryText(denial.query, places)} — ${ruleText(denial)}${placeText(denial.provenance)}`;
  const help = helpText(denial, places);
  if (help === null) return [first];
  const whole = `${first}; ${help}`;
  return whole.length <= 160 ? [whole] : [first, `  ${help}`];
}

function queryText(query: Query, places: Places): string {
  switch (query.op) {
    case "connect":
      return query.host === unnamedHost
        ? "connect to the network"
        : `connect to ${escapeText(hostText(query.host))}:${query.port}`;
    case "dns":
      return `look up ${escapeText(query.name)}`;
    case "bind":
      return `listen on port ${query.port}`;
    case "env":
      return `see variable ${escapeText(query.name)}`;
    case "connect_unix":
      return `connect to socket ${shown(query.path, places)}`;
    case "exec":
      return `run ${shown(query.path, places)}`;
    case "move":
      return `rename or remove ${shown(query.path, places)}`;
    case "read":
    case "write":
    case "create":
    case "list":
      return `${query.op} ${shown(query.path, places)}`;
  }
}

function hostText(host: string): string {
  return host.includes(":") ? `[${host}]` : host;
}

const reasons: ReadonlyMap<ReasonCode, string> = new Map([
  ["protected_name", "protected name"],
  ["credential", "credentials"],
  ["tool_state", "sandboxed-run's own state"],
  ["deny_glob", "denied by pattern"],
  ["denied_by_rule", "denied by"],
  ["read_only", "read-only by"],
  ["hidden", "hidden: the program has a private place there, by"],
  ["pinned_ancestor", "it holds a protected name"],
  ["mount_root", "it is granted by name and keeps its place, by"],
  ["environment_secret", "looks secret"],
]);

function ruleText({ rule, reason }: Denial): string {
  if (rule === null || rule.kind === "default") return "no rule allows it";
  const word = reasons.get(reason);
  const text = escapeText(rule.text);
  // Rules are quoted unless they are written with quotes or as an option.
  const quoted = /["=]|^--/.test(text) ? text : `"${text}"`;
  return word === undefined ? quoted : `${word} ${quoted}`;
}

function placeText(provenance: Provenance | null): string {
  if (provenance === null) return "";
  const { layer, owner } = provenance;
  const isTools = layer === "builtin" || layer === "invariant" || owner === "you";
  const words = [placeOf(provenance), isTools ? "" : `set by ${escapeText(owner)}`].filter((word) => word !== "");
  return words.length === 0 ? "" : ` (${words.join(", ")})`;
}

function helpText({ suggestion, retryable }: Denial, places: Places): string | null {
  if (suggestion === null) return null;
  if (suggestion.argv.length > 0 && retryable)
    return `allow with ${suggestion.argv.map((word) => wordText(word, places)).join(" ")}`;
  return suggestion.config === null ? null : escapeText(suggestion.config);
}

/** Ready to be typed; what a terminal must not see is escaped, and then no longer meant for pasting. */
function wordText(word: string, places: Places): string {
  const path = /^~?\//.test(word) ? normalise(word.startsWith("~") ? `${places.home}${word.slice(1)}` : word) : null;
  const text = path === null ? escapeText(word) : shown(path, places);
  return /^[\w@%+=:,./~-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}

/** From the working directory, or from the home as `~/x`, or whole: the shortest. */
function shown(path: string, { cwd, home }: Places): string {
  const whole = normalise(path);
  if (whole === null) return escapeText(path);
  const forms: string[] = [whole];
  if (whole === cwd) forms.push(".");
  else if (cwd !== "/" && isWithin(whole, cwd)) forms.push(startSafe(whole.slice(cwd.length + 1)));
  if (home !== "/" && whole !== home && isWithin(whole, home)) forms.push(`~${whole.slice(home.length)}`);
  return escapeText(forms.reduce((best, form) => (form.length < best.length ? form : best)));
}

/** A file called `-rf` or `~` is no option and no home. */
function startSafe(relative: string): string {
  return /^[-~]/.test(relative) ? `./${relative}` : relative;
}
