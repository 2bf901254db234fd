import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { people } from "../stage/index.ts";
import type { Result, Stage } from "../stage/index.ts";
import { noWorld, World } from "../stage/world.ts";
import { ways } from "./network-ways.ts";
import type { Way } from "./network-ways.ts";

if (noWorld !== null) console.warn(`network: nothing tried, ${noWorld}`);

/** Policies under which nobody gets to `good.test`. */
const closed: readonly { readonly what: string; readonly rules: readonly string[] }[] = [
  { what: "where another host alone is allowed", rules: ["--allow-domain", "other.test"] },
  { what: "where nothing is allowed", rules: [] },
  { what: "with the network off", rules: ["--network", "off"] },
  { what: "where it is denied as well", rules: ["--allow-domain", "good.test", "--deny-domain", "good.test"] },
  { what: "in :read-only", rules: ["-P", ":read-only"] },
];

describe.skipIf(noWorld !== null)("as the door's rules say", () => {
  let world: World;
  beforeAll(async () => {
    world = await World.start();
  });
  afterAll(() => world?.stop());

  const go = (stage: Stage, { program, words = [] }: Way, rules: readonly string[]): Result =>
    stage.run([...rules, ...words, "--", ...program], { environment: world.trust });

  const cast = ways.flatMap((way) => (way.main ? people : (["self"] as const)).map((person) => ({ ...way, person })));

  describe.each(cast)("$name, as $person", (way) => {
    it("gets where a rule lets it", async () => {
      const stage = world.stage(way.person);
      const [heard, result] = await world.hearing(() => go(stage, way, way.rules ?? ["--allow-domain", "good.test"]));
      stage.remove();
      expect(result).toMatchObject({ status: 0, stderr: "", stdout: expect.stringContaining(way.hears) });
      expect(heard).toContainEqual(expect.objectContaining({ kind: "tcp", port: way.port }));
    });

    it.each(way.main && way.person === "self" ? closed : closed.slice(0, 1))(
      "gets nowhere $what, and no name is asked for",
      async ({ rules }) => {
        const stage = world.stage(way.person);
        const [heard, result] = await world.hearing(() => go(stage, way, rules));
        stage.remove();
        expect(result).toMatchObject({ stdout: expect.not.stringContaining(way.hears) });
        expect(result).not.toMatchObject({ status: 125 });
        expect(heard).toEqual([]);
      },
    );
  });
});
