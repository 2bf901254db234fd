import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Person, Result, Stage } from "../stage/index.ts";
import { noWorld, World } from "../stage/world.ts";
import { PRELUDE } from "./network-attacks.ts";
import { aSecond } from "../stage/a-second.ts";

/** Prints `fine` when the door answers soon. */
const GOOD = `
import time
def good():
    before = time.time()
    s = connect("127.0.0.1", 61128)
    if not s: return print("nobody")
    try:
        s.settimeout(5); s.sendall(b"GET http://good.test/ HTTP/1.1\\r\\nHost: good.test\\r\\nConnection: close\\r\\n\\r\\n")
        text = b""
        while part := s.recv(65536): text += part
        print("fine" if b"hello from" in text and time.time() - before < ${aSecond / 1000} else ("slow or refused", text))
    except OSError as error: print(error)
`;

/** Several processes, each with as many connections as it may have, in every state that a connection can be in. */
const FLOOD = `
kids = []
for _ in range(4):
    ready, told = os.pipe()
    if os.fork() == 0:
        kept = []
        try:
            while True:
                s = connect("127.0.0.1", 61128); s.setblocking(False); kept.append(s)
                s.send([b"CONNECT good.test:80 HTTP/1.1\\r\\nHost: good.test\\r\\n\\r\\n", b"GET ht", b"GET http://good.test/never HTTP/1.1\\r\\nHost: good.test\\r\\n\\r\\n" * 64, b"\\x05\\x01"][len(kept) % 4])
        except (OSError, AttributeError): pass
        os.write(told, b"x"); time.sleep(60); os._exit(0)
    kids.append(ready)
for ready in kids: os.read(ready, 1)
time.sleep(0.5)
`;

const HOOK = `
os.makedirs(".vscode", exist_ok=True)
try: open(".vscode/tasks.json", "w").write("evil")
except OSError: pass
`;

describe.skipIf(noWorld !== null)("a program that uses up the door", () => {
  let world: World;
  beforeAll(async () => {
    world = await World.start();
  });
  afterAll(() => world?.stop());

  describe.each(["self", "ordinary"] as const)("as %s", (person: Person) => {
    let stage: Stage;
    beforeAll(() => {
      stage = world.stage(person);
    });
    afterAll(() => stage?.remove());

    /** The tool with no more descriptors than these, which are far fewer than a door of full size would take. */
    const within = (descriptors: number, script: string): Result => {
      const tool = [process.execPath, stage.tool("sandboxed-run"), "--allow-domain", "good.test", "--"];
      const program = ["python3", "-c", PRELUDE + GOOD + script];
      return stage.plain("prlimit", [`--nofile=${descriptors}:${descriptors}`, ...tool, ...program]);
    };

    it.each([96, 1024])("takes no descriptor that the tool needs: of %d", (descriptors) => {
      const result = within(descriptors, `good()\n${FLOOD}${HOOK}\nprint("done")`);
      expect(result).toMatchObject({ stdout: "fine\ndone\n", signal: null });
      // It was seen and moved aside, at once or when the program had ended.
      expect(stage.read(".vscode/tasks.json")).toBeNull();
      expect(result.stderr).toContain(".vscode was quarantined");
    });

    it("is served again once it has let go", () => {
      const letGo = "import signal\nos.system('pkill -P %d' % os.getpid()); time.sleep(0.5); good()";
      expect(within(200, `good()\n${FLOOD}${letGo}`)).toMatchObject({ status: 0, stdout: "fine\nfine\n" });
    });

    it("writes where the tool is not: the twin", () => {
      stage.plain("python3", ["-c", `import os\n${HOOK}`]);
      expect(stage.read(".vscode/tasks.json")).toBe("evil");
      stage.plain("rm", ["-r", ".vscode"]);
    });

    it.each([
      ["space", `b"Connection: a" + b" " * 60000 + b"b\\r\\n"`],
      ["names", `b"Connection: " + b"a," * 15000 + b"b\\r\\n" + b"x:\\r\\n" * 7000`],
      [
        "readings",
        `b"X-HTTP-Method: " + b",".join(b"M%d" % n for n in range(5000)) + b"\\r\\n" + b"".join(b"X-Rewrite-URL: /%d\\r\\n" % n for n in range(1200))`,
      ],
    ])("by a head that is costly to read keeps nobody waiting: %s", (_, header) => {
      const script = `
costly = b"GET http://good.test/ HTTP/1.1\\r\\nHost: good.test\\r\\n" + ${header} + b"\\r\\n"
kept = [connect("127.0.0.1", 61128) for _ in range(8)]
for s in kept: s.sendall(costly)
good()`;
      expect(stage.python(PRELUDE + GOOD + script, ["--allow-domain", "good.test"])).toMatchObject({
        status: 0,
        stdout: "fine\n",
      });
    });
  });
});
