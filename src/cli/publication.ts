import { escapeText, SandboxedError } from "../policy/index.ts";
import type { Publication } from "../sandbox/index.ts";

/**
 * `3000`, `8080:3000`, `127.0.0.2:3000`, `127.0.0.2:8080:3000`, `[::1]:8080:3000`. The address is the host's loopback:
 * nothing a sandbox runs is offered to other machines. Errors: `usage`.
 */
export function readPublication(text: string): Publication {
  const match = /^(?:(\[::1\]|127(?:\.\d{1,3}){3}|localhost):)?(?:(\d{1,5}):)?(\d{1,5})$/.exec(text);
  const [, written = "127.0.0.1", outer, inner = ""] = match ?? [];
  const port = Number(inner);
  const hostPort = outer === undefined ? port : Number(outer);
  if (match === null || !isPort(port) || !isPort(hostPort)) {
    throw new SandboxedError("usage", `--publish ${escapeText(text)}: that is no port of the loopback`, {
      hint: "write PORT, HOSTPORT:PORT or 127.0.0.1:HOSTPORT:PORT; other addresses are never offered",
    });
  }
  return { address: written === "localhost" ? "127.0.0.1" : written.replace(/^\[|\]$/g, ""), hostPort, port };
}

function isPort(port: number): boolean {
  return Number.isInteger(port) && port > 0 && port <= 65_535;
}
