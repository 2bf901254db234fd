import type { ConfigFlags } from "../config/index.ts";
import { at, escapeText, formatDuration, formatSize } from "../policy/index.ts";
import type { Decision, Entry, Oracle, Policy, Profile, Provenance, Query } from "../policy/index.ts";

type PolicyLayer = Policy["layers"][number];

/** An option as typed, and a question whose answer shows whether it had its effect. */
type Question = readonly [option: string, query: Query];

/**
 * Options of the command line that come to nothing, or to less, because the project's file does not allow what they
 * ask for: one warning each, with the option and the line.
 */
export function cancelledOptions(policy: Policy, flags: ConfigFlags, home: string, oracle: Oracle): readonly string[] {
  const own = policy.layers[0]?.profile;
  const theirs = policy.layers.find(({ layer }) => layer === "project");
  if (own === undefined || theirs === undefined) return [];
  const { domains, unixSockets } = own.network;
  const asked: readonly Question[] = [
    ...own.filesystem.entries.filter(isFlag).flatMap((entry) => pathQuestions(entry, home)),
    ...domains
      .filter(isFlag)
      .flatMap(({ pattern, access }) => (access === "allow" ? hostQuestions(pattern, flags) : [])),
    ...unixSockets
      .filter(isFlag)
      .map(({ path }): Question => [`--allow-unix-socket ${path}`, { op: "connect_unix", path }]),
    ...flags.environment.map((word): Question => {
      const name = word.split("=", 1)[0] ?? word;
      return [`--env ${name}`, { op: "env", name }];
    }),
  ];
  const found = new Map<string, string>();
  for (const [option, query] of asked) {
    const place = found.has(option) ? null : refusalOf(query, oracle.decide(query), theirs);
    if (place !== null) found.set(option, `${escapeText(option)} has no effect here: ${place}`);
  }
  return [...networkMode(theirs, flags), ...found.values(), ...limits(theirs, own, flags)];
}

/** Who took it away, when that was the project's layer. What it has no rule for was refused by the profile it chose. */
function refusalOf(query: Query, { effect, where, provenance }: Decision, { chosenBy }: PolicyLayer): string | null {
  const isHidden = where === "private" && isPathGrant(query);
  if (effect === "allow" && !isHidden) return null;
  const isOwn = provenance !== null && provenance.layer !== "builtin" && provenance.layer !== "project";
  if (effect === "deny" && isOwn) return null;
  return placeText(provenance?.layer === "project" ? provenance : chosenBy, "does not allow it");
}

/** The host's, and nothing of the run's own, is what is granted there; `/dev` and `/proc` are always the run's own. */
function isPathGrant(query: Query): boolean {
  return (query.op === "read" || query.op === "write") && !/^\/(?:dev|proc)(?:\/|$)/.test(query.path);
}

function placeText(place: Provenance | undefined, says: string): string {
  return place === undefined ? `the project ${says}` : `${at(place)}${escapeText(place.owner)} ${says}`;
}

function pathQuestions({ target, access, text }: Entry, home: string): readonly Question[] {
  if (access === "deny" || target.kind === "glob") return [];
  if (target.kind === "path") return [[text, { op: access, path: target.path }]];
  if (target.kind === "home") return [[text, { op: access, path: `${home}/${target.subpath}` }]];
  return target.token === ":root" ? [[text, { op: access, path: "/" }]] : [];
}

/** Of a pattern one of the hosts that it stands for; ports are the usual one. */
function hostQuestions(pattern: string, flags: ConfigFlags): readonly Question[] {
  if (/\/\d+$/.test(pattern)) return [];
  const match = /^(\[[^\]]*\]|[^:]*)(?::(\d+))?$/.exec(pattern);
  if (match === null) return [];
  const [, name = "", port = "443"] = match;
  const host = name.replace(/^\[|\]$/g, "").replace(/^\*{1,2}\./, "any.");
  const isLocal = flags.hostPort.includes(port) && (host === "127.0.0.1" || host === "::1");
  const option = isLocal
    ? `--host-port ${port}`
    : flags.allowDomain.includes(pattern)
      ? `--allow-domain ${pattern}`
      : `--allow ${flags.allow.join(",")}`;
  return [[option, { op: "connect", host, port: Number(port) }]];
}

const modes = ["off", "restricted", "full"] as const;

function networkMode(
  { profile: { network }, chosenBy }: PolicyLayer,
  { network: asked }: ConfigFlags,
): readonly string[] {
  if (asked === null || modes.indexOf(network.mode) >= modes.indexOf(asked)) return [];
  const place = network.modeProvenance.layer === "project" ? network.modeProvenance : chosenBy;
  return [`--network ${asked} is cut to ${network.mode}: ${placeText(place, "allows no more")}`];
}

function limits(
  { profile: { limits: theirs }, chosenBy }: PolicyLayer,
  { limits: own }: Profile,
  flags: ConfigFlags,
): readonly string[] {
  const rows = [
    ["--timeout", flags.timeout, own.wallTime, theirs.wallTime, formatDuration],
    ["--memory", flags.memory, own.memory, theirs.memory, formatSize],
    ["--processes", flags.processes, own.processes, theirs.processes, String],
  ] as const;
  return rows.flatMap(([option, asked, mine, most, format]) => {
    const isCut = asked !== null && typeof most === "number" && (typeof mine !== "number" || most < mine);
    return isCut
      ? [`${option} ${escapeText(asked)} is cut to ${format(most)}: ${placeText(chosenBy, "allows no more")}`]
      : [];
  });
}

function isFlag({ provenance }: { readonly provenance: Provenance }): boolean {
  return provenance.layer === "flag";
}
