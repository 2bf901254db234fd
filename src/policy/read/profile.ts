import type { Provenance } from "../model/decision.ts";
import { SandboxedError } from "../words/error.ts";
import { protectedNames } from "../model/lists.ts";
import type { Limits, ProfilePatch } from "../model/model.ts";
import { didYouMean } from "../words/nearest.ts";
import { absolutePath } from "../names/path.ts";
import { at, locating } from "../words/place.ts";
import type { PlaceOf, ProvenanceOf } from "../words/place.ts";
import { parseDuration, parseSize } from "../words/quantity.ts";
import { readEnvironment } from "./environment.ts";
import { readNetwork } from "./network.ts";
import type { Entry, Target } from "../model/rule.ts";
import type { RawAccess, RawProfile } from "./schema.ts";
import { accessFrom, readNestedTarget, readTarget } from "../model/target.ts";

/**
 * Checks what the values of one `[permissions.NAME]` table mean; their shape has been checked already.
 * Errors: `policy_invalid`, naming file, line and the nearest valid spelling.
 */
export function readProfile(name: string, raw: RawProfile, provenanceOf: ProvenanceOf): ProfilePatch {
  const place = (...keys: readonly string[]): Provenance => provenanceOf(["permissions", name, ...keys]);
  const { filesystem, network, environment, limits, protect } = raw;
  return {
    name,
    provenance: place(),
    ...(raw.description !== undefined && { description: raw.description }),
    ...(raw.extends !== undefined && { extends: { name: raw.extends, provenance: place("extends") } }),
    ...(filesystem && { entries: readFilesystem(filesystem, (...keys) => place("filesystem", ...keys)) }),
    ...(network && { network: readNetwork(network, (...keys) => place("network", ...keys)) }),
    ...(environment && { environment: readEnvironment(environment, (...keys) => place("environment", ...keys)) }),
    ...(limits && { limits: readLimits(limits, (...keys) => place("limits", ...keys)) }),
    ...(protect && { protect: readProtect(protect, (...keys) => place("protect", ...keys)) }),
    ...(raw.deny_glob !== undefined && { denyGlob: raw.deny_glob }),
    ...(raw.workspace !== undefined && { workspace: raw.workspace }),
    ...(raw.workspace_roots && {
      workspaceRoots: raw.workspace_roots.map((path) => locating(place("workspace_roots"), () => absolutePath(path))),
    }),
    ...originsOf(raw, place),
  };
}

/** Of the keys whose values are plain: numbers, words and lists of them. */
function originsOf(raw: RawProfile, place: PlaceOf): Pick<ProfilePatch, "origins"> {
  const { limits = {}, environment = {}, protect = {}, network = {} } = raw;
  const paths = [
    ...(["deny_glob", "workspace", "workspace_roots"] as const)
      .filter((key) => raw[key] !== undefined)
      .map((key) => [key]),
    ...Object.keys(limits).map((key) => ["limits", key]),
    ...Object.keys(environment).map((key) => ["environment", key]),
    ...Object.keys(protect).map((key) => ["protect", key]),
    ...(network.bundles === undefined ? [] : [["network", "bundles"]]),
  ];
  return paths.length === 0 ? {} : { origins: new Map(paths.map((path) => [path.join("."), place(...path)])) };
}

function readFilesystem(raw: NonNullable<RawProfile["filesystem"]>, place: PlaceOf): readonly Entry[] {
  return Object.entries(raw).flatMap(([key, value]) => {
    if (typeof value === "string") {
      const text = `${JSON.stringify(key)} = "${accessFrom(value)}"`;
      return [entry(value, text, place(key), () => readTarget(key, accessFrom(value)))];
    }
    return Object.entries(value).map(([sub, access]) => {
      const text = `${JSON.stringify(key)} = { ${JSON.stringify(sub)} = "${accessFrom(access)}" }`;
      return entry(access, text, place(key, sub), () => readNestedTarget(key, sub, accessFrom(access)));
    });
  });
}

function entry(access: RawAccess, text: string, provenance: Provenance, target: () => Target): Entry {
  return { target: locating(provenance, target), access: accessFrom(access), origin: "grant", text, provenance };
}

function readLimits(raw: NonNullable<RawProfile["limits"]>, place: PlaceOf): Partial<Limits> {
  const size = (key: "data" | "tmp_size" | "home_size" | "shm_size"): number | undefined => {
    const value = raw[key];
    return value === undefined ? undefined : locating(place(key), () => parseSize(value));
  };
  const count = (key: "processes" | "open_files"): number | undefined => {
    const value = raw[key];
    return value === undefined ? undefined : locating(place(key), () => wholeNumber(value));
  };
  const { memory, wall_time: wallTime, max_pause: maxPause } = raw;
  return defined({
    wallTime:
      wallTime === undefined || wallTime === "none"
        ? noneOf(wallTime)
        : locating(place("wall_time"), () => parseDuration(wallTime)),
    maxPause: maxPause === undefined ? undefined : locating(place("max_pause"), () => parseDuration(maxPause)),
    memory:
      memory === undefined || memory === "auto" || memory === "none"
        ? memory === "auto"
          ? memory
          : noneOf(memory)
        : locating(place("memory"), () => parseSize(memory)),
    data: size("data"),
    processes: count("processes"),
    openFiles: count("open_files"),
    tmpSize: size("tmp_size"),
    homeSize: size("home_size"),
    shmSize: size("shm_size"),
  });
}

/** `"none"` takes a limit away; absent leaves it as it is. */
function noneOf(value: string | undefined): null | undefined {
  return value === undefined ? undefined : null;
}

function wholeNumber(value: number): number {
  if (Number.isSafeInteger(value) && value > 0) return value;
  throw new SandboxedError("policy_invalid", `${value} is not a whole number above 0`);
}

function readProtect(raw: NonNullable<RawProfile["protect"]>, place: PlaceOf): NonNullable<ProfilePatch["protect"]> {
  const { tools } = protectedNames();
  for (const name of raw.off ?? []) {
    if (name === "*" || tools.includes(name)) continue;
    const git = name === ".git" || name.startsWith(".git/");
    throw new SandboxedError(
      "policy_invalid",
      `${at(place("off"))}${JSON.stringify(name)} is not on the list of protected names${didYouMean(name, tools)}`,
      { hint: git ? 'what git obeys is switched with protect.git = "off"' : `names are ${tools.join(" ")}` },
    );
  }
  return {
    provenance: place(),
    ...(raw.git !== undefined && { git: raw.git }),
    ...(raw.missing !== undefined && { missing: raw.missing }),
    ...(raw.off && { off: new Set(raw.off) }),
  };
}

/** Without the keys whose value is undefined. */
function defined<T extends object>(value: { readonly [K in keyof T]: T[K] | undefined }): Partial<T> {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the filter leaves exactly the keys that have a value
  return Object.fromEntries(Object.entries(value).filter(([, member]) => member !== undefined)) as Partial<T>;
}
