import { toolchains as data } from "../../../generated/data.ts";
import type { AbsolutePath } from "../../../policy/index.ts";

/** How the real directories behind a manager's stand-ins are found. */
export interface Choice {
  readonly by: "version-file" | "tool-versions" | "volta";
  /** The directory of installed versions, below the root. */
  readonly installed: string;
  readonly variable?: string;
  readonly file?: string;
}

/** One entry of `sandbox-profiles/toolchains.toml`, which says what each word means. */
export interface Manager {
  readonly name: string;
  readonly roots: readonly string[];
  readonly beside?: readonly string[];
  readonly signature: readonly string[];
  readonly show: readonly string[];
  readonly environment: readonly string[];
  readonly shims?: string;
  readonly choose?: Choice;
}

export const managers: readonly Manager[] = data.manager;

/** `~` is the home, under each name it has. */
export interface RootContext {
  readonly environment: ReadonlyMap<string, string>;
  readonly homes: readonly AbsolutePath[];
}

/** The directories that a root in the data may mean; `PATH/..` means one for each entry and is not expanded here. */
export function expandRoot(root: string, { environment, homes }: RootContext): readonly string[] {
  if (root.startsWith("~/")) return homes.map((home) => home + root.slice(1));
  if (!root.startsWith("$")) return [root];
  const value = environment.get(root.slice(1));
  return value?.startsWith("/") === true ? [value.replace(/\/+$/, "")] : [];
}
