import { describe, expect, it } from "vitest";
import { SessionQuestions } from "../../src/mcp/session-questions.ts";
import { SessionError } from "../../src/session/index.ts";
import type { Reply, SessionErrorCode, ToolContext } from "../../src/session/index.ts";

const reply: Reply = { approve: true, content: {}, by: "you" };
const { signal } = new AbortController();

/** A call of somebody's, and how many questions were put to people for it. */
function callOf(
  holder: string,
  answer: () => Promise<Reply>,
): { readonly context: ToolContext; readonly put: () => number } {
  let put = 0;
  const context: ToolContext = {
    signal,
    session: "s",
    call: "c",
    holder,
    acceptsImages: true,
    meta: null,
    progress: null,
    ask() {
      put += 1;
      return answer();
    },
    delegate: () => "",
  };
  return { context, put: () => put };
}

const failing = (code: SessionErrorCode) => () => Promise.reject(new SessionError(code, "no answer"));

describe("a server that asks again and again in one call", () => {
  it.each([
    ["is not heard any more when nobody answered in time", failing("timed_out"), "cancel", 1],
    ["is heard each time while somebody answers", () => Promise.resolve(reply), "accept", 3],
    ["is heard when a question was taken away", failing("cancelled"), "cancel", 3],
  ])("%s", async (_, answer, action, asked) => {
    const questions = new SessionQuestions();
    const { context, put } = callOf("h", answer);
    const ask = () =>
      questions.elicit("docs", { message: "?", mode: "url", url: "https://a.example/", elicitationId: "1" }, signal);
    const actions = await questions.during("docs", context, async () => [await ask(), await ask(), await ask()]);
    expect(actions).toEqual([{ action }, { action }, { action }]);
    expect(put()).toBe(asked);
    // Another call begins anew.
    await questions.during("docs", context, ask);
    expect(put()).toBe(asked + 1);
  });
});

describe("a question for a model's answer", () => {
  const params = {
    messages: [{ role: "user" as const, content: { type: "text" as const, text: "hi" } }],
    maxTokens: 1,
  };
  const sample = (questions: SessionQuestions): Promise<unknown> => questions.sample("docs", params, signal);
  const yes = () => Promise.resolve({ ...reply, content: { text: "so" } });

  it("is put for the call that it is asked in", async () => {
    const questions = new SessionQuestions();
    const { context, put } = callOf("one", yes);
    const result = await questions.during("docs", context, () => sample(questions));
    expect([result, put()]).toEqual([expect.objectContaining({ content: { type: "text", text: "so" } }), 1]);
  });

  it("is put to nobody outside of a call, nor for a call of another server, nor where it could be another's", async () => {
    const questions = new SessionQuestions();
    const [one, other] = [callOf("one", yes), callOf("other", yes)];
    await expect(sample(questions)).rejects.toThrow("nobody answered");
    await questions.during("files", one.context, () => expect(sample(questions)).rejects.toThrow("nobody answered"));
    await questions.during("docs", one.context, () =>
      questions.during("docs", other.context, () => expect(sample(questions)).rejects.toThrow("nobody answered")),
    );
    expect([one.put(), other.put()]).toEqual([0, 0]);
  });
});
