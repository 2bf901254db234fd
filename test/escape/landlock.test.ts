import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { onStage, people } from "../stage/index.ts";
import type { Result, Stage } from "../stage/index.ts";

const alone = ["--backend", "landlock", "--enable", "use_legacy_landlock"];
const reading = ["-P", ":read-only", ...alone];
const writing = ["-P", ":workspace", ...alone];

/** What got past, and what was to get past. */
function attempt(stage: Stage, words: readonly string[], script: string): Pick<Result, "status" | "stdout"> {
  const { status, stdout } = stage.python(script, words);
  return { status, stdout };
}

const opening = (path: string, how: string): string =>
  `try:\n  print(open(${JSON.stringify(path)}, "${how}").${how === "r" ? "read()" : 'write("evil")'}, end="")\nexcept OSError as e:\n  print(e.errno)`;

describe.each(people)("without namespaces, as %s", (person) => {
  it("reads what is granted and no credentials beside it", () =>
    onStage(person, (stage) => {
      const key = join(stage.home, ".ssh/id_ed25519");
      expect(attempt(stage, reading, opening(key, "r"))).toEqual({ status: 0, stdout: "13\n" });
      expect(attempt(stage, reading, opening(join(stage.home, "diary.txt"), "r")).stdout).toBe("dear diary\n");
      expect(attempt(stage, [...reading, "--read", key], opening(key, "r")).stdout).toBe("PRIVATE KEY\n");
    }));

  it("writes what is granted and nothing else", () =>
    onStage(person, (stage) => {
      const victim = join(stage.outside, "victim");
      expect(attempt(stage, reading, opening("mine", "w")).stdout).toBe("13\n");
      expect(attempt(stage, writing, opening("mine", "w")).stdout).toBe("4");
      expect(attempt(stage, writing, opening(victim, "w")).stdout).toBe("13\n");
      expect([stage.read("mine"), stage.read(victim)]).toEqual(["evil", "untouched\n"]);
      expect(attempt(stage, [...writing, "-w", stage.outside], opening(victim, "w")).stdout).toBe("4");
      expect(stage.read(victim)).toBe("evil");
    }));

  it("gets out by no second name", () =>
    onStage(person, (stage) => {
      const victim = join(stage.outside, "victim");
      const key = join(stage.home, ".ssh/id_ed25519");
      const script = [
        `ln -s ${victim} link; echo evil >link`,
        `ln ${victim} hard && echo evil >hard`,
        `mv ${victim} moved; ln ${key} key; cp ${key} copy; cat /proc/self/root${key}`,
        `ln -s ${stage.home}/.ssh ssh; cat ssh/id_ed25519`,
        "ln own second && echo fine >second; cat own",
      ].join("\n");
      stage.write("own", "");
      expect(stage.sh(`exec 2>/dev/null\n${script}`, writing).stdout).toBe("fine\n");
      expect(stage.read(victim)).toBe("untouched\n");
      expect(readdirSync(stage.workspace).toSorted()).toEqual(["README.md", "link", "own", "second", "ssh"]);
    }));

  it("reaches no network and no process of the host", () =>
    onStage(person, (stage) => {
      const script = `
import glob, os, socket
for family in (socket.AF_INET, socket.AF_INET6, socket.AF_UNIX):
    try:
        socket.socket(family); print("socket", family)
    except OSError:
        pass
a, b = socket.socketpair(); a.send(b"pair"); print(b.recv(4).decode())
for each in glob.glob("/proc/[0-9]*/environ"):
    try:
        if b"SECRET_OF_THE_HOST" in open(each, "rb").read(): print(each)
    except OSError:
        pass
try:
    os.kill(os.getppid(), 0); print("signal")
except OSError:
    pass
print(b"SANDBOXED=1" in open("/proc/self/environ", "rb").read())`;
      const { stdout } = stage.python(script, reading, { environment: { SECRET_OF_THE_HOST: "1" } });
      expect(stdout).toBe("pair\nTrue\n");
    }));

  it("moves aside what was made under a protected name", () =>
    onStage(person, (stage) => {
      const { status } = stage.sh("mkdir x; echo evil >x/tasks.json; mv x .vscode; echo fine >fine", writing);
      expect({ status, left: readdirSync(stage.workspace).toSorted() }).toEqual({
        status: 123,
        left: ["README.md", "fine"],
      });
    }));

  it.each([
    ["a repository in what may be written", writing, ".git/"],
    ["a private home", ["-P", ":isolated", ...alone], ":home"],
    ["a denied file in what may be written", [...writing, "--deny", "README.md"], "README.md"],
    ["a host", [...reading, "--network", "restricted", "--allow-domain", "example.com"], "landlock"],
  ])("refuses %s, naming it, and starts nothing", (what, words, named) =>
    onStage(person, (stage) => {
      if (what.startsWith("a repository")) stage.repository();
      const { status, stderr } = stage.sh("touch ran", words);
      expect(status).toBe(125);
      expect(stderr).toContain(named);
      expect(existsSync(join(stage.workspace, "ran"))).toBe(false);
    }),
  );

  it("says what it would grant, and nothing more than that", () =>
    onStage(person, (stage) => {
      const rows = stage.run([...writing, "--dry-run", "--", "true"]).stdout;
      expect(rows).toContain(`  write     ${stage.workspace}\n`);
      expect(rows).not.toContain(`${stage.home}/.ssh\n`);
      expect(stage.run([...reading, "--dry-run", "--", "true"]).stdout).not.toContain(
        `  write     ${stage.workspace}\n`,
      );
    }));

  it("runs all the same where there is none of it", () =>
    onStage(person, (stage) => {
      expect(stage.sh("touch ran", writing).status).toBe(0);
      expect(existsSync(join(stage.workspace, "ran"))).toBe(true);
    }));
});
