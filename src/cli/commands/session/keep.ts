import { ownEnvironment } from "../../../config/index.ts";
import { adoptSession, archiveSession, stateOf } from "../../../audit/index.ts";
import { escapeText, SandboxedError } from "../../../policy/index.ts";
import type { Command } from "../../command.ts";
import { outputOptions } from "../../run-options.ts";
import { ABOUT_SESSION, sessionNamed } from "./live.ts";

export const sessionArchive: Command = {
  operands: "SESSION",
  options: outputOptions,
  examples: ["sandboxed session archive 20261121-153000-4ya0c"],
  about: [
    ABOUT_SESSION,
    "Moves a session that has ended out of the list, journal and all, after a check that the journal is its own.",
  ],
  run(parsed) {
    const session = sessionNamed(parsed);
    const folder = archiveSession(ownEnvironment(), session);
    return { data: { session: session.id, folder }, text: `archived in ${escapeText(folder)}\n`, status: 0 };
  },
};

export const sessionResume: Command = {
  operands: "SESSION",
  options: outputOptions,
  examples: ["sandboxed session resume last"],
  about: [
    ABOUT_SESSION,
    "Takes over a session whose tool died: what it left open is marked interrupted, and the session is closed. The next",
    "run does so by itself; a program is never started again.",
  ],
  run(parsed) {
    const session = sessionNamed(parsed);
    const environment = ownEnvironment();
    const state = stateOf(environment, session);
    const adopted = state === "interrupted" ? adoptSession(environment, session.id) : null;
    if (adopted === null) {
      throw new SandboxedError("usage", `session ${session.id} has nothing to resume: it is ${state}`, {
        hint: "only a session whose tool died has",
      });
    }
    adopted.journal.close();
    return { data: { session: session.id, state: "ended" }, text: `closed ${session.id}\n`, status: 0 };
  },
};
