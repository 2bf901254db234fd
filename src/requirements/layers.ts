import { narrowing } from "../config/index.ts";
import {
  builtinProfile,
  emptyProfile,
  entryFrom,
  locating,
  readProfile,
  SandboxedError,
  selectProfile,
} from "../policy/index.ts";
import type {
  DomainRule,
  Entry,
  Layer,
  Policy,
  Profile,
  ProfilePatch,
  Provenance,
  SandboxMode,
} from "../policy/index.ts";
import { renaming } from "./source.ts";
import type { Source } from "./source.ts";
import { networkOf } from "./network.ts";
import type { NetworkRequirement } from "./network.ts";
import type { Exception } from "./exceptions.ts";
import { isOnTrial, membersOf } from "./trial.ts";
import type { DeniedMember } from "./trial.ts";

export type PolicyLayer = Policy["layers"][number];

/** What one source insists on, as layers of the policy: each takes away exactly what it says. */
export interface SourceLayers {
  readonly enforced: readonly PolicyLayer[];
  /** Those of `report_only_until`: what they would take away is recorded. */
  readonly reported: readonly PolicyLayer[];
}

/** `exceptions`: those of this source that hold now. Errors: `requirements_schema`. */
export function layersOf(source: Source, exceptions: readonly Exception[], now: number): SourceLayers {
  return renaming(() => {
    const said = networkOf(source, now);
    const ofFiles = source.get("permissions.filesystem.report_only_until");
    const enforced: PolicyLayer[] = [
      ...filesystemLayers(source, exceptions, (until) => !isOnTrial(until, ofFiles, now)),
      ...networkLayer(said, exceptions),
    ];
    const reported: readonly PolicyLayer[] = [
      ...filesystemLayers(source, exceptions, (until) => isOnTrial(until, ofFiles, now)),
      ...networkLayer({ ...said, ...said.onTrial, sockets: [], closesLocal: null, closesDangerous: null }, exceptions),
    ];
    const off = source.get("network.enabled") === false;
    if (off)
      enforced.push(
        layerFrom(source.place("network.enabled"), {
          network: {
            mode: { value: "off", provenance: source.place("network.enabled"), text: "network.enabled = false" },
          },
        }),
      );
    if (source.get("network.allow_upstream_proxy") === false)
      enforced.push(withoutUpstream(source.place("network.allow_upstream_proxy")));
    const limits = source.get("limits");
    if (limits !== undefined) {
      const place = source.place("limits");
      const patch = readProfile("requirements", { limits }, () => place);
      enforced.push(layerFrom(place, { limits: patch.limits ?? {} }));
    }
    return { enforced, reported };
  });
}

function withoutUpstream(place: Provenance): PolicyLayer {
  const open = layerFrom(place, {});
  const { profile } = open;
  return { ...open, profile: { ...profile, network: { ...profile.network, upstreamProxy: "refused" } } };
}

/**
 * Reading and writing are two layers: within one, a rule for a deeper place would reopen what another source's rule
 * denies above it. `counts`: by a member's own time of trial.
 */
function filesystemLayers(
  source: Source,
  exceptions: readonly Exception[],
  counts: (until: string | null) => boolean,
): readonly PolicyLayer[] {
  const layers: PolicyLayer[] = [];
  for (const [key, access] of [
    ["permissions.filesystem.deny_read", "deny"],
    ["permissions.filesystem.deny_write", "read"],
  ] as const) {
    const members: readonly DeniedMember[] = membersOf(source, key).filter(({ until }) => counts(until));
    if (members.length === 0) continue;
    const name = key.split(".").at(-1) ?? key;
    const denied = members.map(({ text, place }) =>
      locating(place, () => deniedEntry(text, access, place, `${name} ${JSON.stringify(text)}`)),
    );
    const reopened = exceptions.flatMap(({ entries }) =>
      entries.filter((entry) => access === "deny" || entry.access === "write"),
    );
    layers.push(layerFrom(source.place(key), { entries: withoutReopened(denied, reopened) }));
  }
  return layers;
}

/** A pattern can take a file away whole, and not its writing alone: what would match nothing is refused. */
function deniedEntry(path: string, access: "deny" | "read", place: Provenance, text: string): Entry {
  const entry = entryFrom(path, "deny", place, text);
  if (access === "deny") return entry;
  if (entry.target.kind === "token") return entryFrom(path, access, place, text);
  if (entry.target.kind !== "glob") return { ...entry, access };
  throw new SandboxedError("policy_invalid", `${JSON.stringify(path)} is a pattern, and deny_write takes none`, {
    hint: "name the file, or the folder with all below it; a backslash before *, ?, [ and { makes them plain",
  });
}

/** An exception for the very path that is denied takes the place of the rule. */
function withoutReopened(denied: readonly Entry[], reopened: readonly Entry[]): readonly Entry[] {
  const same = new Set(reopened.map(({ target }) => JSON.stringify(target)));
  return [...denied.filter(({ target }) => !same.has(JSON.stringify(target))), ...reopened];
}

function networkLayer(
  { denied, allowed, only, sockets, closesLocal, closesDangerous, place }: Omit<NetworkRequirement, "onTrial">,
  exceptions: readonly Exception[],
): readonly PolicyLayer[] {
  const excepted = new Set(exceptions.flatMap(({ domains }) => domains.map(({ pattern }) => pattern.toLowerCase())));
  const refused = denied.filter(({ pattern }) => !excepted.has(pattern.toLowerCase()));
  const domains: readonly DomainRule[] = [
    ...refused,
    ...(only === null ? [] : [...allowed, ...exceptions.flatMap(({ domains: own }) => own)]),
    ...(closesLocal === null
      ? []
      : localBlocks.map((pattern): DomainRule => ({
          pattern,
          access: "deny",
          resolveTo: [],
          provenance: closesLocal,
        }))),
  ];
  const deniedSockets = sockets.filter(({ access }) => access === "deny");
  if (domains.length === 0 && only === null && deniedSockets.length === 0 && closesDangerous === null) return [];
  const mode =
    only === null
      ? ({ value: "full", provenance: place } as const)
      : ({ value: "restricted", provenance: only, text: "managed_allowed_domains_only = true" } as const);
  const everySocket = {
    path: "/**",
    access: "allow",
    dangerous: closesDangerous === null,
    provenance: closesDangerous ?? place,
  } as const;
  return [layerFrom(only ?? place, { network: { mode, domains, unixSockets: [...deniedSockets, everySocket] } })];
}

/**
 * This machine's own and private networks (RFC 1122, 1918, 3927, 4193, 4291, 6598). Linux takes a connection to the
 * unspecified address for one to itself.
 */
const localV4 = [
  [0, 0, 8],
  [127, 0, 8],
  [10, 0, 8],
  [172, 16, 12],
  [192, 168, 16],
  [169, 254, 16],
  [100, 64, 10],
] as const;

/** In IPv6 also in the forms that carry an address of IPv4: translated (RFC 2765, 6052) and 6to4 (RFC 3056). */
const localBlocks = [
  ...localV4.flatMap(([one, two, bits]) => {
    const hex = ((one << 8) | two).toString(16);
    return [
      `${one}.${two}.0.0/${bits}`,
      `64:ff9b::${one}.${two}.0.0/${96 + bits}`,
      `::ffff:0:${one}.${two}.0.0/${96 + bits}`,
      `2002:${hex}::/${16 + bits}`,
    ];
  }),
  "::",
  "::1",
  "fc00::/7",
  "fe80::/10",
  "fec0::/10",
].map((block) => (block.includes(":") ? `[${block}]` : block));

export const layerName: Layer = "requirements";

/** A layer that takes away what the patch says and leaves everything else as it is. */
export function layerFrom(place: Provenance, patch: Omit<ProfilePatch, "name" | "provenance">): PolicyLayer {
  const name = "requirements";
  const whole = narrowing({ name, provenance: place, ...patch });
  return { layer: layerName, profile: selectProfile(name, new Map([[name, whole]])), chosenBy: place };
}

/**
 * A layer that leaves a policy no more than the mode says. What the program has of its own stays: `profile` is the
 * policy's, and says whether that is so for the home.
 */
export function modeLayer(mode: SandboxMode, profile: Profile, place: Provenance): PolicyLayer {
  const said = { ...place, layer: layerName } as const;
  const hasPrivateHome = profile.filesystem.entries.some(
    ({ target }) => target.kind === "token" && target.token === ":home",
  );
  const tokens = [
    [":root", "read"],
    ...(hasPrivateHome ? [[":home", "write"] as const] : []),
    // Where a home hides the person's, the work in it is seen all the same.
    [":workspace_roots", mode === "workspace-write" ? "write" : "read"],
  ] as const;
  const entries = tokens.map(([token, access]) => entryFrom(token, access, said, `sandbox mode ${mode}`));
  const { profile: open, ...layer } = layerFrom(place, {});
  const unixSockets = [{ path: "/**", access: "allow", dangerous: false, provenance: said } as const];
  return {
    ...layer,
    profile: {
      ...open,
      name: mode,
      filesystem: { kind: "restricted", entries },
      network: { ...open.network, unixSockets },
    },
  };
}

/** What a profile that may be used allows at most; `isNetworkOpen`: other rules say which destinations. */
export function profileLayer(profile: Profile, place: Provenance, isNetworkOpen: boolean): PolicyLayer {
  const open = builtinProfile(":danger-full-access") ?? emptyProfile(profile.name);
  const network = isNetworkOpen && profile.network.mode !== "off" ? open.network : profile.network;
  return { layer: layerName, profile: { ...profile, network }, chosenBy: place };
}
