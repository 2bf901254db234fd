import type { BuildOptions, BuildResult } from "esbuild";

/** Options go over the usual ones. */
export function bundle<const T extends BuildOptions>(options: T): Promise<BuildResult<T>>;
