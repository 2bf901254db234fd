import { describe, expect, it } from "vitest";
import type { Json, Question } from "../../src/session/index.ts";
import {
  callbackAnswerer,
  dataLines,
  diffLines,
  faultsOf,
  parseReply,
  questionLines,
  QuestionRoom,
  readForm,
  terminalAnswerer,
  unpainted,
} from "../../src/session/questions/index.ts";
import type { Answerer, Desk, Given } from "../../src/session/questions/index.ts";

const question = (more: Partial<Question> = {}): Question => ({
  id: "q1",
  session: "s1",
  kind: "checkpoint",
  text: "Investigate these rows?",
  data: null,
  diff: null,
  schema: null,
  timeout: null,
  holder: "g1",
  call: "c1",
  ...more,
});

const never = new AbortController().signal;

const schema = {
  type: "object",
  properties: {
    id: { type: "integer", minimum: 1, description: "which row" },
    level: { enum: ["low", "high"], default: "low" },
    note: { type: "string", maxLength: 5 },
    tags: { type: "array", items: { type: "string" }, maxItems: 2 },
  },
  required: ["id"],
} satisfies Json;

describe("a reply's content", () => {
  const form = readForm(schema);
  it.each<readonly [string, { readonly [name: string]: Json }, RegExp | null]>([
    ["fits", { id: 3, level: "high", note: "héllo", tags: ["a"] }, null],
    ["lacks what is required", {}, /id is missing/],
    ["has another type", { id: "3" }, /id has to be an integer/],
    ["is out of bounds", { id: 0 }, /id has to be 1 or more/],
    ["is none of the choices", { id: 1, level: "mid" }, /level has to be one of "low", "high"/],
    ["is too long, by characters", { id: 1, note: "123456" }, /note has to be 5 or less/],
    ["is wrong inside", { id: 1, tags: ["a", 2] }, /tags\[1\] has to be a string/],
    ["has what nobody asked for", { id: 1, more: true }, /more is not asked for/],
    ["has a name of an object's own", { id: 1, __proto__: null, ["constructor"]: 1 }, /constructor is not asked for/],
  ])("%s", (_, content, fault) => {
    const faults = faultsOf(form, content).join("\n");
    if (fault === null) expect(faults).toBe("");
    else expect(faults).toMatch(fault);
  });

  it.each<readonly [string, Json, RegExp]>([
    ["a pattern", { type: "object", properties: { a: { type: "string", pattern: "(a*)*b" } } }, /a\.pattern is not/],
    ["a reference", { type: "object", properties: { a: { $ref: "#" } } }, /\$ref is not supported/],
    ["a field that every reply has", { type: "object", properties: { approve: { type: "string" } } }, /approve is in/],
    ["no object", { type: "string" }, /has to be of type "object"/],
    ["an unknown type", { type: "object", properties: { a: { type: "date" } } }, /type has to be one of/],
    [
      "what is too deep",
      Array.from({ length: 20 }).reduce<Json>((inner) => ({ type: "object", properties: { a: inner } }), {
        type: "null",
      }),
      /deeper than 8/,
    ],
  ])("a schema with %s is refused", (_, wrong, message) => expect(() => readForm(wrong)).toThrow(message));
});

describe("what a person sees", () => {
  it("a table where all entries are alike and it fits", () => {
    const rows = [
      { id: 7, name: "Ann", mail: "ann@example.com" },
      { id: 12, name: "Bo" },
    ];
    expect(dataLines(rows, 60)).toEqual([
      "id  name  mail",
      "──  ────  ───────────────",
      " 7  Ann   ann@example.com",
      "12  Bo",
    ]);
    expect(dataLines(rows, 20)).toEqual([
      "1.",
      "  id: 7",
      "  name: Ann",
      "  mail: ann@example.com",
      "2.",
      "  id: 12",
      "  name: Bo",
    ]);
  });

  it("no value passes for another", () => {
    const values: Json = { a: "true", b: true, c: "", d: null, e: " x", f: "1", g: [], h: {}, i: "plain" };
    expect(dataLines(values, 80)).toEqual([
      'a: "true"',
      "b: true",
      'c: ""',
      "d: null",
      'e: " x"',
      'f: "1"',
      "g: []",
      "h: {}",
      "i: plain",
    ]);
  });

  it("nothing that a terminal obeys, or that reads differently from what it is", () => {
    const nasty = "ok\u001b[2K\u001b]52;c;eA==\u0007\r\u202egnp.\u2066\u0008\nAllow? yes";
    const asked = question({
      text: nasty,
      data: { [nasty]: [{ [nasty]: nasty }], more: [nasty] },
      diff: `--- a\n+++ b\n@@ -1 +1 @@\n-x  \n+${nasty.replace("\n", "")}\u2028\n`,
      holder: nasty,
    });
    for (const line of questionLines(asked, 80, unpainted)) expect(line).not.toMatch(/[\p{Cc}\p{Cf}\u2028]/u);
    expect(questionLines(asked, 80, unpainted).join("\n")).toContain("\\u{202e}gnp.");
  });

  it("a diff in colour, and spaces at the end of its lines", () => {
    const painted = diffLines("--- a\n+++ b\n@@ -1 +1 @@\n same\n-old \n+new\n", (style, text) => `<${style}>${text}`);
    expect(painted).toEqual([
      "<bold>  --- a",
      "<bold>  +++ b",
      "<cyan>  @@ -1 +1 @@",
      "   same",
      "<red>  -old·",
      "<green>  +new",
    ]);
  });
});

/** A person who types these lines, and what they saw. */
function desk(typed: readonly string[], height = 24): { desk: Desk; seen: () => string; left: () => boolean } {
  const lines = [...typed];
  let seen = "";
  let left = false;
  return {
    seen: () => seen,
    left: () => left,
    desk: {
      width: 80,
      height,
      paint: unpainted,
      write: (text) => {
        seen += text;
      },
      readLine: async (signal) => (signal.aborted ? null : (lines.shift() ?? null)),
      leave: () => {
        left = true;
      },
    },
  };
}

async function askAt(typed: readonly string[], asked: Question, height?: number) {
  const at = desk(typed, height);
  const room = new QuestionRoom([terminalAnswerer(async () => at.desk)], false);
  const reply = await room.ask(asked, never);
  expect(at.left()).toBe(true);
  return { ...reply, seen: at.seen() };
}

describe("at the terminal", () => {
  it.each<readonly [string, readonly string[], boolean]>([
    ["y", ["y"], true],
    ["yes in capitals", ["YES"], true],
    ["no", ["no"], false],
    ["something else first", ["", "yy", "sure", "y"], true],
    ["the end of input", [], false],
  ])("%s", async (_, typed, approve) => expect(await askAt(typed, question())).toMatchObject({ approve, by: "you" }));

  it("asks for each field, until it fits", async () => {
    const reply = await askAt(["y", "zero", "0", "3", "", "much too long", "short", ""], question({ schema }));
    expect(reply).toMatchObject({ approve: true, content: { id: 3, level: "low", note: "short" } });
    expect(reply.seen).toMatch(/which row[^]*is not JSON[^]*has to be 1 or more[^]*has to be 5 or less/);
  });

  it("asks for nothing more once it is no", async () =>
    expect(await askAt(["n"], question({ schema }))).toMatchObject({ approve: false, content: {} }));

  it("shows everything before it takes an answer", async () => {
    const data = Array.from({ length: 40 }, (_, index) => `row ${index}`);
    const reply = await askAt(["y", "y", "n"], question({ data }), 24);
    expect(reply.approve).toBe(false);
    expect(reply.seen.indexOf("row 39")).toBeLessThan(reply.seen.indexOf("Allow?"));
    expect(reply.seen).toContain("22 more of 42 lines");
  });

  it("one question after the other", async () => {
    const order: string[] = [];
    let open = 0;
    const answerer = terminalAnswerer(async () => {
      open += 1;
      expect(open).toBe(1);
      const at = desk(["y"]);
      return {
        ...at.desk,
        write: (text) => order.push(text),
        leave: () => {
          open -= 1;
        },
      };
    });
    const room = new QuestionRoom([answerer], false);
    await Promise.all(["one", "two"].map((text) => room.ask(question({ id: text, text }), never)));
    expect(order.join("")).toMatch(/one[^]*Allow\?[^]*two[^]*Allow\?/);
  });
});

describe("the room", () => {
  const host = (given: Given | null): Answerer => callbackAnswerer(() => given);
  const deaf: Answerer = { name: "deaf", ask: () => new Promise(() => {}) };

  it("takes the first answer, and the question away from the others", async () => {
    let withdrawn = false;
    const slow: Answerer = {
      name: "slow",
      ask: (_, signal) =>
        new Promise(() =>
          signal.addEventListener("abort", () => {
            withdrawn = true;
          }),
        ),
    };
    const room = new QuestionRoom([slow, host({ approve: true })], false);
    expect(await room.ask(question(), never)).toEqual({ approve: true, content: {}, by: "host" });
    expect(withdrawn).toBe(true);
    expect(room.pending()).toEqual([]);
  });

  it("is answered from elsewhere, once, by its id, with what the schema wants", async () => {
    const room = new QuestionRoom([deaf], true);
    const reply = room.ask(question({ schema }), never);
    expect(room.pending().map((each) => each.question.id)).toEqual(["q1"]);
    expect(() => room.reply("q2", { approve: true }, "reply")).toThrow(/no question of that id/);
    expect(() => room.reply("q1", { approve: true, content: {} }, "reply")).toThrow(/id is missing/);
    room.reply("q1", { approve: true, content: { id: 4 } }, "reply");
    expect(await reply).toEqual({ approve: true, content: { id: 4 }, by: "reply" });
    expect(() => room.reply("q1", { approve: true, content: { id: 5 } }, "reply")).toThrow(/no question of that id/);
  });

  it.each<readonly [string, readonly Answerer[]]>([
    ["there is nobody", []],
    ["everybody passes", [host(null)]],
    [
      "everybody fails",
      [
        callbackAnswerer(() => {
          throw new Error("broken");
        }),
      ],
    ],
    ["what comes back does not fit", [host({ approve: true, content: { id: 0 } })]],
  ])("is no yes where %s", async (_, answerers) =>
    expect(new QuestionRoom(answerers, false).ask(question({ schema }), never)).rejects.toMatchObject({
      code: "nobody_to_ask",
    }),
  );

  it("gives up with the signal's reason", async () => {
    const controller = new AbortController();
    const room = new QuestionRoom([deaf], true);
    const reply = room.ask(question(), controller.signal);
    controller.abort(new Error("revoked"));
    await expect(reply).rejects.toThrow("revoked");
    expect(room.pending()).toEqual([]);
  });
});

it.each<readonly [string, Given | null]>([
  ["yes", { approve: true }],
  [" N ", { approve: false }],
  ['{"approve":true,"id":3}', { approve: true, content: { id: 3 } }],
  ['{"approve":"true"}', null],
  ["[true]", null],
  ["maybe", null],
])("a reply as text: %s", (text, given) =>
  expect(parseReply(text)).toEqual(given === null ? null : expect.objectContaining(given)),
);
