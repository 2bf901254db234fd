import { describe, expect, it } from "vitest";
import { onStage, people } from "../stage/index.ts";

const setLimit = (pid: string): string => `import ctypes, os, subprocess, time
pair = (ctypes.c_ulonglong * 2)(3, 3)
child = subprocess.Popen(["sleep", "5"])
print("set", ctypes.CDLL(None).prlimit64(${pid}, 7, ctypes.byref(pair), None) == 0, flush=True)
child.kill()`;

const hold = `
blocks = [bytearray(50 << 20) for _ in range(6)]
time.sleep(1.5)
print("held")`;

describe.each(people)("as %s", (person) => {
  it("the first process keeps its descriptors, and so its watch over memory", () =>
    onStage(person, (stage) => {
      const { status, stdout } = stage.python(setLimit("1") + hold, ["--memory", "100M"]);
      expect(stdout).toBe("set False\n");
      expect(status).toBe(137);
    }));

  it("a program may limit its own child", () =>
    onStage(person, (stage) => {
      const { status, stdout } = stage.python(setLimit("child.pid") + hold, ["--memory", "1G"]);
      expect(stdout).toBe("set True\nheld\n");
      expect(status).toBe(0);
    }));

  it("the first process keeps its turn", () =>
    onStage(person, (stage) => {
      const script = `import ctypes
libc = ctypes.CDLL(None)
zero = ctypes.c_int(0)
print([call == 0 for call in (libc.sched_setscheduler(PID, 5, ctypes.byref(zero)), libc.setpriority(0, PID, 19))])`;
      expect(stage.python(script.replaceAll("PID", "1")).stdout).toBe("[False, False]\n");
      expect(stage.python(script.replaceAll("PID", "0")).stdout).toBe("[True, True]\n");
    }));
});
