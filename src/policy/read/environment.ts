import { SandboxedError } from "../words/error.ts";
import type { ProfilePatch } from "../model/model.ts";
import { at } from "../words/place.ts";
import type { PlaceOf } from "../words/place.ts";
import type { RawProfile } from "./schema.ts";

/** Checks the table `environment` of a profile. Errors: `policy_invalid`. */
export function readEnvironment(
  raw: NonNullable<RawProfile["environment"]>,
  place: PlaceOf,
): NonNullable<ProfilePatch["environment"]> {
  for (const key of ["include", "exclude"] as const) {
    for (const pattern of raw[key] ?? []) checkName(pattern, /^[^=\0\r\n]+$/, place, key);
  }
  if (raw.include?.includes("*") && place("include").layer !== "builtin") {
    throw new SandboxedError("policy_invalid", `${at(place("include"))}"*" would hand over secrets as well`, {
      hint: 'write inherit = "all", and name each secret that the program needs',
    });
  }
  for (const [name, value] of Object.entries(raw.set ?? {})) {
    checkName(name, /^[^=\0\r\n*]+$/, place, "set", name);
    if (value.includes("\0")) {
      throw new SandboxedError("policy_invalid", `${at(place("set", name))}the value of ${name} holds NUL`);
    }
  }
  return {
    provenance: place(),
    ...(raw.inherit !== undefined && { inherit: raw.inherit }),
    ...(raw.include && { include: raw.include }),
    ...(raw.exclude && { exclude: raw.exclude }),
    ...(raw.set && { set: new Map(Object.entries(raw.set)) }),
  };
}

function checkName(name: string, allowed: RegExp, place: PlaceOf, ...keys: readonly string[]): void {
  if (allowed.test(name)) return;
  throw new SandboxedError(
    "policy_invalid",
    `${at(place(...keys))}${JSON.stringify(name)} cannot be the name of a variable`,
  );
}
