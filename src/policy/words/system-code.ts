/** What the system calls an error: `ENOENT`. Null for anything that has no such code. */
export function codeOf(error: unknown): string | null {
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : null;
}
