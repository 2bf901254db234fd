import { isWithin, normalise } from "../../../policy/index.ts";
import type { AbsolutePath } from "../../../policy/index.ts";
import type { Toolchain } from "../../facts.ts";
import type { Disk } from "../facts/index.ts";

/** A directory that programs are looked for in, outside the platform. */
export interface SearchEntry {
  /** As PATH has it. */
  readonly text: string;
  readonly given: AbsolutePath;
  readonly real: AbsolutePath;
  readonly order: number;
}

interface Reader {
  readonly platform: readonly AbsolutePath[];
  readonly platformLinks: readonly AbsolutePath[];
  readonly disk: Disk;
}

export function readEntries(path: string, { platform, platformLinks, disk }: Reader): readonly SearchEntry[] {
  const shown = [...platform, ...platformLinks];
  return [...new Set(path.split(":"))].flatMap((text, order) => {
    const given = normalise(text);
    if (given === null || shown.some((root) => isWithin(given, root))) return [];
    const real = disk.canonical(given);
    return real === null ? [] : [{ text, given, real, order }];
  });
}

const ENVIRONMENT_NAMES = [".venv", "venv"];

/** The interpreters behind virtual environments, those of PATH and those of the workspace, as their `pyvenv.cfg` says. */
export function readVenvHomes(
  entries: readonly SearchEntry[],
  workspace: AbsolutePath,
  disk: Disk,
): readonly SearchEntry[] {
  const environments = [
    ...entries.filter(({ real }) => real.endsWith("/bin")).map(({ real }) => real.slice(0, -"/bin".length)),
    ...ENVIRONMENT_NAMES.map((name) => `${workspace}/${name}`),
  ];
  return environments.flatMap((environment) => {
    const file = normalise(`${environment}/pyvenv.cfg`);
    const home = file === null ? undefined : /^home\s*=\s*(\S.*?)\s*$/m.exec(disk.text(file) ?? "")?.[1];
    const given = home === undefined ? null : normalise(home);
    const real = given === null ? null : disk.canonical(given);
    return given === null || real === null ? [] : [{ text: "", given, real, order: entries.length }];
  });
}

const SYSTEM_PATH = ["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"];

/**
 * The program's PATH: the caller's, with real directories where the shims stood, so that no shim has to run and the
 * order stays what the user made it. Relative and empty entries are a trap and go.
 */
export function searchPath(path: string | undefined, toolchains: readonly Toolchain[]): readonly string[] {
  const instead = new Map<string, readonly string[]>();
  for (const { shims = [], path: real } of toolchains) {
    for (const shim of shims) if (real.length > 0) instead.set(shim, real);
  }
  const given = (path ?? "").split(":").filter((entry) => entry.startsWith("/"));
  return [...new Set((given.length === 0 ? SYSTEM_PATH : given).flatMap((entry) => instead.get(entry) ?? [entry]))];
}
