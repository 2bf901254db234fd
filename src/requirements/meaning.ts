import { at, readProfile, SandboxedError } from "../policy/index.ts";
import type { ProfilePatch, Provenance } from "../policy/index.ts";
import { keyNames, keys } from "./keys.ts";
import { renaming } from "./source.ts";
import type { Source } from "./source.ts";
import { trialsOf } from "./trial.ts";

/** Checks what the values of one source mean, as far as nobody else does. Errors: `requirements_schema`. */
export function checkMeaning(source: Source): void {
  const { get, place } = source;
  for (const key of keyNames) {
    const value = get(key);
    const isSet = keys[key].combine === "intersection";
    if (isSet && namesIn(value)?.length === 0) {
      throw invalid(place(key), `${key} cannot be empty`, "list what is allowed, or leave the key out");
    }
  }
  for (const [index, modes] of modesIn(source).entries()) {
    if (modes.value.includes("read-only")) continue;
    const hint = 'add "read-only": what may do less than is allowed must stay possible';
    throw invalid(modes.place, `${index === 0 ? "allowed_sandbox_modes" : "an entry"} must list "read-only"`, hint);
  }
  for (const key of ["tool.min_version", "tool.max_version"] as const) {
    const version = get(key);
    if (version === undefined || /^\d{1,9}(?:\.\d{1,9}){0,2}$/.test(version)) continue;
    throw invalid(place(key), `${JSON.stringify(version)} is no version`, 'write it as "1.2.3"');
  }
  for (const [key, value] of timesIn(source)) {
    if (isTime(value)) continue;
    throw invalid(
      key,
      `${JSON.stringify(value)} is no point in time`,
      "write it as 2027-01-01T00:00:00Z, with its zone",
    );
  }
  checkTrials(source);
  checkLimits(source);
  for (const [name, on] of Object.entries(get("features") ?? {})) {
    if (on && !source.isAdministrators) {
      throw invalid(
        place("features", name),
        `features.${name} = true counts only in a source of the administrator's`,
        "leave it out: what you give here can only narrow",
      );
    }
  }
  for (const [index, rule] of (get("rules.prefix_rules") ?? []).entries()) {
    const isEmpty =
      rule.pattern.length === 0 ||
      rule.pattern.some((token) => typeof token === "object" && "any_of" in token && token.any_of.length === 0);
    if (isEmpty)
      throw invalid(
        place("rules.prefix_rules", index, "pattern"),
        "a pattern needs at least one word",
        "name the command it is about",
      );
  }
}

/** An upper bound is an amount. */
function checkLimits({ get, place }: Source): void {
  const limits = get("limits") ?? {};
  for (const [name, value] of Object.entries(limits)) {
    if (value !== "none" && value !== "auto") continue;
    throw invalid(
      place("limits", name),
      `${JSON.stringify(value)} is no upper bound`,
      "write an amount, or leave it out",
    );
  }
  readProfile("requirements", { limits }, ([, , , ...name]) => place("limits", ...name));
}

/** Profiles that the source defines. Errors: `requirements_schema`. */
export function profilesOf(source: Source): ReadonlyMap<string, ProfilePatch> {
  return renaming(
    () =>
      new Map(
        Object.entries(source.get("permissions.*") ?? {}).map(([name, raw]) => {
          if (name.startsWith(":")) {
            const place = source.place("permissions.*", name);
            throw invalid(place, `the name ${name} belongs to sandboxed-run`, "choose another name");
          }
          return [name, readProfile(name, raw, ([, ...rest]) => source.place("permissions.*", ...rest))] as const;
        }),
      ),
  );
}

function modesIn({ get, place }: Source): readonly { readonly value: readonly string[]; readonly place: Provenance }[] {
  const value = get("allowed_sandbox_modes");
  const remote = get("remote_sandbox_config") ?? [];
  return [
    ...(value === undefined ? [] : [{ value, place: place("allowed_sandbox_modes") }]),
    ...remote.map((entry, index) => ({
      value: entry.allowed_sandbox_modes,
      place: place("remote_sandbox_config", index, "allowed_sandbox_modes"),
    })),
  ];
}

function timesIn(source: Source): readonly (readonly [Provenance, string])[] {
  const { get, place } = source;
  const expires = get("expires");
  return [
    ...(expires === undefined ? [] : [[place("expires"), expires] as const]),
    ...(get("exceptions") ?? []).map(
      ({ expires: end }, index) => [place("exceptions", index, "expires"), end] as const,
    ),
    ...trialsOf(source),
  ];
}

/** What is on trial holds less, and what is allowed cannot be on trial. */
function checkTrials(source: Source): void {
  const { get, place, isAdministrators } = source;
  const [first] = trialsOf(source);
  if (first !== undefined && !isAdministrators) {
    throw invalid(
      first[0],
      "report_only_until counts only in a source of the administrator's",
      "leave it out: what you give here can only narrow",
    );
  }
  for (const [pattern, rule] of Object.entries(get("network.domains") ?? {})) {
    if (typeof rule === "string" || rule.access === "deny" || rule.report_only_until === undefined) continue;
    throw invalid(
      place("network.domains", pattern),
      "only what is denied can be on trial",
      "leave report_only_until out, or deny the destination",
    );
  }
}

/** With a zone: a time of day somewhere is no point in time. */
function isTime(text: string): boolean {
  return (
    /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)$/.test(text) && Number.isFinite(Date.parse(text))
  );
}

function namesIn(value: unknown): readonly unknown[] | null {
  if (Array.isArray(value)) return value;
  if (typeof value !== "object" || value === null) return null;
  return Object.values(value).filter((on) => on === true);
}

export function invalid(place: Provenance, message: string, hint: string): SandboxedError {
  return new SandboxedError("requirements_schema", `${at(place)}${message}`, { hint });
}
