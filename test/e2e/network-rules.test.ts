import { describe, expect, it } from "vitest";
import type { Stage } from "../stage/index.ts";
import { stagedWorld } from "../stage/staged-world.ts";
import { noWorld } from "../stage/world.ts";
import type { World } from "../stage/world.ts";
import { overWide, rows } from "./network-rules.ts";

const FETCH =
  "for url; do for way in '' '*'; do curl -sgk -m 8 --noproxy \"$way\" \"$url\" | grep -o '^hello' | sed \"s|.*|$url $way|\"; done; done";

describe.skipIf(noWorld !== null)("rules", () => {
  let world: World;
  let stage: Stage;
  stagedWorld((made) => ({ world, stage } = made));

  const fetched = (words: readonly string[], urls: readonly string[]): readonly string[] => {
    const { stdout, status, stderr } = stage.run([...words, "--", "sh", "-c", FETCH, "sh", ...urls]);
    expect(status, stderr).not.toBe(125);
    return stdout.split("\n").filter((line) => line !== "");
  };

  it.each(rows)("open what they say and no more: $rule", ({ words, opens = [], shuts = [] }) => {
    expect(fetched(words, [...opens, ...shuts])).toEqual(opens.flatMap((url) => [`${url} `, `${url} *`]));
  });

  it.each(overWide)("are refused where they are over-wide: %j", async (pattern) => {
    const [heard] = await world.hearing(() => {
      const { status, stdout } = stage.run(["--allow-domain", pattern, "--", "echo", "ran"]);
      expect({ status, stdout }).toEqual({ status: 125, stdout: "" });
    });
    expect(heard).toEqual([]);
  });
});
