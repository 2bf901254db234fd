import { SandboxedError } from "../policy/index.ts";

/** The same error with the place, `FILE:LINE:COLUMN: `, in front of what it says. */
export function placed(place: string, error: SandboxedError): SandboxedError {
  return new SandboxedError(error.code, place + error.message, error.hint === null ? {} : { hint: error.hint });
}

/** Runs `act`, putting the place in front of what it complains about. */
export function located<T>(place: string, act: () => T): T {
  try {
    return act();
  } catch (error) {
    throw error instanceof SandboxedError ? placed(place, error) : error;
  }
}
