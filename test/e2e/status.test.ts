import { chownSync, mkdirSync, readdirSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { onStage } from "../stage/index.ts";
import type { Stage } from "../stage/index.ts";

interface Case {
  readonly name: string;
  readonly words: readonly string[] | ((stage: Stage) => readonly string[]);
  readonly status: number;
  /** A part of what the tool says; none when it must say nothing. */
  readonly says?: RegExp;
}

const cases: readonly Case[] = [
  { name: "success", words: ["--", "true"], status: 0 },
  { name: "the program's own status", words: ["--", "sh", "-c", "exit 42"], status: 42 },
  { name: "a signal", words: ["--", "sh", "-c", "kill -TERM $$"], status: 143 },
  { name: "options end at the program", words: ["sh", "-c", "exit 7", "--network"], status: 7 },
  { name: "a time limit", words: ["--timeout", "300ms", "--", "sleep", "30"], status: 124, says: /time/ },
  { name: "a program that does not exist", words: ["--", "no-such-program"], status: 127, says: /no-such-program/ },
  {
    name: "a program that is hidden",
    words: (stage) => {
      stage.write(`${stage.outside}/tool`, "#!/bin/sh\nexit 0\n");
      stage.plain("chmod", ["755", `${stage.outside}/tool`]);
      return ["--", `${stage.outside}/tool`];
    },
    status: 127,
    says: /exists.*(--read|rule)/s,
  },
  { name: "a directory as program", words: ["--", "./"], status: 126, says: /directory/ },
  { name: "the working directory as program", words: ["."], status: 126, says: /work\/project is a directory/ },
  { name: "a file that is not executable", words: ["--", "./README.md"], status: 126, says: /executable/ },
  { name: "an option that does not exist", words: ["--netwrk", "off", "true"], status: 125, says: /--network/ },
  { name: "no program", words: [], status: 125, says: /program/i },
  { name: "an unknown profile", words: ["-P", ":isolatd", "true"], status: 125, says: /:isolated/ },
  {
    name: "a relative path in a policy file",
    words: ["-c", 'permissions.x.filesystem."data"="read"', "-P", "x", "true"],
    status: 125,
    says: /data/,
  },
  {
    name: "an unknown token",
    words: ["-c", 'permissions.x.filesystem.":minimul"="read"', "-P", "x", "true"],
    status: 125,
    says: /:minimal/,
  },
  {
    name: "a cycle of profiles",
    words: ["-c", 'permissions.x.extends="x"', "-P", "x", "true"],
    status: 125,
    says: /x/,
  },
  {
    name: "a granted path that does not exist",
    words: ["--read", "/no/such/path", "true"],
    status: 125,
    says: /no\/such\/path/,
  },
];

describe("exit status", () => {
  it.each(cases)("$name", ({ words, status, says }) =>
    onStage("self", (stage) => {
      const result = stage.run(typeof words === "function" ? words(stage) : words);
      expect(result.status, result.stderr).toBe(status);
      if (says === undefined) expect(result.stderr).toBe("");
      else expect(result.stderr).toMatch(says);
    }),
  );

  it("a name that PATH has as a directory is looked for further on", () =>
    onStage("self", (stage) => {
      const environment = { PATH: `${stage.workspace}/one:${stage.workspace}/two:/usr/bin:/bin` };
      stage.write("one/tool/x", "");
      expect(stage.run(["--", "tool"], { environment })).toMatchObject({
        status: 127,
        stderr: expect.stringContaining("tool: not found"),
      });
      stage.write("two/tool", "#!/bin/sh\nexit 5\n");
      stage.plain("chmod", ["755", "two/tool"]);
      expect(stage.run(["--", "tool"], { environment }).status).toBe(5);
    }));

  it("a program that a rule hides is named with what would show it, where something would", () =>
    onStage("self", (stage) => {
      stage.write(`${stage.outside}/tool`, "#!/bin/sh\nexit 0\n");
      stage.plain("chmod", ["755", `${stage.outside}/tool`]);
      const tool = `${stage.outside}/tool`;
      const shown = stage.run([tool]);
      expect(shown.stderr).toContain(`exists, but is hidden: no rule allows it\nsandboxed-run:   allow it with --read`);
      expect(stage.run(["--read", tool, tool]).status).toBe(0);
      stage.write(".sandboxed/config.toml", 'default_permissions = ":isolated"\n');
      const refused = stage.run(["--read", tool, tool]);
      expect([refused.status, refused.stderr]).toEqual([127, expect.stringContaining("this is up to the project (")]);
    }));

  it.skipIf(process.getuid?.() !== 0)("a home that cannot be written does with --ephemeral, and leaves nothing", () =>
    onStage("ordinary", (stage) => {
      const empty = `${stage.folder}/empty-home`;
      const temporary = `${stage.folder}/temporary`;
      for (const folder of [empty, temporary]) mkdirSync(folder, { mode: 0o755 });
      chownSync(temporary, 65_534, 65_534);
      const environment = { HOME: empty, TMPDIR: temporary };
      const kept = stage.run(["-P", ":read-only", "true"], { environment });
      expect([kept.status, kept.stderr]).toEqual([125, expect.stringContaining("--ephemeral")]);
      for (const words of [["-P", ":read-only"], ["-P", ":workspace"], []]) {
        const result = stage.sh("cat README.md; exit 4", ["--ephemeral", ...words], { environment });
        expect([result.status, result.stdout], result.stderr).toEqual([4, "# project\n"]);
      }
      expect([...readdirSync(temporary), ...readdirSync(empty)]).toEqual([]);
    }),
  );

  it.skipIf(process.getuid?.() !== 0)("what is moved aside is kept all the same", () =>
    onStage("ordinary", (stage) => {
      const [empty, temporary] = [`${stage.folder}/empty-home`, `${stage.folder}/temporary`];
      for (const folder of [empty, temporary]) mkdirSync(folder, { mode: 0o755 });
      chownSync(temporary, 65_534, 65_534);
      const words = ["--ephemeral", "--json"];
      const result = stage.sh("mkdir .vscode; echo x > .vscode/tasks.json", words, {
        environment: { HOME: empty, TMPDIR: temporary },
      });
      const { repairs } = JSON.parse(result.stderr.trim().split("\n").at(-1) ?? "{}");
      expect([result.status, repairs.length]).toEqual([123, 1]);
      expect(stage.read(`${repairs[0].kept}/tasks.json`)).toBe("x\n");
    }),
  );

  it.skipIf(process.getuid?.() !== 0)("a working directory that may not be searched is refused in words", () =>
    onStage("ordinary", (stage) => {
      const inside = `${stage.workspace}/shut/inside`;
      stage.write("shut/inside/x", "");
      const script = `cd ${inside} && chmod 000 .. && '${process.execPath}' '${stage.tool("sandboxed-run")}' "$@"`;
      const from = (...words: readonly string[]) => stage.plain("sh", ["-c", script, "sh", ...words]);
      expect(from("true")).toMatchObject({ status: 125, stderr: expect.stringMatching(/inside cannot be searched/) });
      stage.plain("chmod", ["755", `${stage.workspace}/shut`]);
      expect(from("-C", inside, "true")).toMatchObject({
        status: 125,
        stderr: expect.stringMatching(/cannot be reached/),
      });
      stage.plain("chmod", ["755", `${stage.workspace}/shut`]);
      expect(stage.run(["true"], { cwd: inside }).status).toBe(0);
    }),
  );

  it("duplicate keys in a file are refused with file and line", () =>
    onStage("self", (stage) => {
      const path = `${stage.home}/.config/sandboxed/config.toml`;
      stage.write(path, 'default_permissions = ":isolated"\ndefault_permissions = ":workspace"\n');
      const result = stage.run(["true"]);
      expect(result.status).toBe(125);
      expect(result.stderr).toMatch(/config\.toml:2/);
      stage.write(path, 'default_permissions = ":isolated"\n');
      expect(stage.run(["true"]).status).toBe(0);
    }));
});
