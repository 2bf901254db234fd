import { isWithin, normalise, parentPath, rootPath } from "../../../policy/index.ts";
import type { AbsolutePath } from "../../../policy/index.ts";
import type { Disk } from "../facts/index.ts";
import type { Choice } from "./managers.ts";
import { readToolFile, TOOL_FILES } from "./tool-files.ts";

export interface VersionRequest {
  readonly root: AbsolutePath;
  readonly cwd: AbsolutePath;
  readonly home: AbsolutePath;
  readonly environment: ReadonlyMap<string, string>;
  readonly disk: Disk;
}

/**
 * The program directories that the manager's stand-ins would pick in this working directory. The files that choose are
 * the project's: they choose among what is installed and nothing else.
 */
export function chosenDirectories(choice: Choice, request: VersionRequest): readonly AbsolutePath[] {
  switch (choice.by) {
    case "version-file":
      return byVersionFile(choice, request);
    case "tool-versions":
      return byToolVersions(choice, request);
    case "volta":
      return byVolta(choice, request);
    default:
      return choice.by satisfies never;
  }
}

function byVersionFile(choice: Choice, request: VersionRequest): readonly AbsolutePath[] {
  const { environment, disk, root } = request;
  const asked = environment.get(choice.variable ?? "")?.split(":");
  const words = asked ?? nearestWords(choice.file ?? "", request) ?? wordsOf(at(root, "version"), disk) ?? [];
  return words.flatMap((word) => installed(at(root, choice.installed), word, disk) ?? []);
}

function nearestWords(file: string, { cwd, disk }: VersionRequest): readonly string[] | null {
  for (const directory of upwards(cwd)) {
    const words = wordsOf(at(directory, file), disk);
    if (words !== null) return words;
  }
  return null;
}

/** The words of a version file; null when there is none or it is empty. */
function wordsOf(path: AbsolutePath, disk: Disk): readonly string[] | null {
  const text = disk.text(path);
  const words = text?.split("\n").flatMap((line) =>
    line
      .replace(/#.*/, "")
      .split(/\s+/)
      .filter((word) => word !== ""),
  );
  return words === undefined || words.length === 0 ? null : words;
}

/** Tools named in files differ from the directories they are installed in. */
const OTHER_NAMES: ReadonlyMap<string, string> = new Map([
  ["node", "nodejs"],
  ["nodejs", "node"],
  ["go", "golang"],
  ["golang", "go"],
]);

function byToolVersions(choice: Choice, request: VersionRequest): readonly AbsolutePath[] {
  const { environment, disk, root, cwd, home } = request;
  const places = [...upwards(cwd), home];
  const files = places.flatMap((directory) => TOOL_FILES.map((file) => at(directory, file)));
  const tables = [...new Set([...files, at(home, ".config/mise/config.toml")])].map((file) => readToolFile(file, disk));
  const folder = at(root, choice.installed);
  return [...disk.list(folder).keys()].toSorted().flatMap((tool) => {
    const variable = choice.variable?.replace("*", tool.toUpperCase().replaceAll("-", "_"));
    const names = [tool, OTHER_NAMES.get(tool) ?? tool];
    const version =
      environment.get(variable ?? "") ?? tables.flatMap((table) => names.flatMap((name) => table.get(name) ?? []))[0];
    return (version === undefined ? null : installed(at(folder, tool), version.split(" ", 1)[0] ?? "", disk)) ?? [];
  });
}

function byVolta(choice: Choice, request: VersionRequest): readonly AbsolutePath[] {
  const { disk, root, cwd } = request;
  const chosen = new Map<string, string>();
  for (const directory of upwards(cwd)) {
    const pinned = record(record(json(at(directory, "package.json"), disk))["volta"]);
    for (const tool of VOLTA_TOOLS) if (typeof pinned[tool] === "string") chosen.set(tool, pinned[tool]);
    if (chosen.size > 0) break;
  }
  const platform = record(json(at(root, "tools/user/platform.json"), disk));
  const node = record(platform["node"]);
  const defaults = new Map(
    Object.entries({ node: node["runtime"], npm: node["npm"], yarn: platform["yarn"], pnpm: platform["pnpm"] }),
  );
  return VOLTA_TOOLS.flatMap((tool) => {
    const version = chosen.get(tool) ?? defaults.get(tool);
    return (
      (typeof version === "string" ? installed(at(root, `${choice.installed}/${tool}`), version, disk) : null) ?? []
    );
  });
}

/** What comes first in PATH wins: an own npm before the one that came with node. */
const VOLTA_TOOLS = ["npm", "pnpm", "yarn", "node"];

const NAME = /^[A-Za-z0-9][\w.+@-]*$/;
const PROGRAMS = ["bin", "go/bin"];

/**
 * The program directory of an installed version, canonical and inside `folder`. A version may be named by its
 * beginning (`3.11` for the newest 3.11.x), with or without the tool's name before it; `system` is none.
 */
function installed(folder: AbsolutePath, word: string, disk: Disk): AbsolutePath | null {
  const bare = word.replace(/^[a-z]+-(?=\d)/, "");
  for (const name of new Set([word, bare, bare.replace(/^v/, ""), `v${bare}`])) {
    if (!NAME.test(name)) continue;
    const version = disk.look(at(folder, name)).kind === "missing" ? newest(folder, name, disk) : name;
    if (version === null) continue;
    for (const programs of PROGRAMS) {
      const real = disk.canonical(at(folder, `${version}/${programs}`));
      const inside = real !== null && isWithin(real, disk.canonical(folder) ?? folder);
      if (inside && disk.look(real).kind === "directory") return real;
    }
  }
  return null;
}

function newest(folder: AbsolutePath, beginning: string, disk: Disk): string | null {
  const matching = [...disk.list(folder).keys()].filter((name) => name.startsWith(`${beginning}.`) && NAME.test(name));
  return matching.toSorted((one, other) => compare(one, other)).at(-1) ?? null;
}

/** Number by number; what is no release (`3.13.0rc1`, `3.11-dev`) stands before every release. */
function compare(one: string, other: string): number {
  const released = Number(/^[\d.]+$/.test(one)) - Number(/^[\d.]+$/.test(other));
  if (released !== 0) return released;
  const [left, right] = [one.split("."), other.split(".")];
  for (let index = 0; index < Math.max(left.length, right.length); index++) {
    const difference = (Number.parseInt(left[index] ?? "0", 10) || 0) - (Number.parseInt(right[index] ?? "0", 10) || 0);
    if (difference !== 0) return difference;
  }
  return 0;
}

function* upwards(from: AbsolutePath): Generator<AbsolutePath> {
  for (let directory = from; ; directory = parentPath(directory)) {
    yield directory;
    if (directory === rootPath) return;
  }
}

function at(directory: AbsolutePath, name: string): AbsolutePath {
  return normalise(`${directory}/${name}`) ?? directory;
}

function json(path: AbsolutePath, disk: Disk): unknown {
  try {
    return JSON.parse(disk.text(path) ?? "null");
  } catch {
    return null;
  }
}

function record(value: unknown): Readonly<Record<string, unknown>> {
  return isRecord(value) ? value : {};
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null;
}
