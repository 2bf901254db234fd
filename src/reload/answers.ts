import { readConfigFile } from "../config/index.ts";
import type { Trust } from "../config/index.ts";

/** A file that was read for a decision, and its text; null where there was none. */
export type FileAnswer = readonly [path: string, trust: Trust, text: string | null];

/** What a file said when it was read, or why it could not be. */
export interface Answer {
  readonly path: string;
  readonly trust: Trust;
  readonly said: { readonly text: string | null } | { readonly error: Error };
}

/** By path and role: one file may be asked in two. */
export type Answers = ReadonlyMap<string, Answer>;

type ReadFile = typeof readConfigFile;

/** Files of requirements are read with these; configuration never is. */
export function isSource({ trust }: Pick<Answer, "trust">): boolean {
  return trust === "administrator" || trust === "given";
}

/** The latest answer of each file. */
export function answersOf(files: readonly FileAnswer[]): Answers {
  return new Map(files.map(([path, trust, text]) => [keyOf(path, trust), { path, trust, said: { text } }]));
}

/** The same without what was read before it changed. */
export function latestOf(files: readonly FileAnswer[]): readonly FileAnswer[] {
  return [...new Map(files.map((file) => [keyOf(file[0], file[1]), file])).values()];
}

/** Whether the requirements among them are as they were. */
export function isUpToDate(files: readonly FileAnswer[]): boolean {
  const sources = new Map([...answersOf(files)].filter(([, answer]) => isSource(answer)));
  return [...readAgain(sources)].every(([key, answer]) => isSame(answer, sources.get(key)));
}

/** Reads plainly, and notes each answer. */
export function noting(files: FileAnswer[]): ReadFile {
  return (path, trust) => {
    const text = readConfigFile(path, trust);
    files.push([path, trust, text]);
    return text;
  };
}

/** Each file once, as it is now. */
export function readAgain(answers: Answers): Answers {
  return new Map([...answers].map(([key, { path, trust }]) => [key, look(path, trust)]));
}

/** A way to read that gives these answers; what is asked besides is read once, and put into `besides`. */
export function replaying(answers: Answers, besides: Map<string, Answer> = new Map()): ReadFile {
  return (path, trust) => {
    const key = keyOf(path, trust);
    let answer = answers.get(key) ?? besides.get(key);
    if (answer === undefined) {
      answer = look(path, trust);
      besides.set(key, answer);
    }
    if ("error" in answer.said) throw answer.said.error;
    return answer.said.text;
  };
}

export function isSame(one: Answer | undefined, other: Answer | undefined): boolean {
  return wordsOf(one) === wordsOf(other);
}

function wordsOf(answer: Answer | undefined): string {
  if (answer === undefined) return "";
  const { said } = answer;
  return "error" in said ? `error ${said.error.message}` : `text ${JSON.stringify(said.text)}`;
}

function keyOf(path: string, trust: Trust): string {
  return `${trust} ${path}`;
}

function look(path: string, trust: Trust): Answer {
  try {
    return { path, trust, said: { text: readConfigFile(path, trust) } };
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    return { path, trust, said: { error } };
  }
}
