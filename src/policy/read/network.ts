import { bundles } from "../../generated/data.ts";
import type { Provenance } from "../model/decision.ts";
import { parseDomainPattern, parseNetwork } from "../names/host.ts";
import { SandboxedError } from "../words/error.ts";
import { isDangerousSocket } from "../model/lists.ts";
import { readCredentials } from "./credentials.ts";
import { checkMethod, compilePath } from "../names/http-path.ts";
import type { DomainRule, HttpRule, ProfilePatch, UnixSocketRule } from "../model/model.ts";
import { didYouMean } from "../words/nearest.ts";
import { absolutePath, components, joinPath } from "../names/path.ts";
import { at, locating } from "../words/place.ts";
import type { PlaceOf } from "../words/place.ts";
import type { RawProfile } from "./schema.ts";

type RawNetwork = NonNullable<RawProfile["network"]>;

export const bundleNames: readonly string[] = Object.keys(bundles);

/** Checks the table `network` of a profile. Errors: `policy_invalid`. */
export function readNetwork(raw: RawNetwork, place: PlaceOf): NonNullable<ProfilePatch["network"]> {
  for (const name of raw.bundles ?? []) {
    if (bundleNames.includes(name)) continue;
    const message = `${at(place("bundles"))}there is no bundle ${JSON.stringify(name)}${didYouMean(name, bundleNames)}`;
    throw new SandboxedError("policy_invalid", message, { hint: `bundles are ${bundleNames.join(", ")}` });
  }
  return {
    ...(raw.mode !== undefined && { mode: { value: raw.mode, provenance: place("mode") } }),
    ...(raw.bundles && { bundles: raw.bundles }),
    ...((raw.domains ?? raw.bundles) && {
      domains: [
        ...bundleRules(raw.bundles ?? [], place("bundles")),
        ...readDomains(raw.domains ?? {}, (...keys) => place("domains", ...keys)),
      ],
    }),
    ...(raw.http && { http: readHttp(raw.http, (...keys) => place("http", ...keys)) }),
    ...(raw.credentials && {
      credentials: readCredentials(raw.credentials, (...keys) => place("credentials", ...keys)),
    }),
    ...(raw.unix_sockets && {
      unixSockets: readSockets(raw.unix_sockets, (...keys) => place("unix_sockets", ...keys)),
    }),
  };
}

/** What a bundle stands for, as if each destination had been written where the bundle is. */
function bundleRules(names: readonly string[], provenance: Provenance): readonly DomainRule[] {
  const all: Readonly<Record<string, { readonly domains: readonly string[] }>> = bundles;
  return names.flatMap((name) =>
    (all[name]?.domains ?? []).map((pattern): DomainRule => ({ pattern, access: "allow", resolveTo: [], provenance })),
  );
}

function readDomains(raw: NonNullable<RawNetwork["domains"]>, place: PlaceOf): readonly DomainRule[] {
  return Object.entries(raw).map(([pattern, value]) => {
    const provenance = place(pattern);
    const { access, resolve_to: resolveTo = [], sni } = typeof value === "string" ? { access: value } : value;
    locating(provenance, () => {
      parseDomainPattern(pattern);
      for (const range of resolveTo) parseNetwork(range);
    });
    return { pattern, access, resolveTo, ...(sni === "any" && { sni }), provenance };
  });
}

function readHttp(raw: NonNullable<RawNetwork["http"]>, place: PlaceOf): readonly HttpRule[] {
  return Object.entries(raw).map(([pattern, { methods = null, paths = null }]) => {
    const provenance = place(pattern);
    locating(provenance, () => {
      parseDomainPattern(pattern);
    });
    locating(place(pattern, "methods"), () => methods?.forEach(checkMethod));
    locating(place(pattern, "paths"), () => paths?.forEach(compilePath));
    return { pattern, methods, paths, provenance };
  });
}

function readSockets(raw: NonNullable<RawNetwork["unix_sockets"]>, place: PlaceOf): readonly UnixSocketRule[] {
  return Object.entries(raw).map(([written, value]) => {
    const provenance = place(written);
    const { access, dangerous = false } = typeof value === "string" ? { access: value } : value;
    const subtree = written.endsWith("/**");
    const path = locating(provenance, () => absolutePath(subtree ? written.slice(0, -3) || "/" : written));
    if (/(?<!\\)[*?[{]/.test(path)) {
      throw new SandboxedError("policy_invalid", `${at(provenance)}${JSON.stringify(written)} is a pattern`, {
        hint: "name the socket, or everything below a directory with /** at its end",
      });
    }
    if (access === "allow" && !dangerous && isDangerousSocket(components(path))) {
      throw new SandboxedError("policy_invalid", `${at(provenance)}${written} hands out the host to whoever connects`, {
        hint: `if that is meant, write ${JSON.stringify(written)} = { access = "allow", dangerous = true }`,
      });
    }
    return { path: subtree ? joinPath(path, "**") : path, access, dangerous, provenance };
  });
}
