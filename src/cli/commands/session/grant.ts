import { SandboxedError } from "../../../policy/index.ts";
import type { Command } from "../../command.ts";
import { lastValue } from "../../parse.ts";
import { outputOptions } from "../../run-options.ts";
import { ABOUT_SESSION, askSession, sessionNamed, textIn } from "./live.ts";

export const sessionGrant: Command = {
  operands: "SESSION CAPABILITY…",
  options: [
    {
      id: "expires",
      long: "expires",
      short: null,
      argument: "SECONDS",
      help: "the token is good for that long",
      example: "--expires 900",
    },
    ...outputOptions,
  ],
  examples: [
    "sandboxed session grant last 'fs.read=src/**' checkpoint --expires 900",
    "sandboxed session grant last 'tools=mcp.docs.*:calls=50' --json",
  ],
  about: [
    ABOUT_SESSION,
    "Prints one more token for an open session; it is shown once and stored nowhere. It is good inside of that run only.",
  ],
  async run(parsed) {
    const session = sessionNamed(parsed);
    const capabilities = parsed.rest.slice(1);
    if (capabilities.length === 0) {
      throw new SandboxedError("usage", "no capability was named", { hint: "for example: fs.read=src/**" });
    }
    const expires = secondsOf(lastValue(parsed, "expires"));
    const granted = await askSession(session, (call) =>
      call("control.grant", { capabilities, ...(expires !== null && { expires_in: expires }) }),
    );
    return { data: granted, text: `${textIn(granted["token"])}\n`, status: 0 };
  },
};

function secondsOf(text: string | null): number | null {
  if (text === null) return null;
  const seconds = Number(text);
  if (/^\d{1,9}(\.\d{1,3})?$/.test(text) && seconds > 0) return seconds;
  throw new SandboxedError("usage", "--expires needs a number of seconds", { hint: "for example: --expires 900" });
}
