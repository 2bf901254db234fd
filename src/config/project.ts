import type { Limits, ProfilePatch } from "../policy/index.ts";

/** Every table of it says "everything". */
const everything = ":danger-full-access";

const unlimited: Limits = {
  wallTime: null,
  maxPause: Infinity,
  memory: null,
  data: null,
  processes: Infinity,
  openFiles: Infinity,
  tmpSize: Infinity,
  homeSize: Infinity,
  shmSize: Infinity,
};

/** Profiles as a project means them: its own, and those of the user that they may extend. */
export function projectDefinitions(
  own: ReadonlyMap<string, ProfilePatch>,
  project: ReadonlyMap<string, ProfilePatch>,
): ReadonlyMap<string, ProfilePatch> {
  return new Map([...own, ...[...project].map(([name, patch]) => [name, narrowing(patch)] as const)]);
}

/**
 * A project's profile takes away exactly what it says: one that extends nothing brings no other restriction, so that
 * what the user grants beside it stays granted. To list destinations is to say that there are no others.
 */
export function narrowing(patch: ProfilePatch): ProfilePatch {
  if (patch.extends !== undefined) return patch;
  const { network } = patch;
  const listed = network?.domains?.find(({ access }) => access === "allow")?.provenance;
  const lists = listed !== undefined || (network?.bundles ?? []).length > 0;
  const mode = { value: "restricted", provenance: listed ?? patch.provenance } as const;
  return {
    ...patch,
    extends: { name: everything, provenance: patch.provenance },
    limits: { ...unlimited, ...patch.limits },
    ...(lists && network?.mode === undefined ? { network: { ...network, mode } } : {}),
  };
}
