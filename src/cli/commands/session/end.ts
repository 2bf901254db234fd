import { escapeText, SandboxedError } from "../../../policy/index.ts";
import type { Command } from "../../command.ts";
import { outputOptions } from "../../run-options.ts";
import { ABOUT_SESSION, askSession, sessionNamed } from "./live.ts";

export const sessionRevoke: Command = {
  operands: "SESSION GRANT",
  options: outputOptions,
  examples: ["sandboxed session revoke last g2"],
  about: [
    ABOUT_SESSION,
    "GRANT is the id of a grant, as sandboxed session show prints it. Its token, and all that were made with it, are",
    "good for nothing any more, and their open calls are answered. To revoke a run's own grant ends the run.",
  ],
  async run(parsed) {
    const session = sessionNamed(parsed);
    const [, grant] = parsed.rest;
    if (grant === undefined) throw new SandboxedError("usage", "no grant was named", { hint: "for example: g2" });
    await askSession(session, (call) => call("control.revoke", { grant }));
    return { data: { session: session.id, grant }, text: `revoked ${escapeText(grant)}\n`, status: 0 };
  },
};

export const sessionCancel: Command = {
  operands: "SESSION",
  options: outputOptions,
  examples: ["sandboxed session cancel last"],
  about: [ABOUT_SESSION, "Open calls are answered, then the program is asked to end, and killed if it does not."],
  async run(parsed) {
    const session = sessionNamed(parsed);
    await askSession(session, (call) => call("control.cancel"));
    return { data: { session: session.id }, text: `cancelled ${session.id}\n`, status: 0 };
  },
};
