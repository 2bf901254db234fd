import { closeSync, constants, fstatSync, openSync, readFileSync } from "node:fs";
import { codeOf, escapeText, SandboxedError } from "../policy/index.ts";
import type { PolicyStore } from "./platform.ts";

/**
 * What of a platform's store can be read without starting a program. Errors: `requirements_permissions` for a file that
 * others could change, and for everything that takes a program.
 */
export const fileStore: PolicyStore = {
  readSystemBytes(path) {
    let descriptor: number;
    try {
      descriptor = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOFOLLOW);
    } catch (cause) {
      if (codeOf(cause) === "ENOENT") return null;
      throw refused(path, "cannot be read", cause);
    }
    try {
      const { uid, mode } = fstatSync(descriptor);
      if (uid !== 0 || (mode & 0o022) !== 0) throw refused(path, "can be changed by others than root");
      return readFileSync(descriptor);
    } finally {
      closeSync(descriptor);
    }
  },
  ask: (program) => {
    throw refused(program, "cannot be asked from here");
  },
};

function refused(path: string, why: string, cause?: unknown): SandboxedError {
  return new SandboxedError("requirements_permissions", `${escapeText(path)} ${why}`, {
    hint: "requirements that cannot be read are never skipped",
    cause,
  });
}
