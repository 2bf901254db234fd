import { existsSync, linkSync, readdirSync, readFileSync, statSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { eras, HttpClient, serve } from "../mcp-server/http-client.ts";
import { onStage, people } from "../stage/index.ts";
import type { Stage } from "../stage/index.ts";

describe.each(people.filter((person) => person !== "root-elsewhere"))(
  "sandboxed mcp-server --listen, as %s",
  (person) => {
    it.each(eras)("runs commands in a sandbox, with progress, and says what was refused (%s)", (era) =>
      onStage(person, async (stage) => {
        const { url, token, end } = await serve(stage, ["-P", ":workspace"]);
        const client = await HttpClient.connect(url, token, { era });
        const told: string[] = [];
        const script = `read line; echo "got $line"; cat ${join(stage.home, ".ssh/id_ed25519")}; until [ -e told ]; do echo waits; sleep 0.05; done; echo x > made; exit 3`;
        const ran = await client.call("run_command", { command: ["sh", "-c", script], stdin: "hello\n" }, (message) => {
          told.push(message);
          // What has been told while it goes on lets it go on.
          if (message.includes("waits")) stage.write("told", "");
        });
        expect(ran).toMatchObject({
          isError: true,
          structuredContent: {
            status: 3,
            stdout: expect.stringMatching(/^got hello\n(?:waits\n)+$/),
            profile: ":workspace",
          },
        });
        expect(JSON.stringify(ran.structuredContent?.["notes"])).toContain("id_ed25519");
        expect(told.join()).toContain("waits");
        expect(stage.read("made")).toBe("x\n");
        const read = await client.call("read_session");
        expect(read.structuredContent).toMatchObject({ session: ran.structuredContent?.["session"] });
        expect((await client.call("list_profiles")).structuredContent).toHaveProperty("profiles");
        expect(
          (await client.call("explain", { operation: "write", subject: "/etc/x" })).structuredContent,
        ).toMatchObject({
          answer: "deny",
        });
        await client.vanish();
        expect(await end()).toBe(0);
      }),
    );
  },
);

describe("sandboxed mcp-server --listen", () => {
  it.each(eras)("asks the person before another profile is used (%s)", (era) =>
    onStage("self", async (stage) => {
      const { url, token, end } = await serve(stage, ["-P", ":read-only"]);
      const given = { command: ["sh", "-c", "echo y > made; cat made"], permissions: ":workspace" };
      for (const reply of [null, { action: "decline" }, { action: "accept", content: { approve: false } }] as const) {
        // oxlint-disable-next-line no-await-in-loop -- each has to leave nothing behind for the next
        const client = await HttpClient.connect(url, token, { era, reply });
        // oxlint-disable-next-line no-await-in-loop -- as above
        const answer = await client.call("run_command", given).catch(() => ({ isError: true }));
        expect(answer).toMatchObject({ isError: true });
        expect(stage.read("made")).toBeNull();
      }
      const client = await HttpClient.connect(url, token, {
        era,
        reply: { action: "accept", content: { approve: true } },
      });
      expect(await client.call("run_command", given)).toMatchObject({
        structuredContent: { stdout: "y\n", profile: ":workspace" },
      });
      expect(client.asked).toEqual([expect.stringContaining("sh -c 'echo y > made; cat made'")]);
      await end();
    }),
  );

  it("takes no wider cwd, profile or time from a client than it was started with", () =>
    onStage("self", async (stage) => {
      stage.write("sub/file", "x");
      symlinkSync(stage.outside, join(stage.workspace, "way-out"));
      const { url, token, end } = await serve(stage, ["--timeout", "1s"]);
      const client = await HttpClient.connect(url, token);
      const pwd = (cwd: string) => client.call("run_command", { command: ["pwd"], cwd });
      expect((await pwd("sub")).structuredContent).toMatchObject({ stdout: `${stage.workspace}/sub\n` });
      for (const cwd of ["..", "/", stage.home, stage.outside, "way-out", "sub/../..", `${stage.workspace}x`]) {
        // oxlint-disable-next-line no-await-in-loop -- no more runs at a time than there may be
        expect(await pwd(cwd), cwd).toMatchObject({ isError: true });
      }
      const forms = { permissions: ":danger-full-access", "-P": ":workspace", write: ["/"], env: { A: "1" } };
      const victim = join(stage.outside, "victim");
      const attack = { command: ["sh", "-c", `echo no > ${victim}`], ...forms };
      expect(await client.call("run_command", attack)).toMatchObject({ isError: true });
      expect(await client.call("run_command", { ...attack, permissions: "./x.toml" })).toMatchObject({ isError: true });
      expect(stage.read(victim)).toBe("untouched\n");
      const late = await client.call("run_command", { command: ["sleep", "60"], timeoutSeconds: 60 });
      expect(late.structuredContent).toMatchObject({ status: 124 });
      await end();
    }));

  describe("gives a directory that a client chooses no meaning", () => {
    const both = async (stage: Stage, words: readonly string[], script: string, cwd?: string) => {
      const { url, token, end } = await serve(stage, words, cwd);
      const client = await HttpClient.connect(url, token);
      for (const from of [cwd === stage.home ? "work/project/sub" : "sub", undefined]) {
        // oxlint-disable-next-line no-await-in-loop -- the second shows that it is the directory alone
        await client.call("run_command", { command: ["sh", "-c", script], cwd: from });
      }
      await end();
    };

    it("as a workspace, where the server's own is none", () =>
      onStage("self", async (stage) => {
        stage.write("sub/kept", "");
        await both(stage, [], `echo no > ${stage.workspace}/sub/made`, stage.home);
        expect(stage.read("sub/made")).toBeNull();
        await both(stage, [], `echo yes > ${stage.workspace}/sub/made`);
        expect(stage.read("sub/made")).toBe("yes\n");
      }));

    it("for the files that the server's options name", () =>
      onStage("self", async (stage) => {
        const granting = (path: string): string =>
          `default_permissions = "ci"\n[permissions.ci]\nextends = ":isolated"\n[permissions.ci.filesystem]\n"${path}" = "write"\n`;
        const other = join(stage.folder, "other");
        stage.write(join(other, "kept"), "");
        stage.write("ci.toml", granting(other));
        const script = `echo $PWD >> ${other}/log; echo no > ${stage.outside}/victim`;
        stage.write("sub/ci.toml", granting(stage.outside));
        await both(stage, ["--config", "ci.toml"], script);
        expect(stage.read(join(stage.outside, "victim"))).toBe("untouched\n");
        expect(stage.read(join(other, "log"))).toBe(`${stage.workspace}/sub\n${stage.workspace}\n`);
      }));

    it("for the paths that the server's options name", () =>
      onStage("self", async (stage) => {
        for (const path of ["out/kept", "sub/out/kept"]) stage.write(path, "");
        const script = `echo $PWD >> ${stage.workspace}/out/log; echo no > ${stage.workspace}/sub/out/log`;
        await both(stage, ["-P", ":read-only", "-w", "out"], script);
        expect(stage.read("sub/out/log")).toBeNull();
        expect(stage.read("out/log")).toBe(`${stage.workspace}/sub\n${stage.workspace}\n`);
      }));

    it("as a project of its own, free of what the server's denies", () =>
      onStage("self", async (stage) => {
        stage.write(
          ".sandboxed/config.toml",
          `default_permissions = "ci"\n[permissions.ci]\nextends = ":isolated"\n[permissions.ci.filesystem]\n":workspace_roots" = { "README.md" = "deny" }\n`,
        );
        stage.write("sub/.sandboxed/config.toml", "");
        stage.write("sub/file", "x");
        const script = `cat ${stage.workspace}/README.md ${stage.workspace}/sub/file >> ${stage.workspace}/log`;
        await both(stage, [], script);
        expect(stage.read("log")).toBe("xx");
      }));
  });

  it("shows a client its own sessions and nobody else's", () =>
    onStage("self", async (stage) => {
      const file = join(stage.folder, "tokens");
      const [first = "", second = ""] = ["a", "b"].map((letter) => letter.repeat(43));
      stage.write(file, `# two clients\n${first}\n\n${second}\n`);
      stage.plain("chmod", ["600", file]);
      const { url, said, end } = await serve(stage, ["--token-file", file]);
      const one = await HttpClient.connect(url, first);
      const ran = await one.call("run_command", { command: ["echo", "secret"] });
      const session = String(ran.structuredContent?.["session"]);
      for (const era of eras) {
        // oxlint-disable-next-line no-await-in-loop -- one after the other
        const two = await HttpClient.connect(url, second, { era });
        for (const wanted of [session, "last"]) {
          // oxlint-disable-next-line no-await-in-loop -- as above
          const stolen = await two.call("read_session", { session: wanted });
          expect(stolen.content[0]?.text).toContain("this server has no session");
        }
        // oxlint-disable-next-line no-await-in-loop -- as above
        const own = await (await HttpClient.connect(url, first, { era })).call("read_session", { session });
        expect(own.structuredContent).toMatchObject({ command: ["echo", "secret"] });
      }
      expect(said()).not.toContain(first);
      await end();
    }));

  it("keeps its token to itself: not in its words, its journals, its files or what it runs", () =>
    onStage("self", async (stage) => {
      const file = join(stage.home, "keys/token");
      const { url, pid, end } = await serve(stage, ["-P", ":workspace", "--token-file", file]);
      const token = readFileSync(file, "utf8").trim();
      expect(token).toMatch(/^[\w-]{43}$/);
      expect(statSync(file).mode & 0o777).toBe(0o600);
      const client = await HttpClient.connect(url, token, { reply: { action: "accept", content: { approve: true } } });
      for (const permissions of [undefined, ":read-only"]) {
        const given = { command: ["sh", "-c", `env; cat ${file} ${stage.home}/diary.txt`], permissions };
        // oxlint-disable-next-line no-await-in-loop -- one after the other
        const { structuredContent } = await client.call("run_command", given);
        expect(structuredContent?.["stdout"]).toContain("dear diary");
        expect(JSON.stringify(structuredContent)).not.toContain(token);
      }
      expect(readFileSync(`/proc/${pid}/cmdline`, "utf8")).not.toContain(token);
      await end();
      expect(found(token, join(stage.home, ".local"))).toEqual([]);
      const again = await serve(stage, ["--token-file", file]);
      await (await HttpClient.connect(again.url, token)).leave();
      await again.end();
    }));

  it.each(eras)("ends the run of a client that has gone, and no other (%s)", (era) =>
    onStage("self", async (stage) => {
      const { url, token, end } = await serve(stage, ["-P", ":workspace"]);
      const [leaving, staying] = await Promise.all([0, 1].map(() => HttpClient.connect(url, token, { era })));
      const run = (name: string) => ({
        command: ["sh", "-c", `echo on > ${name}; sleep 1; echo done > ${name}; exec sleep 47.${name.length}`],
      });
      const left = leaving?.call("run_command", run("left")).catch(() => null);
      const stayed = staying?.call("run_command", run("stayed")).catch(() => null);
      await expect
        .poll(() => [stage.read("left"), stage.read("stayed")], { timeout: 10_000 })
        .toEqual(["on\n", "on\n"]);
      await leaving?.vanish();
      await left;
      await expect.poll(() => stage.read("stayed"), { timeout: 10_000 }).toBe("done\n");
      expect(stage.read("left")).toBe("on\n");
      expect(processes("sleep 47.4")).toEqual([]);
      await expect.poll(() => processes("sleep 47.6").length, { timeout: 5000 }).toBeGreaterThan(0);
      expect(await end("SIGINT")).toBe(0);
      expect(await stayed).toMatchObject({ isError: true, structuredContent: { stdout: "", status: 143 } });
      expect(processes("sleep 47.6")).toEqual([]);
    }),
  );

  it("ends the runs of a session that its client closes", () =>
    onStage("self", async (stage) => {
      const { url, token, end } = await serve(stage, ["-P", ":workspace"]);
      const client = await HttpClient.connect(url, token);
      const cut = client
        .call("run_command", { command: ["sh", "-c", "echo on > on; exec sleep 48.5"] })
        .catch(() => null);
      await expect.poll(() => stage.read("on"), { timeout: 10_000 }).toBe("on\n");
      await client.leave();
      await expect.poll(() => processes("sleep 48.5"), { timeout: 5000 }).toEqual([]);
      await cut;
      await end();
    }));

  it("holds runs to requirements that change meanwhile, and later ones to what they are then", () =>
    onStage("self", async (stage) => {
      const file = join(stage.folder, "requirements.toml");
      const requiring = (path: string): void =>
        stage.write(file, `[permissions.filesystem]\ndeny_write = ["${path}"]\n`);
      requiring(stage.outside);
      const { url, token, end } = await serve(stage, ["--requirements", file]);
      const client = await HttpClient.connect(url, token);
      const run = (name: string, seconds: number) =>
        client.call("run_command", {
          command: ["sh", "-c", `echo on > ${name}; sleep ${seconds}; echo done > ${name}`],
        });
      expect(await run("first", 0)).toMatchObject({ structuredContent: { status: 0, notes: [] } });
      const second = run("second", 20);
      await expect.poll(() => stage.read("second"), { timeout: 10_000 }).toBe("on\n");
      await setTimeout(600); // by then the file is watched
      requiring(stage.workspace);
      const { structuredContent, isError } = await second;
      expect(isError).toBe(true);
      expect(JSON.stringify(structuredContent?.["notes"])).toContain("the requirements changed");
      expect(stage.read("second")).toBe("on\n");
      expect(await run("third", 0)).toMatchObject({ isError: true });
      expect(stage.read("third")).toBeNull();
      await end();
    }));

  it.each([
    ["an address of the network", ["--listen", "0.0.0.0:0"], "loopback alone"],
    ["a name", ["--listen", "example.com:80"], "loopback alone"],
    ["a port that is none", ["--listen", "127.0.0.1:70000"], "loopback alone"],
    ["a token file without --listen", ["--token-file", "x"], "over HTTP"],
    ["a token that can be guessed", ["--listen", "127.0.0.1:0", "--token-file", "short"], "no token"],
    ["more tokens than anybody needs", ["--listen", "127.0.0.1:0", "--token-file", "many"], "more than 64"],
    ["a token that others can read", ["--listen", "127.0.0.1:0", "--token-file", "open"], "you alone can read"],
    ["a token of two names", ["--listen", "127.0.0.1:0", "--token-file", "twice"], "has another name besides"],
    ["a token behind a link", ["--listen", "127.0.0.1:0", "--token-file", "link"], "symbolic link"],
  ])("refuses %s", (_, words, said) =>
    onStage("self", (stage: Stage) => {
      stage.write("short", "hunter2\n");
      stage.write("open", `${"a".repeat(43)}\n`);
      stage.write("many", Array.from({ length: 65 }, (_each, at) => `${"a".repeat(43)}${at}\n`).join(""));
      stage.plain("chmod", ["600", "short", "many"]);
      stage.plain("chmod", ["644", "open"]);
      symlinkSync("short", join(stage.workspace, "link"));
      stage.write("once", `${"a".repeat(43)}\n`);
      stage.plain("chmod", ["600", "once"]);
      linkSync(join(stage.workspace, "once"), join(stage.workspace, "twice"));
      const { status, stderr } = stage.sandboxed(["mcp-server", ...words]);
      expect(status).not.toBe(0);
      expect(stderr).toContain(said);
    }),
  );
});

/** Files below a folder that hold a text. */
function found(text: string, folder: string): readonly string[] {
  if (!existsSync(folder)) return [];
  const files = readdirSync(folder, { recursive: true, encoding: "utf8" }).map((name) => join(folder, name));
  return files.filter((path) => statSync(path).isFile() && readFileSync(path).includes(text));
}

function processes(words: string): readonly string[] {
  return readdirSync("/proc").filter((pid) => /^\d+$/.test(pid) && commandOf(pid) === words);
}

function commandOf(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0").join(" ").trim();
  } catch {
    return ""; // it has ended
  }
}
