import { compile, escapeText, placeOf, resolve, SandboxedError } from "../policy/index.ts";
import type { Entry, Layer, Oracle, Places, Policy, Profile, Provenance, Query } from "../policy/index.ts";

type PolicyLayer = Policy["layers"][number];

/** Something a policy asks for that its ceiling does not leave. */
interface Excess {
  readonly text: string;
  /** Who asked; null where that is not known. */
  readonly said: Provenance | null;
}

/** What is typed for one run, or handed in by a program. */
const typed: ReadonlySet<Layer> = new Set(["flag", "file", "override", "api", "grant"]);

/**
 * Compares what is asked for with the ceilings among the layers. The run gets no more than they leave in any case; this
 * says so. Errors: `ceiling_exceeded` for what was asked for this run. Returns a warning for each excess of the files.
 */
export function refuseExcess(policy: Policy, places: Places): readonly string[] {
  const ceilings = policy.layers.filter(({ layer }) => layer === "ceiling");
  const asking = policy.layers.filter(({ layer }) => !["ceiling", "requirements", "project"].includes(layer));
  if (ceilings.length === 0 || asking.length === 0) return [];
  const oracleOf = (layers: readonly PolicyLayer[]): Oracle => compile(resolve({ layers }, places));
  const [alone, bounded] = [oracleOf(asking), oracleOf([...asking, ...ceilings])];
  const isExcess = (query: Query): boolean => isHosts(alone, query) && !isHosts(bounded, query);
  const found = asking.flatMap((layer) => ceilings.flatMap((ceiling) => excesses(layer, ceiling, isExcess, places)));
  const place = ceilings.map(({ chosenBy }) => placeText(chosenBy)).join(" and ");
  const asked = found.find(({ said }) => said !== null && typed.has(said.layer));
  if (asked !== undefined) {
    throw new SandboxedError("ceiling_exceeded", `${asked.text} is above the ceiling (${place})`, {
      hint: "no option raises it: ask for less, or change the ceiling in that file",
    });
  }
  return [...new Set(found.map(({ text, said }) => `${text} (${placeText(said)}) is cut by the ceiling (${place})`))];
}

function isHosts(oracle: Oracle, query: Query): boolean {
  const { effect, where } = oracle.decide(query);
  return effect === "allow" && (where !== "private" || query.op === "env");
}

function excesses(
  { profile, chosenBy, layer }: PolicyLayer,
  { profile: most }: PolicyLayer,
  isExcess: (query: Query) => boolean,
  places: Places,
): readonly Excess[] {
  const chosen: Provenance = chosenBy ?? { layer, file: null, line: null, column: null, owner: "you" };
  // What a built-in profile says was said by who chose it.
  const by = (said: Provenance): Provenance => (said.layer === "builtin" ? chosen : said);
  if (profile.filesystem.kind !== "restricted" && most.filesystem.kind === "restricted") {
    return [{ text: `a run without a sandbox, profile ${escapeText(profile.name)},`, said: chosen }];
  }
  const { network, environment } = profile;
  const asked: readonly (readonly [text: string, query: Query, said: Provenance])[] = [
    ...profile.filesystem.entries.flatMap((entry) =>
      questions(entry, places).map((query) => [entry.text, query, by(entry.provenance)] as const),
    ),
    ...network.domains.flatMap(({ pattern, access, provenance }) =>
      access === "deny" ? [] : hosts(pattern).map((query) => [pattern, query, by(provenance)] as const),
    ),
    ...network.unixSockets.flatMap(({ path, access, provenance }) =>
      access === "deny" || path.includes("*") ? [] : [[path, { op: "connect_unix", path }, by(provenance)] as const],
    ),
    ...environment.include.flatMap((name) =>
      name.includes("*") ? [] : [[`variable ${name}`, { op: "env", name }, by(environment.provenance)] as const],
    ),
  ];
  return [
    ...modes(profile, most, by(network.modeProvenance)),
    ...asked.flatMap(([text, query, said]) => (isExcess(query) ? [{ text: escapeText(text), said }] : [])),
    ...limits(profile, most),
    ...protection(profile, most),
  ];
}

const ranks = ["off", "restricted", "full"] as const;

/** A restricted network without destinations is none; the default says no more than that. */
function modes(own: Profile, most: Profile, said: Provenance): readonly Excess[] {
  const { mode, domains } = own.network;
  const isMore = ranks.indexOf(mode) > ranks.indexOf(most.network.mode);
  const isAsked = mode === "full" || domains.some(({ access }) => access === "allow") || typed.has(said.layer);
  return isMore && isAsked ? [{ text: `network ${mode}`, said }] : [];
}

function questions({ target, access }: Entry, places: Places): readonly Query[] {
  if (access === "deny" || target.kind === "glob") return [];
  const paths = ((): readonly string[] => {
    if (target.kind === "path") return [target.path];
    if (target.kind === "home") return [`${places.home}/${target.subpath}`];
    const below = target.subpath === "" ? "" : `/${target.subpath}`;
    switch (target.token) {
      case ":root":
        return ["/", "/etc/fstab", "/var/lib", "/opt/any", places.home];
      case ":workspace_roots":
        return places.workspaceRoots.map((root) => `${root}${below}`);
      case ":tmpdir":
        return places.tmpdir === null ? [] : [`${places.tmpdir}${below}`];
      case ":slash_tmp":
        return [`/tmp${below}`];
      case ":home":
      case ":minimal":
      case ":toolchains":
        return [];
    }
  })();
  return paths.map((path) => ({ op: access, path }));
}

/** Of a pattern one of the hosts that it stands for; a block of addresses is cut without a word. */
function hosts(pattern: string): readonly Query[] {
  if (/\/\d+$/.test(pattern)) return [];
  const match = /^(\[[^\]]*\]|[^:]*)(?::(\d+))?$/.exec(pattern);
  const host = (match?.[1] ?? "").replace(/^\[|\]$/g, "").replace(/^\*{1,2}\./, "any-name.");
  return host === "" ? [] : [{ op: "connect", host, port: Number(match?.[2] ?? "443") }];
}

/** Only what somebody asked for: of two defaults the lesser holds. */
function limits({ limits: own, origins }: Profile, { limits: most }: Profile): readonly Excess[] {
  const rows = [
    ["wall_time", own.wallTime, most.wallTime],
    ["max_pause", own.maxPause, most.maxPause],
    ["memory", own.memory, most.memory],
    ["data", own.data, most.data],
    ["processes", own.processes, most.processes],
    ["open_files", own.openFiles, most.openFiles],
    ["tmp_size", own.tmpSize, most.tmpSize],
    ["home_size", own.homeSize, most.homeSize],
    ["shm_size", own.shmSize, most.shmSize],
  ] as const;
  return rows.flatMap(([key, mine, theirs]) => {
    const said = origins?.get(`limits.${key}`);
    const isMore = typeof theirs === "number" && (mine === null || (typeof mine === "number" && mine > theirs));
    return said !== undefined && isMore ? [{ text: `limits.${key}`, said }] : [];
  });
}

function protection({ protect: own }: Profile, { protect: most }: Profile): readonly Excess[] {
  const levels = ["all", "metadata", "off"] as const;
  const off = [...own.off].find((name) => !most.off.has(name) && !most.off.has("*"));
  return [
    ...(levels.indexOf(own.git) > levels.indexOf(most.git)
      ? [{ text: `protect.git = "${own.git}"`, said: own.provenance }]
      : []),
    ...(off === undefined ? [] : [{ text: `protect.off ${escapeText(off)}`, said: own.provenance }]),
  ];
}

function placeText(place: Provenance | null | undefined): string {
  return place == null ? "the policy" : placeOf(place) || place.layer;
}
