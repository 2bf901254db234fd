import type { Profile } from "./model.ts";
import { absolutePath, isWithin } from "../names/path.ts";
import type { MaterialisedEntry, Oracle, Places } from "./resolved.ts";

export type SandboxMode = "read-only" | "workspace-write" | "danger-full-access";

/** Whoever writes one of these, or all of them below a home, decides what runs outside. */
const everything = new Set(
  "/ /bin /boot /dev /etc /home /lib /lib32 /lib64 /opt /private /proc /root /run /sbin /sys /usr /var /Applications /Library /System /Users /Volumes".split(
    " ",
  ),
);

/**
 * What a profile really lets be written, whatever it is called; private places do not count, because the host does
 * not see what is written there. A sandbox of somebody else's and a socket that hands out the host count as everything.
 */
export function mode(profile: Profile): SandboxMode {
  const { filesystem, network } = profile;
  if (filesystem.kind !== "restricted") return "danger-full-access";
  if (network.unixSockets.some((rule) => rule.access === "allow" && rule.dangerous)) return "danger-full-access";
  const targets = filesystem.entries.filter((entry) => entry.access === "write").map((entry) => entry.target);
  let writes = false;
  for (const target of targets) {
    if (target.kind === "token") {
      if (target.token === ":home") continue;
      if (target.token === ":root") return "danger-full-access";
    }
    if (target.kind === "path" && everything.has(target.path)) return "danger-full-access";
    if (target.kind === "home" && target.subpath === "") return "danger-full-access";
    writes = true;
  }
  return writes ? "workspace-write" : "read-only";
}

/** The mode of what is left of a policy on this machine, where links and names of workspaces lead somewhere. */
export function modeHere(
  oracle: Oracle,
  places: Places,
): { readonly mode: SandboxMode; readonly by: MaterialisedEntry | null } {
  const written = oracle.materialise().filter(({ access, where }) => access === "write" && where === "host");
  const wide = new Set([...everything].flatMap((path) => [path, places.canonical(absolutePath(path)) ?? path]));
  const homes = [places.home, ...(places.otherHomes ?? [])];
  const by = written.find(({ path }) => wide.has(path) || homes.some((home) => isWithin(home, path))) ?? null;
  if (by !== null) return { mode: "danger-full-access", by };
  return { mode: written.length === 0 ? "read-only" : "workspace-write", by: written[0] ?? null };
}
