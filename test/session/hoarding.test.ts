import { describe, expect, it } from "vitest";
import { absolutePath } from "../../src/policy/index.ts";
import { parseCapability } from "../../src/session/capability/text.ts";
import { SessionError } from "../../src/session/error.ts";
import type { Grant } from "../../src/session/grant/grant.ts";
import { Grants } from "../../src/session/grant/grants.ts";
import type { LocalTool } from "../../src/session/local-tools.ts";
import { passingMemory } from "../../src/session/store/memory-file.ts";
import { Line, withChannel } from "./channel.ts";

const KIB = 1024;
const slow: LocalTool = {
  name: "slow",
  run: (_, { signal }) =>
    new Promise((_resolve, reject) => signal.addEventListener("abort", () => reject(signal.reason), { once: true })),
};
const tools: readonly LocalTool[] = [
  { name: "big", run: () => "x".repeat(64 * KIB) },
  { name: "add", run: () => 1 },
  slow,
];

const codes = (answers: readonly { readonly error?: { readonly data: { readonly [name: string]: unknown } } }[]) =>
  answers.map(({ error }) => error?.data["code"] ?? "ok");

describe("callers that hoard", () => {
  it("answers nobody reads are bounded, each request has one answer, and afterwards there is room again", () =>
    withChannel(
      ["tools=*"],
      async ({ port, token }) => {
        const lines = await Promise.all(Array.from({ length: 8 }, () => Line.open(port, token)));
        const request = (id: string): string =>
          `${JSON.stringify({ jsonrpc: "2.0", id, method: "session.tool", params: { name: "big" } })}\n`;
        for (const { socket } of lines) socket.pause();
        for (const { socket } of lines) for (let at = 0; at < 100; at += 1) socket.write(request(`n${at}`));
        await new Promise((resolve) => setTimeout(resolve, 500));
        for (const { socket } of lines) socket.resume();
        for (const line of lines) await line.until(() => line.answers.length === 101);
        const came = lines.flatMap(({ answers }) => codes(answers));
        expect(new Set(came)).toEqual(new Set(["ok", "overloaded"]));
        for (const { answers } of lines) expect(new Set(answers.map(({ id }) => id)).size).toBe(101);
        const [line] = lines;
        expect(await line?.code("session.tool", { name: "big" })).toBe("ok");
      },
      { tools, limits: { answeredBytes: 2048 * KIB } },
    ));

  it("a batch has one answer, which is bounded as a whole", () =>
    withChannel(
      ["tools=*"],
      async ({ port, token }) => {
        const line = await Line.open(port, token);
        const batch = (name: string): string =>
          `${JSON.stringify(Array.from({ length: 8 }, (_, id) => ({ jsonrpc: "2.0", id, method: "session.tool", params: { name } })))}\n`;
        line.socket.write(batch("big"));
        await line.until(() => line.answers.length === 9);
        expect(codes(line.answers).filter((code) => code === "too_large").length).toBeGreaterThan(2);
        expect(codes(line.answers).filter((code) => code === "ok").length).toBeGreaterThan(2);
        line.socket.write(batch("add"));
        await line.until(() => line.answers.length === 17);
        expect(new Set(codes(line.answers.slice(9)))).toEqual(new Set(["ok"]));
      },
      { tools, limits: { answerBytes: 512 * KIB } },
    ));

  it("what open calls were sent counts until they are answered", () =>
    withChannel(
      ["tools=*"],
      async ({ port, token }) => {
        const [one, other] = [await Line.open(port, token), await Line.open(port, token)];
        const much = { name: "slow", arguments: { text: "x".repeat(150 * KIB) } };
        const open = one.code("session.tool", much);
        expect(await one.code("session.ping")).toBe("ok");
        other.socket.write(`${JSON.stringify({ jsonrpc: "2.0", id: "o", method: "session.tool", params: much })}\n`);
        await other.until(() => other.closed);
        expect(other.answers.at(-1)?.error?.data).toMatchObject({ code: "overloaded" });
        await one.call("session.cancel", { id: "t2" });
        expect(await open).toBe("cancelled");
        const again = await Line.open(port, token);
        expect(await again.code("session.tool", { ...much, name: "add" })).toBe("ok");
      },
      { tools, limits: { pendingBytes: 200 * KIB } },
    ));

  it("the last uses are taken once, by however many at once", () =>
    withChannel(
      ["tools=add:calls=50"],
      async ({ port, token }) => {
        const lines = await Promise.all(Array.from({ length: 4 }, () => Line.open(port, token)));
        const came = await Promise.all(
          lines.flatMap((line) => Array.from({ length: 50 }, () => line.code("session.tool", { name: "add" }))),
        );
        expect(came.filter((code) => code === "ok")).toHaveLength(50);
        expect(came.filter((code) => code === "exhausted")).toHaveLength(150);
      },
      { tools },
    ));

  it("what is remembered by a session without a store is bounded, and room comes back", () => {
    const memory = passingMemory();
    const value = "x".repeat(1024 * KIB);
    for (let at = 0; at < 15; at += 1) memory.set(`notes/${at}`, value);
    for (let at = 0; at < 15; at += 1) memory.set(`notes/${at}`, value);
    expect(() => memory.set("notes/more", value.repeat(2))).toThrowError(
      expect.objectContaining({ code: "too_large" }),
    );
    expect(memory.get("notes/more")).toBe(undefined);
    memory.delete("notes/0");
    memory.set("notes/more", value);
    expect(memory.get("notes/more")).toBe(value);
  });
});

describe("tokens that come from one another", () => {
  const door = { name: "one" };
  const made = (grants: Grants, parent: Grant | null) =>
    grants.make({ capabilities: [parseCapability("delegate")], expiresIn: null, parent, door, within: null });
  const open = (): { readonly grants: Grants; readonly told: string[] } => {
    const told: string[] = [];
    return { grants: new Grants(absolutePath("/w"), { ended: ({ id }) => void told.push(id) }), told };
  };
  const codeOf = (act: () => unknown): unknown => {
    try {
      act();
      return "ok";
    } catch (error) {
      return error instanceof SessionError ? error.code : error;
    }
  };

  it("end with the first, however long the line is; and it has an end", () => {
    const { grants, told } = open();
    const first = made(grants, null);
    let last = first;
    for (let level = 1; level < 16; level += 1) last = made(grants, last.grant);
    expect(codeOf(() => made(grants, last.grant))).toBe("too_deep");
    expect(codeOf(() => grants.find(last.token, door))).toBe("ok");
    grants.end(first.grant, new SessionError("revoked", "x"));
    expect(codeOf(() => grants.find(last.token, door))).toBe("revoked");
    expect([told.length, told.at(-1), grants.live()]).toEqual([16, "g1", []]);
  });

  it("all end, however many they are", () => {
    const { grants, told } = open();
    const first = made(grants, null);
    const others = Array.from({ length: 9000 }, () => made(grants, first.grant));
    grants.end(first.grant, new SessionError("revoked", "x"));
    expect([told.length, told.at(-1), grants.live()]).toEqual([9001, "g1", []]);
    expect(others.every(({ token }) => codeOf(() => grants.find(token, door)) === "revoked")).toBe(true);
  });

  it("are not remembered for ever once they ended", () => {
    const { grants } = open();
    const first = made(grants, null);
    const tokens = Array.from({ length: 10_001 }, () => {
      const { grant, token } = made(grants, first.grant);
      grants.end(grant, new SessionError("revoked", "x"));
      return token;
    });
    const [oldest = ""] = tokens;
    expect(codeOf(() => grants.find(oldest, door))).toBe("unauthenticated");
    expect(codeOf(() => grants.find(tokens.at(-1) ?? "", door))).toBe("revoked");
    expect(codeOf(() => grants.find(first.token, door))).toBe("ok");
  });
});
