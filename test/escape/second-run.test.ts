import { existsSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { onStage, people } from "../stage/index.ts";
import type { Stage } from "../stage/index.ts";

/** Lets a folder and a symlink out of the workspace change places while another run is being built. */
const flip = `import ctypes, time
exchange = ctypes.CDLL(None).renameat2
end = time.time() + 8
open("flipping", "w").close()
while time.time() < end:
    exchange(-100, b"folder", -100, b"link", 2)
    time.sleep(0.005)`;

const deny = ["--deny", "folder/.env"];
const victim = "~/work/victim";

async function prepare(stage: Stage): Promise<void> {
  stage.write(join(stage.home, "work", "victim", "secret"), "s3cret\n");
  stage.write(join(stage.home, "work", "victim", ".env"), "e\n");
  stage.write("folder/.env", "");
  // In the private home of such runs, a place for the mount to go astray to.
  stage.sh(`ln -s ../victim link; mkdir -p ${victim}; touch ${victim}/.env`, deny);
  stage.start(["--", "python3", "-c", flip]);
  for (let i = 0; !existsSync(join(stage.workspace, "flipping")) && i < 500; i++) await sleep(10);
}

describe.each(people)("beside a second run in the workspace, as %s", (person) => {
  it("no mount goes where a symlink led for a moment", () =>
    onStage(person, async (stage) => {
      await prepare(stage);
      const seen: string[] = [];
      for (let i = 0; i < 25; i++) seen.push(stage.sh(`cat ${victim}/secret`, deny).stdout);
      expect(seen.filter((text) => text !== "")).toEqual([]);
    }));

  it("what is granted there is seen", () =>
    onStage(person, async (stage) => {
      await prepare(stage);
      const granted = ["--read", join(stage.home, "work", "victim", "secret")];
      expect(stage.sh(`cat ${victim}/secret`, granted).stdout).toBe("s3cret\n");
    }));
});
