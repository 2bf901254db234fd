import type { Provenance } from "../model/decision.ts";
import { SandboxedError } from "../words/error.ts";
import type { ProfilePatch } from "../model/model.ts";
import { absolutePath } from "../names/path.ts";
import type { AbsolutePath } from "../names/path.ts";
import { at, locating } from "../words/place.ts";
import type { PlaceOf, ProvenanceOf } from "../words/place.ts";
import type { Access, Entry, Target, Token } from "../model/rule.ts";
import type { RawLegacySettings, RawReadAccess, RawSandboxPolicy } from "./schema.ts";

type Mode = "read-only" | "workspace-write" | "danger-full-access" | "external";

/** Both older forms, brought to one. */
interface Legacy {
  readonly mode: Mode;
  readonly network: boolean;
  readonly writableRoots: readonly string[];
  readonly excludeTmpdir: boolean;
  readonly excludeSlashTmp: boolean;
  readonly read: RawReadAccess;
  readonly place: PlaceOf;
}

/**
 * The older forms as a patch for `emptyProfile`: the settings `sandbox_mode` and `sandbox_workspace_write`, or
 * `SandboxPolicy` as agent hosts send it. `sandboxRoot` is the directory that the form calls its workspace, which
 * need not be where the command runs; null means `:workspace_roots`. Reading credentials stays denied, as in every
 * built-in profile. Errors: `policy_invalid`.
 */
export function readLegacy(
  raw: RawLegacySettings | RawSandboxPolicy,
  provenanceOf: ProvenanceOf,
  sandboxRoot: AbsolutePath | null = null,
): ProfilePatch {
  const legacy = "type" in raw ? fromPolicy(raw, provenanceOf) : fromSettings(raw, provenanceOf);
  const provenance = legacy.place();
  const common = {
    name: legacy.mode,
    provenance,
    workspace: "cwd" as const,
    network: { mode: { value: legacy.network ? ("full" as const) : ("off" as const), provenance } },
  };
  if (legacy.mode === "danger-full-access") return { ...common, kind: "unrestricted" };
  if (legacy.mode === "external") return { ...common, kind: "external" };
  return { ...common, kind: "restricted", entries: [...readEntries(legacy), ...writeEntries(legacy, sandboxRoot)] };
}

function fromSettings(raw: RawLegacySettings, provenanceOf: ProvenanceOf): Legacy {
  const write = raw.sandbox_workspace_write ?? {};
  const mode = raw.sandbox_mode ?? "read-only";
  const inTable = raw.sandbox_workspace_write !== undefined;
  return {
    mode,
    network: mode === "danger-full-access" || (mode === "workspace-write" && write.network_access === true),
    writableRoots: write.writable_roots ?? [],
    excludeTmpdir: write.exclude_tmpdir_env_var ?? false,
    excludeSlashTmp: write.exclude_slash_tmp ?? false,
    read: { type: "fullAccess" },
    place: (...keys) =>
      provenanceOf(keys.length > 0 && inTable ? ["sandbox_workspace_write", ...keys] : ["sandbox_mode"]),
  };
}

function fromPolicy(raw: RawSandboxPolicy, provenanceOf: ProvenanceOf): Legacy {
  const place: PlaceOf = (...keys) => provenanceOf(keys);
  const common = { writableRoots: [], excludeTmpdir: false, excludeSlashTmp: false, read: fullRead, place };
  switch (raw.type) {
    case "dangerFullAccess":
      return { ...common, mode: "danger-full-access", network: true };
    case "externalSandbox": {
      const network = one(raw, "networkAccess", "network_access", place);
      return { ...common, mode: "external", network: network === "enabled" };
    }
    case "readOnly": {
      const network = one(raw, "networkAccess", "network_access", place) ?? false;
      return { ...common, mode: "read-only", network, read: raw.access ?? fullRead };
    }
    case "workspaceWrite": {
      const old = one(raw, "readOnlyAccess", "read_only_access", place);
      if (old !== undefined && raw.access !== undefined) throw twice("access", "read_only_access", place);
      return {
        mode: "workspace-write",
        network: one(raw, "networkAccess", "network_access", place) ?? false,
        writableRoots: one(raw, "writableRoots", "writable_roots", place) ?? [],
        excludeTmpdir: one(raw, "excludeTmpdirEnvVar", "exclude_tmpdir_env_var", place) ?? false,
        excludeSlashTmp: one(raw, "excludeSlashTmp", "exclude_slash_tmp", place) ?? false,
        read: raw.access ?? old ?? fullRead,
        place,
      };
    }
  }
}

const fullRead: RawReadAccess = { type: "fullAccess" };

/** A field that has two spellings. */
function one<T extends object, K extends keyof T, L extends keyof T>(
  raw: T,
  key: K,
  other: L,
  place: PlaceOf,
): T[K] | T[L] {
  if (raw[key] !== undefined && raw[other] !== undefined) throw twice(String(key), String(other), place);
  return raw[key] ?? raw[other];
}

function twice(key: string, other: string, place: PlaceOf): SandboxedError {
  return new SandboxedError("policy_invalid", `${at(place(other))}${key} and ${other} are the same field`, {
    hint: `keep ${key} alone`,
  });
}

function readEntries({ read, place }: Legacy): readonly Entry[] {
  const defaults = read.includePlatformDefaults ?? read.include_platform_defaults ?? true;
  const roots = read.readableRoots ?? read.readable_roots ?? [];
  if (read.type === "fullAccess") {
    const fields = [
      read.readableRoots,
      read.readable_roots,
      read.includePlatformDefaults,
      read.include_platform_defaults,
    ];
    if (fields.some((field) => field !== undefined)) {
      throw new SandboxedError("policy_invalid", `${at(place("access"))}fullAccess takes no further fields`, {
        hint: 'write type = "restricted", or leave them out',
      });
    }
    return [entry(token(":root"), "read", place())];
  }
  const platform = defaults ? [":minimal" as const, ":toolchains" as const] : [];
  return [
    ...platform.map((name) => entry(token(name), "read", place())),
    ...roots.map((path) => entry(named(path, place("access")), "read", place("access"))),
  ];
}

function writeEntries(legacy: Legacy, sandboxRoot: AbsolutePath | null): readonly Entry[] {
  if (legacy.mode !== "workspace-write") return [];
  const { place } = legacy;
  const root: Target = sandboxRoot === null ? token(":workspace_roots") : { kind: "path", path: sandboxRoot };
  return [
    entry(root, "write", place()),
    ...(legacy.excludeSlashTmp ? [] : [entry(token(":slash_tmp"), "write", place())]),
    ...(legacy.excludeTmpdir ? [] : [entry(token(":tmpdir"), "write", place())]),
    ...legacy.writableRoots.map((path) =>
      entry(named(path, place("writable_roots")), "write", place("writable_roots")),
    ),
  ];
}

function token(name: Token): Target {
  return { kind: "token", token: name, subpath: "" };
}

function named(path: string, provenance: Provenance): Target {
  return { kind: "path", path: locating(provenance, () => absolutePath(path)) };
}

/** Marked, so that a readable root inside a writable one changes nothing, whatever symlinks lie between. */
function entry(target: Target, access: Access, provenance: Provenance): Entry {
  const shown = target.kind === "path" ? target.path : target.kind === "token" ? target.token : "";
  return { target, access, origin: "grant", text: `${JSON.stringify(shown)} = "${access}"`, provenance, legacy: true };
}
