import { execFileSync } from "node:child_process";
import { linkSync, mkdirSync, readdirSync, renameSync, symlinkSync, truncateSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { absolutePath } from "../../../src/policy/index.ts";
import { readFile, statFile } from "../../../src/session/files/read.ts";
import { openRoot } from "../../../src/session/files/root.ts";
import { authorityOver, codeOf, openStage } from "./stage.ts";

const stage = openStage();
const socket = createServer();
beforeAll(async () => {
  const { ws, outside, put } = stage;
  put("src/a.ts");
  put("src/deep/b.ts");
  put(`${outside}/secret`, "secret");
  for (const [name, target] of Object.entries(links)) symlinkSync(target, join(ws, name));
  execFileSync("mkfifo", [join(ws, "fifo")]);
  put("sparse", "");
  truncateSync(join(ws, "sparse"), 2 ** 40);
  await new Promise<void>((listening) => socket.listen(join(ws, "socket"), listening));
});
afterAll(() => {
  socket.close();
  stage.close();
});

const links = {
  inside: "src",
  file: "src/a.ts",
  back: "src/../src/deep/../a.ts",
  own: join(stage.ws, "src"),
  chain: "inside/deep",
  out: "../outside",
  climbing: "src/../../outside/secret",
  absolute: join(stage.outside, "secret"),
  through: `${stage.outside}/../ws/src`,
  system: "/etc",
  magic: "/proc/self/root",
  self: "self",
  ping: "pong",
  pong: "ping",
  dangling: "nowhere",
  device: "/dev/zero",
};

describe("reads what a name leads to below the root", () => {
  it.each([
    ["src/a.ts", "text of src/a.ts\n"],
    ["./src//deep/../a.ts", "text of src/a.ts\n"],
    ["inside/a.ts", "text of src/a.ts\n"],
    ["file", "text of src/a.ts\n"],
    ["back", "text of src/a.ts\n"],
    ["own/deep/b.ts", "text of src/deep/b.ts\n"],
    ["chain/b.ts", "text of src/deep/b.ts\n"],
    ["chain/../a.ts", "text of src/a.ts\n"],
  ])("%s", (path, text) => expect(stage.read(path)).toBe(text));

  it("and says where that is", () => {
    expect(readFile(authorityOver(), stage.asked("chain/b.ts")).path).toBe(join(stage.ws, "src/deep/b.ts"));
  });
});

describe("refuses what leads elsewhere, or is no file (B12)", () => {
  it.each([
    ["..", "policy_denied"],
    ["../outside/secret", "policy_denied"],
    ["src/../../outside/secret", "policy_denied"],
    ["out/secret", "policy_denied"],
    ["climbing", "policy_denied"],
    ["absolute", "policy_denied"],
    ["through/a.ts", "policy_denied"],
    ["system/passwd", "policy_denied"],
    ["magic/etc/passwd", "policy_denied"],
    ["device", "policy_denied"],
    ["self", "unsupported"],
    ["ping", "unsupported"],
    ["dangling", "not_found"],
    ["missing/file", "not_found"],
    ["src/a.ts/x", "not_found"],
    ["src", "unsupported"],
    ["fifo", "unsupported"],
    ["socket", "unsupported"],
    ["sparse", "too_large"],
    ["src/a.ts\0.png", "invalid_params"],
    ["x".repeat(300), "invalid_params"],
    [Array.from({ length: 300 }, () => "d").join("/"), "unsupported"],
  ])("%j", (path, code) => expect(codeOf(() => stage.read(path))).toBe(code));

  it.each(["/proc", "/proc/self", "/sys", "/dev/pts"])("a root in %s", (path) => {
    expect(codeOf(() => openRoot(absolutePath(path)).close())).toBe("unsupported");
  });

  it("what the kernel makes up, met on the way from /", () => {
    const root = openRoot(absolutePath("/"));
    const asked =
      (names: readonly string[]): (() => unknown) =>
      () =>
        readFile(authorityOver(), { root, names, shown: names.join("/") });
    expect(codeOf(asked(["proc", "self", "environ"]))).toBe("unsupported");
    expect(codeOf(asked(["proc", "1", "cmdline"]))).toBe("unsupported");
    expect(codeOf(asked(["dev", "zero"]))).toBe("unsupported");
    expect(codeOf(asked(["etc", "passwd"]))).toBe("done");
    root.close();
  });
});

describe("asks the policy about the place that is reached", () => {
  const noDeep = authorityOver(({ op, ...query }) => op === "read" && "path" in query && query.path.includes("/deep"));

  it.each([
    ["chain/b.ts", "policy_denied"],
    ["src/deep/missing", "policy_denied"],
    ["src/a.ts", "done"],
  ])("%s", (path, code) => expect(codeOf(() => stage.read(path, noDeep))).toBe(code));

  it("and of the capability, in the same words whether it is there or not", () => {
    const scoped = authorityOver(() => false, absolutePath(join(stage.ws, "src/deep")));
    expect(codeOf(() => stage.read("file", scoped))).toBe("not_granted");
    expect(codeOf(() => stage.read("src/nothing", scoped))).toBe("not_granted");
    expect(codeOf(() => stage.read("chain/b.ts", scoped))).toBe("done");
  });

  it("also of a second name for what it denies", () => {
    const { ws, put } = stage;
    put("denied", "key");
    linkSync(join(ws, "denied"), join(ws, "alias"));
    linkSync(join(ws, "src/a.ts"), join(ws, "harmless"));
    const authority = { ...authorityOver(), denied: () => [absolutePath(join(ws, "denied"))] };
    expect(codeOf(() => stage.read("alias", authority))).toBe("policy_denied");
    expect(codeOf(() => stage.read("harmless", authority))).toBe("done");
  });
});

it("tells of a file without opening it", () => {
  const kinds = ["src", "src/a.ts", "fifo", "socket", "inside"].map(
    (path) => statFile(authorityOver(), stage.asked(path)).kind,
  );
  expect(kinds).toEqual(["directory", "file", "fifo", "socket", "directory"]);
  expect(statFile(authorityOver(), stage.asked("src/a.ts")).size).toBe(17);
});

it("keeps to the directory that was held when another takes its name", () => {
  const other = openStage();
  try {
    other.put("a", "held");
    renameSync(other.ws, join(other.outside, "moved"));
    mkdirSync(other.ws);
    other.put("a", "put in its place");
    expect(other.read("a")).toBe("held");
  } finally {
    other.close();
  }
});

it("leaves no descriptor open", () => {
  const before = readdirSync("/proc/self/fd").length;
  for (const path of ["src/a.ts", "chain/b.ts", "out/secret", "ping", "fifo", "missing/x", "sparse"]) {
    codeOf(() => stage.read(path));
  }
  expect(readdirSync("/proc/self/fd").length).toBe(before);
});
