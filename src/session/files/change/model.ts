import type { AbsolutePath } from "../../../policy/index.ts";
import type { Asked } from "../read.ts";

/** One file as it is and as it will be. A file that is moved is two of them. */
export interface FileChange {
  readonly asked: Asked;
  /** Where it was when the change was planned: no symlink on the way. */
  readonly path: AbsolutePath;
  /** Null where there must be no file. */
  readonly before: Content | null;
  /** Null where there will be none. */
  readonly after: Content | null;
  /** Of a file that is made; one that is replaced hands on its own. */
  readonly permissions: Permissions;
}

/** What the umask leaves, the same with the right to execute, or exactly these bits. */
export type Permissions = "usual" | "executable" | number;

export interface Content {
  readonly bytes: Buffer;
  readonly sha256: string;
}
