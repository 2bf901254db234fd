import { describe, expect, it } from "vitest";
import { absolutePath } from "../../../src/policy/index.ts";
import type { Decision, Denial, Oracle, Query } from "../../../src/policy/index.ts";
import { printRefusal, toDenial } from "../../../src/sandbox/refusals/index.ts";
import { oracle as compiled, profile, ws } from "../../policy/machine.ts";
import { find, home, isolated } from "./scene.ts";

const context = { session: "20261121-153000-0000000000000000", time: "2026-11-21T15:30:00.000Z" };
const places = { cwd: ws, home };

function denials(text: string, oracle?: Oracle): readonly Denial[] {
  return find(text, oracle).map((refusal) => toDenial(refusal, context));
}

function printed(text: string, oracle?: Oracle): readonly string[] {
  return denials(text, oracle).flatMap((denial) => printRefusal(denial, places));
}

const denied: Decision = {
  effect: "deny",
  reason: "denied_by_rule",
  rule: { kind: "filesystem", text: '"/x" = "deny"' },
  provenance: { layer: "project", file: ".sandboxed/config.toml", line: 3, column: 1, owner: "the project" },
  where: "host",
  suggestion: null,
};

function show(query: Query, change: Partial<Denial> = {}): readonly string[] {
  return printRefusal({ ...denied, ...change, query, ...context, retryable: change.retryable ?? true }, places);
}

function firstPart(text: string): string {
  return (show({ op: "read", path: text }, { rule: null, provenance: null })[0] ?? "").split(" — ")[0] ?? "";
}

describe("toDenial", () => {
  it("keeps the oracle's decision and adds when, where and whether asking again may help", () => {
    const [denial] = denials("rm: cannot remove '/ro/f': Read-only file system");
    const query = { op: "move", path: "/ro/f" } as const;
    expect(denial).toEqual({ ...isolated.decide(query), query, ...context, retryable: true });
  });

  it("turns what is hidden by a private place into a denial that says so and how to get at it", () => {
    expect(denials("cat: /home/u/notes/todo.txt: No such file or directory")).toMatchObject([
      {
        effect: "deny",
        reason: "hidden",
        where: "private",
        suggestion: { argv: ["--read", "~/notes/todo.txt"] },
        retryable: true,
      },
    ]);
  });

  it("knows what would do for a host that nobody named", () => {
    expect(denials("curl: (7) Network is unreachable")).toMatchObject([
      { effect: "deny", suggestion: { argv: [], config: expect.stringContaining("--allow-domain HOST") } },
    ]);
  });

  it("calls nothing retryable that the organisation refuses", () => {
    const bound = compiled([profile({ extends: ":danger-full-access" })], undefined, "requirements");
    const shut = compiled(profile({ extends: ":isolated", filesystem: { "/ro": "read" } }), undefined, "requirements");
    const text = "rm: cannot remove '/ro/f': Read-only file system";
    expect(denials(text, bound)).toEqual([]);
    expect(denials(text, shut)).toMatchObject([{ retryable: false }]);
    expect(denials(text)).toMatchObject([{ retryable: true }]);
  });
});

describe("printRefusal", () => {
  it("names operation, path, rule, place and option in one line, as short as paths allow", () => {
    const [line, ...rest] = printed("touch: cannot touch '.git/hooks': Read-only file system");
    expect(line?.replace(/toml:\d+/, "toml:N")).toBe(
      'refused: write .git/hooks — protected name ".git/hooks" (sandbox-profiles/protected.toml:N); allow with --write .git/hooks',
    );
    expect(rest).toEqual([]);
  });

  it("keeps the option on a line of its own when one is too long", () => {
    const lines = printed("cat: /home/u/notes/todo.txt: No such file or directory");
    expect(lines.join("\n")).toContain("hidden");
    expect(lines.join("\n")).toMatch(/allow with --read ~\/notes\/todo.txt$/);
    const long = show(
      { op: "read", path: `/${"d".repeat(150)}` },
      { suggestion: { argv: ["--read", `/${"d".repeat(150)}`], config: null } },
    );
    expect(long).toHaveLength(2);
    expect(long[1]).toMatch(/^ {2}allow with --read/);
  });

  it("says whose rule it is when it is somebody else's, and suggests no option that would not help", () => {
    expect(
      show(
        { op: "read", path: "/x" },
        { suggestion: { argv: [], config: "this is up to the project" }, retryable: false },
      ),
    ).toEqual([
      'refused: read /x — denied by "/x" = "deny" (.sandboxed/config.toml:3, set by the project); this is up to the project',
    ]);
    expect(
      show({ op: "read", path: "/x" }, { suggestion: { argv: ["--read", "/x"], config: null }, retryable: false }).join(
        "",
      ),
    ).not.toContain("allow with");
  });

  it("names hosts, ports, variables and sockets in their own words", () => {
    const bare = { rule: null, provenance: null } as const;
    expect(show({ op: "connect", host: "example.com", port: 443 }, bare)).toEqual([
      "refused: connect to example.com:443 — no rule allows it",
    ]);
    expect(show({ op: "connect", host: "2001:db8::1", port: 80 }, bare)).toEqual([
      "refused: connect to [2001:db8::1]:80 — no rule allows it",
    ]);
    expect(show({ op: "connect", host: "unnamed.invalid", port: 443 }, bare)).toEqual([
      "refused: connect to the network — no rule allows it",
    ]);
    expect(show({ op: "dns", name: "example.com" }, bare)).toEqual([
      "refused: look up example.com — no rule allows it",
    ]);
    expect(show({ op: "env", name: "TOKEN" }, bare)).toEqual(["refused: see variable TOKEN — no rule allows it"]);
    expect(show({ op: "connect_unix", path: "/run/x.sock" }, bare)).toEqual([
      "refused: connect to socket /run/x.sock — no rule allows it",
    ]);
    expect(show({ op: "exec", path: "/home/u/bin/x" }, bare)).toEqual(["refused: run ~/bin/x — no rule allows it"]);
  });

  it("shortens by names, not by letters, and never into an option or a home", () => {
    expect(firstPart(`${ws}/a`)).toBe("refused: read a");
    expect(firstPart(`${ws}2/a`)).toBe("refused: read ~/ws2/a");
    expect(firstPart("/home/user/a")).toBe("refused: read /home/user/a");
    expect(firstPart(`${ws}/-rf`)).toBe("refused: read ./-rf");
    expect(firstPart(`${ws}/~`)).toBe("refused: read ./~");
    expect(firstPart(ws)).toBe("refused: read .");
    expect(
      printRefusal(
        { ...denied, query: { op: "read", path: "/x" }, ...context, retryable: true },
        { cwd: absolutePath("/"), home: absolutePath("/") },
      )[0],
    ).toContain("read /x");
  });

  it("lets nothing from outside act on the terminal or pass for a second line", () => {
    const evil = "/srv/\u001b]0;x\u0007a\nrefused: nothing\u202e";
    const lines = show(
      { op: "read", path: evil },
      {
        rule: { kind: "filesystem", text: evil },
        suggestion: { argv: ["--read", evil], config: evil },
        provenance: { layer: "user", file: evil, line: 1, column: 1, owner: evil },
      },
    );
    expect(lines.length).toBeLessThanOrEqual(2);
    for (const line of lines) expect(/[\p{Cc}\u202e]/u.test(line)).toBe(false);
  });
});
