import { absolutePath, credentialPaths } from "../../../policy/index.ts";
import { hardLinks } from "../../protection/index.ts";
import type { Prepared } from "./prepare.ts";

/** A second name in a writable place gives away what its first name denies; no mount can help. */
export function linkNotices({ oracle, facts, survey }: Prepared): readonly string[] {
  const denied = oracle.materialise().flatMap(({ access, path }) => (access === "deny" && path !== "/" ? [path] : []));
  const secret = credentialPaths().flatMap(({ pattern }) =>
    pattern.includes("*") ? [] : [absolutePath(pattern.replace(/^~/, facts.account.home))],
  );
  const there = [...new Set([...denied, ...secret])].filter((path) => facts.look(path).kind !== "missing");
  return hardLinks(there, survey.roots).flatMap(({ path, aliases }) =>
    aliases.map((alias) => `${path} is denied, but readable as ${alias}: a hard link to the same file`),
  );
}
