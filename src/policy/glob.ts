import { SandboxedError } from "./error.ts";
export interface CompiledGlob {
  readonly base: readonly string[];
  readonly matchDepth: (names: readonly string[], from: number) => number;
}
/** Compiles an absolute pattern. */
export function compileGlob(_pattern: string): CompiledGlob {
  throw new SandboxedError("not_supported", "not built yet");
}
