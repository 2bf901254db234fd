import { absolutePath, credentialPaths } from "../../../policy/index.ts";
import type { AbsolutePath } from "../../../policy/index.ts";
import { hardLinks } from "../../protection/index.ts";
import { asQuestion, starterAtHand } from "../launch/index.ts";
import type { Known } from "./launchable.ts";

/** A second name in a writable place gives away what its first name denies; no mount can help. */
export function linkNotices(denied: readonly AbsolutePath[], roots: readonly AbsolutePath[]): readonly string[] {
  return hardLinks(denied, roots, unsure(denied)).flatMap(({ path, aliases }) =>
    aliases.map((alias) => `${path} is denied, but readable as ${alias}: a hard link to the same file`),
  );
}

/** Nearly all of them are not there, or have no other name. */
function unsure(denied: readonly AbsolutePath[]): readonly AbsolutePath[] {
  const places = starterAtHand()?.unsure(denied.map((path) => asQuestion("s", path)).join(""));
  return places === undefined ? denied : denied.filter((_, place) => places.includes(place));
}

/** What a policy denies by name, whether it is there or not. */
export function deniedFiles({ oracle, facts }: Known): readonly AbsolutePath[] {
  const denied = oracle.materialise().flatMap(({ access, path }) => (access === "deny" && path !== "/" ? [path] : []));
  const secret = credentialPaths().flatMap(({ pattern }) =>
    pattern.includes("*") ? [] : [absolutePath(pattern.replace(/^~/, facts.account.home))],
  );
  return [...new Set([...denied, ...secret])];
}
