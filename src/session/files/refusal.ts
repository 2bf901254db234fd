import { codeOf } from "../../policy/index.ts";
import type { Decision } from "../../policy/index.ts";
import { SessionError } from "../error.ts";

/** How a path is shown to the caller: as the caller wrote it, so that a message tells nothing of what is elsewhere. */
export type Shown = string;

/** `why` continues the path: `is a FIFO`. */
export function unsupported(path: Shown, why: string, hint: string | null = null): SessionError {
  return new SessionError("unsupported", `${quoted(path)} ${why}`, { hint });
}

export function invalid(message: string, hint: string | null = null): SessionError {
  return new SessionError("invalid_params", message, { hint });
}

export function missing(path: Shown): SessionError {
  return new SessionError("not_found", `${quoted(path)} does not exist`);
}

export function tooLarge(message: string, hint: string): SessionError {
  return new SessionError("too_large", message, { hint });
}

export function conflict(path: Shown, why: string, hint: string | null = null): SessionError {
  return new SessionError("conflict", `${quoted(path)} ${why}`, { hint, retryable: true });
}

export function denied(path: Shown, why: string, decision: Decision | null, hint: string | null = null): SessionError {
  return new SessionError("policy_denied", `${quoted(path)} ${why}`, { decision, ...(hint !== null && { hint }) });
}

/** A system error in the protocol's words. Anything else, and a `SessionError`, is given back as it is. */
export function translated(error: unknown, path: Shown): unknown {
  const code = codeOf(error);
  if (error instanceof SessionError || code === null) return error;
  switch (code) {
    case "ENOENT":
    case "ENOTDIR":
      return missing(path);
    case "EACCES":
    case "EPERM":
      return denied(path, "is closed to the program's user", null, "its owner, or its mode, has to change");
    case "EROFS":
      return denied(path, "lies on a file system that is mounted read-only", null);
    case "EEXIST":
      return conflict(path, "exists by now");
    case "ENAMETOOLONG":
      return invalid(`${quoted(path)} is longer than the file system takes`);
    case "ENOSPC":
    case "EDQUOT":
      return new SessionError("failed", `there is no space left for ${quoted(path)}`, {
        retryable: true,
        cause: error,
      });
    case "EMFILE":
    case "ENFILE":
      return new SessionError("overloaded", "too many files are open", { retryable: true, cause: error });
    default:
      return new SessionError("failed", `${quoted(path)}: the system says ${code}`, { cause: error });
  }
}

export function quoted(text: string): string {
  return JSON.stringify(text.length > 300 ? `${text.slice(0, 300)}…` : text);
}
