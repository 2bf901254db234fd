import { ownEnvironment } from "../../../config/index.ts";
import { archivedSessions, listSessions, stateOf } from "../../../audit/index.ts";
import type { Command } from "../../command.ts";
import { lastValue } from "../../parse.ts";
import { outputOptions } from "../../run-options.ts";
import { isOpen } from "./live.ts";

export const sessionList: Command = {
  operands: "",
  options: [
    {
      id: "archived",
      long: "archived",
      short: null,
      argument: null,
      help: "those that were archived",
      example: "--archived",
    },
    ...outputOptions,
  ],
  examples: ["sandboxed session list", "sandboxed session list --json", "sandboxed session list --archived"],
  about: [
    "A session is running, ended, or interrupted (the tool died). One that is marked with * can be talked to:",
    "session show, grant, reply, revoke and cancel.",
  ],
  async run(parsed) {
    const environment = ownEnvironment();
    if (lastValue(parsed, "archived") !== null) {
      const sessions = archivedSessions(environment).map(({ id, opened }) => ({ id, opened, state: "archived" }));
      return { data: { sessions }, text: table(sessions), status: 0 };
    }
    const sessions = await Promise.all(
      listSessions(environment).map(async (entry) => {
        const state = stateOf(environment, entry);
        const open = state === "running" && (await isOpen(entry));
        return { id: entry.id, opened: entry.opened, state, open };
      }),
    );
    return { data: { sessions }, text: table(sessions), status: 0 };
  },
};

interface Row {
  readonly id: string;
  readonly opened: string;
  readonly state: string;
  readonly open?: boolean;
}

function table(rows: readonly Row[]): string {
  const lines = rows.map(({ id, opened, state, open }) => `${id}  ${opened}  ${state}${open === true ? " *" : ""}\n`);
  return lines.length === 0 ? "no sessions\n" : lines.join("");
}
