/** Protected names: finding them, holding them, and putting right what a run left where it must not. */
import type { AbsolutePath, ProtectPolicy } from "../../policy/index.ts";
import type { GitEnvironment } from "./git-files.ts";
import { protect } from "./protect.ts";
import { metadataRoots, scanRoots } from "./scan.ts";
import type { Survey } from "./watch.ts";

export { gitEnvironment } from "./git-files.ts";
export type { GitEnvironment } from "./git-files.ts";
export { handOff } from "./hand-off.ts";
export { hardLinks } from "./hard-links.ts";
export type { HardLink } from "./hard-links.ts";
export { pins } from "./pins.ts";
export { removePlaceholders } from "./placeholders.ts";
export { protect } from "./protect.ts";
export type { ProtectedLink, ProtectedPattern, Protection } from "./protect.ts";
export type { Finding } from "./quarantine.ts";
export { readRepository, repositoryOf } from "./repository.ts";
export { metadataRoots, scanRoots } from "./scan.ts";
export type { Scan } from "./scan.ts";
export { startWatch } from "./watch.ts";
export type { Survey, Watch, WatchOptions } from "./watch.ts";

/**
 * One look at the writable roots (canonical directories) before a launch. `roots` of the result also holds the git
 * directories that linked work trees need to commit; grant them like the others. `tops`: see `protect`.
 */
export function survey(
  writable: readonly AbsolutePath[],
  tops: readonly AbsolutePath[],
  policy: ProtectPolicy,
  environment?: GitEnvironment,
): Survey {
  const scan = scanRoots(writable);
  const roots = [...writable, ...metadataRoots(writable, scan)];
  return { roots, scan, protection: protect(roots, scan, policy, environment, tops) };
}
