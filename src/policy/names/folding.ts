import { components, isWithin } from "./path.ts";
import type { AbsolutePath } from "./path.ts";
import type { ResolvedGlob } from "../model/resolved.ts";

/** How a path is split for comparing: below a directory whose file system folds names, equal names look equal. */
export type Names = (path: AbsolutePath) => readonly string[];

export function namesFor(folding: readonly AbsolutePath[]): Names {
  if (folding.length === 0) return components;
  return (path) => {
    const names = components(path);
    const root = folding.find((place) => isWithin(path, place));
    if (root === undefined) return names;
    const kept = components(root).length;
    return names.map((name, index) => (index < kept ? name : fold(name)));
  };
}

/** A pattern may start above such a directory and match below it: it counts in both forms. */
export function foldedGlobs(globs: readonly ResolvedGlob[], folding: readonly AbsolutePath[]): readonly ResolvedGlob[] {
  if (folding.length === 0) return globs;
  return globs.flatMap((glob) => {
    const pattern = fold(glob.pattern);
    return pattern === glob.pattern ? [glob] : [glob, { ...glob, pattern }];
  });
}

/** What HFS+, APFS, NTFS and casefolded ext4 take for one name: letter case, composition, invisible characters. */
function fold(name: string): string {
  return name
    .normalize("NFD")
    .replace(/\p{Default_Ignorable_Code_Point}/gu, "")
    .toLowerCase();
}
