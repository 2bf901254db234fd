import { SandboxedError } from "../policy/index.ts";

/** What `sandboxed-run` ends with when nothing ran. Those of a run come with its outcome. */
export function exitStatus(error: unknown): 125 | 126 | 127 {
  if (!(error instanceof SandboxedError)) return 125;
  if (error.code === "program_not_found") return 127;
  return error.code === "program_not_executable" ? 126 : 125;
}
