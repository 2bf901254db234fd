import type { Profile } from "./model.ts";

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
