import { SandboxedError } from "../policy/index.ts";

type Parts = ConstructorParameters<typeof SandboxedError>;

/** The message of an error, as far as it is for somebody inside. */
export function plainText(error: Error): string {
  return "plain" in error && typeof error.plain === "string" ? error.plain : error.message;
}

/** What went wrong with a server, with what its program said last: words for whoever started it, and for nobody inside. */
export class ServerError extends SandboxedError {
  /** The message without those words. */
  readonly plain: string;

  constructor(code: Parts[0], plain: string, words: string, detail?: Parts[2]) {
    super(code, `${plain}${words}`, detail);
    this.plain = plain;
  }
}
