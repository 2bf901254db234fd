import { connect } from "node:net";
import { describe, expect, it } from "vitest";
import { SessionError } from "../../src/session/error.ts";
import type { LocalTool } from "../../src/session/local-tools.ts";
import { callbackAnswerer } from "../../src/session/questions/index.ts";
import { Line, withChannel } from "./channel.ts";
import type { OpenChannel } from "./channel.ts";

/** What a refusal says besides its words. */
interface Refusal {
  readonly code: unknown;
  readonly rule: unknown;
  readonly capability: unknown;
  readonly retryable: unknown;
}

async function refusal(line: Line, method: string, params: object): Promise<Refusal | "ok"> {
  const { error } = await line.call(method, params);
  if (error === undefined) return "ok";
  const { code, rule, capability, retryable } = error.data;
  return { code, rule, capability, retryable };
}

const tools: readonly LocalTool[] = [
  { name: "add", run: ({ a, b }) => Number(a) + Number(b) },
  {
    name: "slow",
    run: (_, { signal }) =>
      new Promise((_resolve, reject) => signal.addEventListener("abort", () => reject(signal.reason))),
  },
  {
    name: "broken",
    run() {
      throw new Error("the password of the host is hunter2");
    },
  },
];
const add = { name: "add", arguments: { a: 1, b: 2 } };

/** Grants, the call that is refused, what the refusal says, and grants by which the same call is carried out. */
interface Case {
  readonly name: string;
  readonly grants: readonly string[];
  readonly method?: string;
  readonly params?: object;
  /** How often the call is made before. */
  readonly before?: number;
  readonly says: Partial<Refusal>;
  readonly twin: readonly string[] | null;
  readonly reply?: boolean;
}

const cases: readonly Case[] = [
  {
    name: "a kind that is not granted",
    grants: ["checkpoint"],
    says: { code: "not_granted", rule: "grant g1 has no tools", capability: "tools=add" },
    twin: ["tools=add"],
  },
  {
    name: "a tool outside of the scope",
    grants: ["tools=sub,mcp.*"],
    says: { code: "not_granted", rule: "grant g1 has tools=sub,mcp.*", capability: "tools=add" },
    twin: ["tools=add"],
  },
  {
    name: "a store outside of the scope",
    grants: ["memory=notes"],
    method: "session.memory.set",
    params: { key: "other/a", value: 1 },
    says: { code: "not_granted", rule: "grant g1 has memory=notes", capability: "memory=other" },
    twin: ["memory=other"],
  },
  {
    name: "the last use taken",
    grants: ["tools=*:calls=2"],
    before: 2,
    says: { code: "exhausted", rule: "grant g1: tools=*:calls=2", capability: "tools=add" },
    twin: ["tools=*:calls=3"],
  },
  {
    name: "too often",
    grants: ["tools=*:rate=1/1h"],
    before: 1,
    says: { code: "rate_limited", rule: "grant g1: tools=*:rate=1/1h", capability: "tools=add", retryable: true },
    twin: ["tools=*:rate=2/1h"],
  },
  {
    name: "no more room",
    grants: ["memory=notes:bytes=10B"],
    method: "session.memory.set",
    params: { key: "notes", value: "x".repeat(20) },
    says: { code: "too_large", rule: "1048576 bytes a value, or the bytes of the capability" },
    twin: ["memory=notes:bytes=1KiB"],
  },
  {
    name: "a no",
    grants: ["tools=*:approval=always"],
    reply: false,
    says: { code: "approval_denied", rule: "grant g1: tools=*:approval=always", capability: "tools=add" },
    twin: ["tools=add"],
  },
  {
    name: "nobody to ask for a yes",
    grants: ["tools=*:approval=once"],
    says: { code: "nobody_to_ask", rule: "grant g1: tools=*:approval=once", capability: "tools=add" },
    twin: ["tools=add"],
  },
  {
    name: "nobody to ask",
    grants: ["checkpoint"],
    method: "session.checkpoint",
    params: { question: "Well?" },
    says: { code: "nobody_to_ask", rule: "a question needs somebody who can answer it" },
    twin: null,
  },
  {
    name: "a tool that is not there",
    grants: ["tools=*"],
    params: { name: "sub" },
    says: { code: "not_found" },
    twin: null,
  },
  {
    name: "what throws, without its words",
    grants: ["tools=*"],
    params: { name: "broken" },
    says: { code: "failed" },
    twin: null,
  },
  {
    name: "more than a running sandbox can be given",
    grants: ["request_permissions"],
    method: "session.request_permissions",
    params: { permissions: {}, reason: "more" },
    says: { code: "unsupported", retryable: false },
    twin: null,
  },
  {
    name: "an end without a begin",
    grants: ["elicitation"],
    method: "session.elicitation.end",
    params: {},
    says: { code: "conflict" },
    twin: null,
  },
];

describe("a refusal says by which rule, and what would do", () => {
  it.each(cases)("$name", async ({ grants, method = "session.tool", params = add, before = 0, says, twin, reply }) => {
    const asked = reply === undefined ? {} : { answerers: [callbackAnswerer(() => ({ approve: reply }))] };
    const called = (held: readonly string[]): Promise<Refusal | "ok"> =>
      withChannel(
        held,
        async ({ port, token }) => {
          const line = await Line.open(port, token);
          for (let made = 0; made < before; made += 1) expect(await line.code(method, params)).toBe("ok");
          return refusal(line, method, params);
        },
        { tools, ...asked },
      );
    expect(await called(grants)).toMatchObject(says);
    if (twin !== null) expect(await called(twin)).toBe("ok");
  });

  it("not with the words of what failed inside", () =>
    withChannel(
      ["tools=*"],
      async ({ port, token }) => {
        const line = await Line.open(port, token);
        expect(JSON.stringify(await line.call("session.tool", { name: "broken" }))).not.toContain("hunter2");
      },
      { tools },
    ));

  it("a capability that ends under an open call", () => {
    const clock = { now: 0 };
    return withChannel(
      ["tools=add", "tools=slow:expires=30ms"],
      async ({ port, token }) => {
        const line = await Line.open(port, token);
        const open = refusal(line, "session.tool", { name: "slow" });
        expect(await line.code("session.tool", add)).toBe("ok");
        clock.now = 30;
        const rule = "grant g1: tools=slow:expires=30ms";
        expect(await open).toMatchObject({ code: "expired", rule, capability: "tools=slow" });
        expect(await refusal(line, "session.tool", { name: "slow" })).toMatchObject({
          code: "expired",
          rule,
          capability: "tools=slow",
        });
        expect(await line.code("session.tool", add)).toBe("ok");
      },
      { tools, now: () => clock.now },
    );
  });

  it("a token that was taken back, by its parent and not by itself", () =>
    withChannel(
      ["tools=*", "delegate"],
      async ({ port, token }) => {
        const line = await Line.open(port, token);
        const { result } = await line.call("session.grant", { capabilities: ["tools=add"] });
        // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- were it another, nothing below would succeed
        const { token: derived, grant } = result as { readonly token: string; readonly grant: string };
        const other = await Line.open(port, derived);
        expect(await other.code("session.tool", add)).toBe("ok");
        expect(await line.call("session.revoke", { grant: "g1" })).toMatchObject({ result: { revoked: false } });
        expect(await line.call("session.revoke", { grant })).toMatchObject({ result: { revoked: true } });
        expect(await refusal(other, "session.tool", add)).toMatchObject({
          code: "revoked",
          rule: "grant g1.1 was revoked",
        });
        expect(await line.code("session.tool", add)).toBe("ok");
      },
      { tools },
    ));

  it("a call that its caller gives up, and no other", () =>
    withChannel(
      ["tools=*"],
      async ({ port, token }) => {
        const line = await Line.open(port, token);
        const open = line.code("session.tool", { name: "slow" });
        const id = "t2";
        expect(await line.call("session.cancel", { id: "t9" })).toMatchObject({ result: { cancelled: false } });
        expect(await line.call("session.cancel", { id })).toMatchObject({ result: { cancelled: true } });
        expect(await open).toBe("cancelled");
      },
      { tools },
    ));

  it("more bytes than all callers together may have on the way", () =>
    withChannel(["tools=*"], (open) => crowded(open), { tools, limits: { pendingBytes: 100_000 } }));

  it("more grants than a session keeps", () =>
    withChannel(["delegate", "tools=*"], async ({ port, token, channel, door }) => {
      for (let made = 1; made < 10_000; made += 1)
        channel.grants.make({ capabilities: [], expiresIn: null, parent: null, door, within: null });
      const line = await Line.open(port, token);
      expect(await refusal(line, "session.grant", { capabilities: ["tools=*"] })).toMatchObject({
        code: "overloaded",
        retryable: true,
      });
      const last = channel.grants.byId("g10000");
      if (last !== null) channel.grants.end(last, new SessionError("revoked", "x"));
      expect(await line.code("session.grant", { capabilities: ["tools=*"] })).toBe("ok");
    }));
});

async function crowded({ port, token }: OpenChannel): Promise<void> {
  const greedy = await Line.open(port, token);
  greedy.socket.write(" ".repeat(90_000));
  await new Promise((resolve) => setTimeout(resolve, 50));
  const late = await Line.open(port, token);
  late.socket.write(" ".repeat(20_000));
  await late.until(() => late.closed || late.answers.length > 1);
  expect(late.answers.at(-1)?.error?.data).toMatchObject({ code: "overloaded", retryable: true });
  greedy.socket.destroy();
  await new Promise((resolve) => setTimeout(resolve, 50));
  const again = await Line.open(port, token);
  again.socket.write(" ".repeat(20_000));
  expect(await again.code("session.tool", add)).toBe("ok");
}

describe("what a tool asks", () => {
  const asking = (answer: "yes" | "nobody" | "never", run: LocalTool["run"]): Promise<unknown> =>
    withChannel(
      ["tools=*"],
      async ({ port, token }) => {
        const line = await Line.open(port, token);
        const { result, error } = await line.call("session.tool", { name: "asks" });
        const { structuredContent } = (result ?? {}) as { readonly structuredContent?: unknown };
        return error?.data["code"] ?? structuredContent;
      },
      {
        tools: [{ name: "asks", run }],
        answerers:
          answer === "nobody"
            ? []
            : [callbackAnswerer(() => (answer === "yes" ? { approve: true } : new Promise(() => {})))],
      },
    );
  const ask: LocalTool["run"] = async (_, context) => {
    const { approve } = await context.ask({ kind: "checkpoint", text: "Well?", timeout: 30 });
    return { approve };
  };

  it("is answered, or refused: nobody is there, nobody answers in time", async () => {
    expect(await asking("yes", ask)).toEqual({ approve: true });
    expect(await asking("nobody", ask)).toBe("nobody_to_ask");
    expect(await asking("never", ask)).toBe("timed_out");
  });

  it("is withdrawn by the tool's own signal, which does not end the call", async () => {
    const withdrawn: LocalTool["run"] = async (_, context) => {
      const own = new AbortController();
      setTimeout(() => own.abort(new SessionError("cancelled", "not wanted any more")), 20);
      try {
        await context.ask({ kind: "checkpoint", text: "Well?" }, own.signal);
        return { asked: "answered" };
      } catch (error) {
        return { asked: error instanceof SessionError ? error.code : "thrown" };
      }
    };
    expect(await asking("never", withdrawn)).toEqual({ asked: "cancelled" });
    expect(await asking("yes", withdrawn)).toEqual({ asked: "answered" });
  });

  it("follows a schema that somebody can be asked by", async () => {
    const by =
      (schema: { readonly [name: string]: string | object }): LocalTool["run"] =>
      async (_, context) =>
        // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- each is JSON
        ({ ...(await context.ask({ kind: "checkpoint", text: "Well?", schema: schema as never })) });
    expect(await asking("yes", by({ type: "object", properties: { a: { type: "string", pattern: "(a*)*b" } } }))).toBe(
      "invalid_params",
    );
    expect(await asking("yes", by({ type: "object", properties: { a: { type: "string" } } }))).toMatchObject({
      approve: true,
    });
  });
});

it("a connection that never says who it is is ended", () =>
  withChannel(
    ["tools=*"],
    async ({ port, events }) => {
      const socket = connect({ host: "127.0.0.1", port });
      let said = "";
      socket.setEncoding("utf8").on("data", (text: string) => (said += text));
      socket.write("{");
      await new Promise((resolve) => socket.once("close", resolve));
      expect(JSON.parse(said)).toMatchObject({ id: null, error: { data: { code: "unauthenticated" } } });
      expect(events.filter(({ kind }) => kind === "session.called")).toEqual([]);
    },
    { limits: { greetingTime: 50 } },
  ));
