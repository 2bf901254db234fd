import { describe, expect, it } from "vitest";
import { onStage, people } from "../stage/index.ts";

describe.each(people)("as %s", (person) => {
  it("a memory hog ends with a message", () =>
    onStage(person, (stage) => {
      const hog = `x = bytearray(0)\nwhile True: x += bytearray(8 << 20)`;
      const { status, stderr } = stage.python(hog, ["--memory", "200MiB"]);
      expect(status).toBe(137);
      expect(stderr).toMatch(/memory/);
      expect(stage.python(`x = bytearray(50 << 20)`, ["--memory", "200MiB"]).status).toBe(0);
    }));

  it("a fork bomb ends with a message", () =>
    onStage(person, (stage) => {
      const { status, stderr } = stage.run([
        "--processes",
        "100",
        "--",
        "bash",
        "-c",
        "bomb() { bomb | bomb & }; bomb; sleep 20",
      ]);
      expect(status).toBe(137);
      expect(stderr).toMatch(/process|task/);
      expect(stage.sh(`for i in 1 2 3 4 5; do sleep 0.1 & done; wait`, ["--processes", "100"]).status).toBe(0);
    }));

  it("temporary space, open files and core dumps are bounded", () =>
    onStage(person, (stage) => {
      const words = [
        "-c",
        'permissions.s.extends=":isolated"',
        "-c",
        'permissions.s.limits.tmp_size="4MiB"',
        "-P",
        "s",
      ];
      expect(stage.sh(`head -c 8M /dev/zero > /tmp/big`, words).status).not.toBe(0);
      expect(stage.sh(`head -c 2M /dev/zero > /tmp/big`, words).status).toBe(0);
      expect(stage.sh(`ulimit -n; ulimit -c`).stdout).toBe("4096\n0\n");
    }));

  it("a home that grows over its size ends the run", () =>
    onStage(person, (stage) => {
      const words = [
        "-c",
        'permissions.s.extends=":isolated"',
        "-c",
        'permissions.s.limits.home_size="4MiB"',
        "-P",
        "s",
      ];
      const { status, stderr } = stage.sh(`head -c 16M /dev/zero > ~/big; sleep 15`, words);
      expect(status).toBe(137);
      expect(stderr).toMatch(/home/);
    }));
});
