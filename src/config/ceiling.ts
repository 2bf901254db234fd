import { userInfo } from "node:os";
import { join } from "node:path";
import { selectProfile } from "../policy/index.ts";
import type { Policy, Profile, ProfilePatch, Provenance } from "../policy/index.ts";
import { where } from "./document.ts";
import type { ConfigLayer, Sources } from "./layers.ts";
import { located } from "./located.ts";

type PolicyLayer = Policy["layers"][number];

/**
 * The most that anybody who types a command line gets: one layer for each file of the administrator's and the user's
 * that sets `ceiling`. `own` are those two, lowest first; `account` is the file in the account's home where variables
 * moved the user's elsewhere, which the one who types the command could have done. Errors: `policy_invalid`.
 */
export function ceilingLayers({ own, account, managed }: Sources): readonly PolicyLayer[] {
  const system = own.filter(({ document }) => document.layer === "system");
  const settled = own.filter(({ document }) => document.layer === "system" || document.layer === "user");
  return [
    ...settled.flatMap((layer) =>
      ceilingOf(layer, layer.document.layer === "system" ? system : settled, managed.profiles),
    ),
    ...(account === null ? [] : ceilingOf(account, [...system, account], managed.profiles)),
  ];
}

/** The user's file by the account database, whatever the environment says; null where it has no home. */
export function accountConfigFile(): string | null {
  try {
    return join(userInfo().homedir, ".config", "sandboxed", "config.toml");
  } catch {
    return null; // a user id without an account
  }
}

function ceilingOf(
  { document, raw }: ConfigLayer,
  known: readonly ConfigLayer[],
  managed: ReadonlyMap<string, ProfilePatch>,
): readonly PolicyLayer[] {
  const { ceiling } = raw;
  if (ceiling === undefined) return [];
  const definitions = new Map<string, ProfilePatch>([...managed, ...known.flatMap(({ profiles }) => [...profiles])]);
  const profile = located(where(document, ["ceiling"]), () => selectProfile(ceiling, definitions));
  const { file, line, column, owner } = document.provenance(["ceiling"]);
  const chosenBy: Provenance = { layer: "ceiling", file, line, column, owner };
  return [{ layer: "ceiling", profile: boundOf(profile), chosenBy }];
}

/** A bound brings nothing of its own into a run. */
function boundOf(profile: Profile): Profile {
  return {
    ...profile,
    network: { ...profile.network, credentials: [] },
    environment: { ...profile.environment, set: new Map() },
  };
}
