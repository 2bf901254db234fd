import { spawnSync } from "node:child_process";
import { existsSync, linkSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { makeBundle } from "./bundle.ts";
import type { Bundle } from "./bundle.ts";

let bundle: Bundle;

beforeAll(async () => {
  bundle = await makeBundle();
  const work = join(bundle.home, "work");
  writeFileSync(join(work, "bad.toml"), "[permissions.ci]\nnetwrk = 1\n", { mode: 0o600 });
  writeFileSync(join(work, "circle.toml"), "[permissions.a]\nextends='b'\n[permissions.b]\nextends='a'\n", {
    mode: 0o600,
  });
  writeFileSync(join(work, "required.toml"), 'audit = "required"\n', { mode: 0o600 });
  writeFileSync(join(work, "good.toml"), 'default_permissions = ":workspace"\n', { mode: 0o600 });
  writeFileSync(join(work, "a.ts"), "");
  writeFileSync(join(work, "victim"), "untouched");
  symlinkSync("victim", join(work, "link.json"));
  writeFileSync(join(work, "linked.json"), "untouched");
  linkSync(join(work, "linked.json"), join(work, "second-name"));
  mkdirSync(join(work, "folder"));
});

afterAll(() => bundle.remove());

describe("wrong use of sandboxed-run ends with 125 and one message", () => {
  it.each<[line: string, says: readonly string[]]>([
    ["", ["no program was named", "sandboxed-run script.py"]],
    ["--", ["no program was named"]],
    ["--raed x true", ["unknown option --raed", '"--read"']],
    ["--network of true", ['did you mean "off"']],
    ["-P :isolatd true", ['there is no profile ":isolatd"', '":isolated"']],
    ["--config absent.toml true", ["there is no file absent.toml"]],
    ["--config bad.toml true", ["bad.toml:2:1: unknown key netwrk", '"network"']],
    ["--config circle.toml true", ["circle.toml:", "a -> b -> a"]],
    ["--config folder true", ["folder is not a regular file"]],
    ["-c permissions.ci.network.mode=of -P ci true", ["-c: ", '"off"']],
    ["-C absent true", ["--cd absent: there is no such directory"]],
    ["-C victim true", ["--cd victim: there is no such directory"]],
    ["--timeout soon true", ["--timeout soon", "duration"]],
    ["--processes abc true", ["--processes abc: that is no number", "whole number above 0"]],
    ["--processes=-3 true", ["--processes -3: that is no number"]],
    ["--processes 0 true", ["--processes 0", "above 0"]],
    ["--enable nothing true", ['--enable "nothing": there is no such feature']],
    ["-r :hmoe true", ['":home"']],
    ["--config required.toml --ephemeral true", ["--ephemeral is refused", "leave --ephemeral out"]],
    ["--backend landlock true", ["--backend landlock has to be enabled", "--enable use_legacy_landlock"]],
    ["--report link.json true", ["--report link.json", "symbolic link"]],
    ["--report linked.json true", ["second name"]],
    ["--report folder true", ["--report folder", "cannot write it"]],
    ["--report absent/x.json true", ["--report absent/x.json", "ENOENT"]],
  ])("sandboxed-run %s", (line, says) => {
    const { status, stdout, stderr } = bundle.call(
      "sandboxed-run",
      line.split(" ").filter((word) => word !== ""),
    );
    for (const words of says) expect(stderr).toContain(words);
    expect([status, stdout]).toEqual([125, ""]);
    const lines = stderr.trimEnd().split("\n");
    expect(lines.length).toBeLessThanOrEqual(2);
    for (const one of lines) expect(one).toMatch(/^sandboxed-run: /);
    expect(readFileSync(join(bundle.home, "work/victim"), "utf8")).toBe("untouched");
    expect(readFileSync(join(bundle.home, "work/linked.json"), "utf8")).toBe("untouched");
  });

  it.runIf(process.versions.node.startsWith("20."))("a TypeScript file that this Node cannot run", () => {
    const { status, stderr } = bundle.call("sandboxed-run", ["a.ts"]);
    expect([status, stderr]).toEqual([125, expect.stringContaining("cannot run TypeScript")]);
  });

  it("a working directory that no policy could name", () => {
    const cwd = join(bundle.home, "a\nb");
    mkdirSync(cwd);
    const { status, stderr } = bundle.call("sandboxed-run", ["true"], { cwd });
    expect([status, stderr]).toEqual([125, expect.stringContaining("a\\nb has a line break in its name")]);
  });

  it("an empty program name is not found", () => {
    expect(bundle.call("sandboxed-run", ["--", ""]).status).toBe(127);
  });

  it("the same lines, put right, get as far as the launch", () => {
    for (const line of [
      "-r /usr --network off --timeout 5s --enable use_legacy_landlock --config ../good.toml -C folder true",
      "--config required.toml true",
      "--report new.json true",
    ]) {
      expect(bundle.call("sandboxed-run", line.split(" ")).stderr).toContain("native programs are missing");
    }
    expect(JSON.parse(readFileSync(join(bundle.home, "work/new.json"), "utf8"))).toMatchObject({
      schemaVersion: 1,
      status: 125,
      error: { code: "setup_failed" },
    });
  });

  it("says it as JSON when asked, also about the options themselves", () => {
    for (const line of ["--json --raed x true", "--json -P :isolatd true"]) {
      const { stderr } = bundle.call("sandboxed-run", line.split(" "));
      const { error } = JSON.parse(stderr);
      expect(error.message).toContain("did you mean");
      expect(["usage", "policy_invalid"]).toContain(error.code);
    }
    expect(bundle.call("sandboxed-run", ["--raed", "--", "--json"]).stderr).toMatch(/^sandboxed-run: /);
  });

  it("shows no colour and no control characters off a terminal, whatever was typed", () => {
    const environment = { FORCE_COLOR: "1" };
    const { stderr } = bundle.call("sandboxed-run", ["--\u001b[2J", "true"], { environment });
    expect(stderr.replaceAll("\n", "")).not.toMatch(/\p{Cc}/u);
    expect(stderr).toContain("\\x1b[2J");
  });
});

describe("wrong use of sandboxed ends with 2", () => {
  it.each<[line: string, says: string]>([
    ["", "a command is missing"],
    ["explian read /x", 'did you mean "explain"?'],
    ["toString", "unknown command toString"],
    ["policy", "write sandboxed policy show|check|test"],
    ["policy shwo", 'did you mean "show"?'],
    ["explain raed /x", "did you mean read?"],
    ["explain", "a question is missing"],
    ["policy show --raed", "unknown option --raed"],
    ["completion basj", 'did you mean "bash"?'],
    ["completion", "one shell has to be named"],
    ["policy test a b", "one file at a time"],
    ["policy test absent.toml", "absent.toml cannot be read (ENOENT)"],
    ["policy check a b", "one file at a time"],
    ["policy check absent.toml", "there is no file absent.toml"],
    ["audit show nothing", "there is no session nothing"],
    ["audit verify nothing", "there is no session nothing"],
  ])("sandboxed %s", (line, says) => {
    const { status, stdout, stderr } = bundle.call(
      "sandboxed",
      line.split(" ").filter((word) => word !== ""),
    );
    expect(stderr).toContain(says);
    expect([status, stdout]).toEqual([2, ""]);
  });
});

describe("help and version", () => {
  it.each([
    ["policy", "show", "check", "test"],
    ["audit", "show", "verify"],
  ])("the commands that start with %s are listed", (group, ...names) => {
    for (const word of ["--help", "-h"]) {
      const { status, stdout, stderr } = bundle.call("sandboxed", [group, word]);
      expect([status, stderr]).toEqual([0, ""]);
      for (const name of names) expect(stdout).toMatch(new RegExp(`^  ${group} ${name} +\\S`, "m"));
    }
  });

  it("a reader that stops early is no mistake; a full disk is", () => {
    const command = `node "${join(bundle.folder, "sandboxed.cjs")}" schema`;
    const shell = (line: string) => spawnSync("bash", ["-c", line], { encoding: "utf8" });
    const early = shell(`for i in 1 2 3; do ${command} | true; done`);
    expect([early.status, early.stderr]).toEqual([0, ""]);
    expect(shell(`${command} | wc -l`).stdout.trim()).not.toBe("0");
    const full = shell(`${command} > /dev/full`);
    expect([full.status, full.stderr]).toEqual([2, expect.stringMatching(/^sandboxed: .*ENOSPC.*\n$/)]);
  });

  it.each<["sandboxed-run" | "sandboxed", string]>([
    ["sandboxed-run", "--help"],
    ["sandboxed", "--help"],
    ["sandboxed", "init --help"],
    ["sandboxed", "doctor --help"],
    ["sandboxed", "explain --help"],
    ["sandboxed", "policy show --help"],
    ["sandboxed", "policy check --help"],
    ["sandboxed", "policy test --help"],
    ["sandboxed", "trust --help"],
    ["sandboxed", "schema --help"],
    ["sandboxed", "completion --help"],
    ["sandboxed", "audit show --help"],
    ["sandboxed", "audit verify --help"],
  ])("%s %s", (command, line) => {
    const { status, stdout, stderr } = bundle.call(command, line.split(" "));
    expect([status, stderr]).toEqual([0, ""]);
    expect(stdout).toMatchSnapshot();
    for (const one of stdout.split("\n")) expect(one.length).toBeLessThanOrEqual(132);
  });

  it("run is sandboxed-run", () => {
    const own = bundle.call("sandboxed-run", ["-h"]).stdout;
    expect(bundle.call("sandboxed", ["run", "--help"]).stdout).toBe(
      own.replace("Usage: sandboxed-run", "Usage: sandboxed run"),
    );
    expect(bundle.call("sandboxed", ["run", "--raed", "x"]).status).toBe(125);
  });

  it.each(["sandboxed-run", "sandboxed"] as const)("%s --version", (command) => {
    expect(bundle.call(command, ["--version"]).stdout).toMatch(new RegExp(`^${command} \\d+\\.\\d+\\.\\d+\\n$`));
  });

  it("help is for the tool only before the program", () => {
    const { stdout, stderr } = bundle.call("sandboxed-run", ["true", "--help"]);
    expect([stdout, existsSync(join(bundle.home, ".local"))]).toEqual(["", false]);
    expect(stderr).toContain("native programs are missing");
  });
});
