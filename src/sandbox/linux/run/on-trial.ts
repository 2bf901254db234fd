import { compile, resolve, SandboxedError } from "../../../policy/index.ts";
import type {
  AbsolutePath,
  Entry,
  Oracle,
  Policy,
  Provenance,
  ResolvedLayer,
  ResolvedPolicy,
} from "../../../policy/index.ts";
import { openDisk } from "../facts/index.ts";
import type { Disk } from "../facts/index.ts";
import { expandDenyGlobs, writableRoots } from "./deny-globs.ts";

/** Something of the host that a run is granted, and the rule on trial that would take it away. */
interface OnTrial {
  /** The place itself; for a pattern of which there are too many to look at, the pattern; or the full network. */
  readonly target: string;
  readonly rule: string;
  readonly provenance: Provenance;
}

/** So many of one launch: more tell nobody more. */
const MOST = 100;

/**
 * What layers that do not hold would take from a run: the places that they name, what their patterns match now, and a
 * network without a door.
 */
export function onTrial(
  layers: Policy["layers"],
  { oracle, resolved }: { readonly oracle: Oracle; readonly resolved: ResolvedPolicy },
  disk: Disk = openDisk(),
): readonly OnTrial[] {
  if (layers.length === 0) return [];
  const trial = resolve({ layers }, resolved.places);
  const isGranted = (op: "read" | "write", path: AbsolutePath): boolean => {
    const { effect, where } = oracle.decide({ op, path });
    return effect === "allow" && where !== "private";
  };
  const required = trial.layers.filter(({ layer }) => layer === "requirements");
  const network = resolved.networkMode === "full" ? required.flatMap(fullNetwork).slice(0, 1) : [];
  const named = required.flatMap(({ entries }) =>
    entries.flatMap(({ path, access, entry }): readonly OnTrial[] =>
      access !== "write" &&
      entry.provenance.layer === "requirements" &&
      isGranted(access === "deny" ? "read" : "write", path)
        ? [taken(path, entry)]
        : [],
    ),
  );
  const told = [...network, ...named];
  const patterns = required.flatMap(({ denyGlobs }) => denyGlobs);
  const [first] = patterns;
  if (first === undefined) return told.slice(0, MOST);
  const held = resolved.layers.map((layer) => ({ ...layer, denyGlobs: [] }));
  const both: ResolvedPolicy = { ...resolved, layers: [...held, ...required], denyGlob: "snapshot" };
  const tried = compile(both);
  try {
    const found = expandDenyGlobs(both, tried, writableRoots(oracle), disk).flatMap((path) => {
      const { rule } = tried.decide({ op: "read", path });
      const entry = patterns.find((one) => one.entry.text === rule?.text)?.entry;
      return entry !== undefined && isGranted("read", path) ? [taken(path, entry)] : [];
    });
    return [...told, ...found].slice(0, MOST);
  } catch (error) {
    if (!(error instanceof SandboxedError) || error.code !== "policy_unenforceable") throw error;
    // In force, the rule would refuse the whole run.
    return [...told, taken(first.pattern, first.entry)].slice(0, MOST);
  }
}

function taken(target: string, { text, provenance }: Entry): OnTrial {
  return { target, rule: text, provenance };
}

/** Rules for destinations are held by a door, which a full network does not have. */
function fullNetwork({ network: { domains, mode, modeProvenance } }: ResolvedLayer): readonly OnTrial[] {
  const target = 'network.mode = "full"';
  const denied = domains.flatMap(({ access, pattern, provenance }) =>
    access === "deny" ? [{ target, rule: `"${pattern}" = "deny"`, provenance }] : [],
  );
  return mode === "full" ? denied : [{ target, rule: `mode = "${mode}"`, provenance: modeProvenance }];
}
