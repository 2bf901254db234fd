import { escapeText, SandboxedError } from "../../../policy/index.ts";
import type { JsonObject } from "../../../session/index.ts";
import type { Command } from "../../command.ts";
import { outputOptions } from "../../run-options.ts";
import { ABOUT_SESSION, askSession, listIn, sessionNamed, textIn } from "./live.ts";

export const sessionReply: Command = {
  operands: "SESSION [QUESTION] yes|no|JSON",
  options: outputOptions,
  examples: [
    "sandboxed session reply last yes",
    "sandboxed session reply last q4be1 no",
    `sandboxed session reply last q4be1 '{"approve": true, "id": 7}'`,
  ],
  about: [
    ABOUT_SESSION,
    "QUESTION is a question's id or the start of one, as sandboxed session show prints it; it may be left out while",
    "one waits. The answer is yes, no, or an object with approve and the fields that the question asks for.",
  ],
  async run(parsed) {
    const session = sessionNamed(parsed);
    const { parseReply } = await import("../../../session/questions/index.ts");
    const [first, second] = parsed.rest.slice(1);
    const given = parseReply(second ?? first ?? "");
    if (given === null) {
      throw new SandboxedError("usage", "the answer is neither yes, no nor a JSON object with approve", {
        hint: `for example: sandboxed session reply ${session.id} yes`,
      });
    }
    const answered = await askSession(session, async (call) => {
      const waiting = listIn((await call("control.questions"))["questions"]);
      const question = chooseQuestion(waiting, second === undefined ? null : (first ?? null));
      const { approve, content = {} } = given;
      await call("control.reply", { question, approve, content });
      return question;
    });
    const { approve } = given;
    return {
      data: { session: session.id, question: answered, approve },
      text: `${approve ? "yes" : "no"} to ${escapeText(answered)}\n`,
      status: 0,
    };
  },
};

/** Errors: `usage` where the name fits none, or more than one. */
function chooseQuestion(waiting: readonly JsonObject[], name: string | null): string {
  const ids = waiting.map((question) => textIn(question["id"]));
  const fitting = name === null ? ids : ids.filter((id) => id.startsWith(name));
  const [id, another] = fitting;
  if (id !== undefined && another === undefined) return id;
  const problem =
    id === undefined
      ? `no question ${name === null ? "" : `${escapeText(name)} `}waits for an answer`
      : "more than one question waits for an answer";
  const hint =
    ids.length === 0 ? "it may have been answered or withdrawn" : `waiting: ${ids.map(escapeText).join(", ")}`;
  throw new SandboxedError("usage", problem, { hint });
}
