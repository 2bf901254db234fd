import { compile, resolve, SandboxedError } from "../../../policy/index.ts";
import type { AbsolutePath, Entry, Oracle, Policy, ResolvedPolicy } from "../../../policy/index.ts";
import { openDisk } from "../facts/index.ts";
import type { Disk } from "../facts/index.ts";
import { expandDenyGlobs, writableRoots } from "./deny-globs.ts";

/** Something of the host that a run is granted, and the rule on trial that would take it away. */
interface OnTrial {
  /** The place itself; for a pattern of which there are too many to look at, the pattern. */
  readonly target: string;
  readonly entry: Entry;
}

/** So many of one launch: more tell nobody more. */
const MOST = 100;

/** What layers that do not hold would take from a run: the places that they name, and what their patterns match now. */
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
  const named = required.flatMap(({ entries }) =>
    entries.flatMap(({ path, access, entry }): readonly OnTrial[] =>
      access !== "write" &&
      entry.provenance.layer === "requirements" &&
      isGranted(access === "deny" ? "read" : "write", path)
        ? [{ target: path, entry }]
        : [],
    ),
  );
  const patterns = required.flatMap(({ denyGlobs }) => denyGlobs);
  const [first] = patterns;
  if (first === undefined) return named.slice(0, MOST);
  const held = resolved.layers.map((layer) => ({ ...layer, denyGlobs: [] }));
  const both: ResolvedPolicy = { ...resolved, layers: [...held, ...required], denyGlob: "snapshot" };
  const tried = compile(both);
  try {
    const found = expandDenyGlobs(both, tried, writableRoots(oracle), disk).flatMap((path) => {
      const { rule } = tried.decide({ op: "read", path });
      const entry = patterns.find((one) => one.entry.text === rule?.text)?.entry;
      return entry !== undefined && isGranted("read", path) ? [{ target: path, entry }] : [];
    });
    return [...named, ...found].slice(0, MOST);
  } catch (error) {
    if (!(error instanceof SandboxedError) || error.code !== "policy_unenforceable") throw error;
    // In force, the rule would refuse the whole run.
    return [...named, { target: first.pattern, entry: first.entry }].slice(0, MOST);
  }
}
