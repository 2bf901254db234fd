import type { Json } from "../json.ts";
import type { Question } from "../question.ts";
import { isObject } from "./form.ts";
import type { Answerer, Given } from "./room.ts";

/** Answers a question, or null to leave it to others. */
export type AnswerQuestion = (question: Question, signal: AbortSignal) => Promise<Given | null> | Given | null;

/** The host that runs sessions inside of itself answers. What it throws, or what does not fit, is no answer. */
export function callbackAnswerer(answer: AnswerQuestion): Answerer {
  return {
    name: "host",
    async ask({ question }, signal) {
      return answer(question, signal);
    },
  };
}

/** A reply as text: `yes`, `no`, or a JSON object with `approve`. Null for anything else. */
export function parseReply(text: string): Given | null {
  const word = text.trim().toLowerCase();
  if (word === "y" || word === "yes") return { approve: true };
  if (word === "n" || word === "no") return { approve: false };
  try {
    const value: Json = JSON.parse(text);
    if (!isObject(value)) return null;
    const { approve, ...content } = value;
    return typeof approve === "boolean" ? { approve, content } : null;
  } catch {
    return null;
  }
}
