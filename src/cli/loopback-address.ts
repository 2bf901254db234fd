import { escapeText, SandboxedError } from "../policy/index.ts";

export interface LoopbackAddress {
  readonly host: "127.0.0.1" | "::1";
  /** 0: any that is free. */
  readonly port: number;
}

const HIGHEST = 65_535;

/** HOST:PORT of this machine alone. Errors: `usage` for every other. */
export function loopbackAddress(option: string, text: string): LoopbackAddress {
  const [, host = "", digits = ""] = /^(127\.0\.0\.1|localhost|\[::1\]):(0|[1-9]\d{0,4})$/.exec(text) ?? [];
  const port = Number(digits);
  if (host === "" || port > HIGHEST) {
    throw new SandboxedError("usage", `${option} ${escapeText(text)}: it listens on this machine's loopback alone`, {
      hint: `write ${option} 127.0.0.1:PORT, or [::1]:PORT; with port 0 any that is free is taken`,
    });
  }
  return { host: host === "[::1]" ? "::1" : "127.0.0.1", port };
}
