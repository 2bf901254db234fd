import { readFileSync } from "node:fs";
import { parse } from "smol-toml";
import { describe, expect, it } from "vitest";
import { checkRequirements } from "../../src/requirements/check.ts";
import { keyNames, keys } from "../../src/requirements/keys.ts";
import { asking, boundBy, required } from "./stage.ts";

const file = new URL("../../requirements.example.toml", import.meta.url).pathname;
const text = readFileSync(file, "utf8");

/** What is commented out counts as shown. */
const shown = parse(
  text.replaceAll(/^# (\[requirements_source\]|[a-z_]+ = .*)$/gm, "$1").replaceAll(/^domains = .*$/gm, ""),
);

function has(table: unknown, [step, ...rest]: readonly string[]): boolean {
  if (step === undefined) return true;
  if (typeof table !== "object" || table === null) return false;
  const members = Object.entries(table);
  return members.some(([name, member]) => (name === step || step === "*") && has(member, rest));
}

describe("requirements.example.toml", () => {
  it("is right", async () => {
    await expect(checkRequirements(file, "system")).resolves.toBeDefined();
  });

  it.each(keyNames.filter((key) => keys[key].by !== "signed bundle" && key !== "network.domains"))(
    "shows %s",
    (key) => {
      expect(has(shown, key.split("."))).toBe(true);
    },
  );

  it("holds what it says", async () => {
    const { policy, features, audit } = await boundBy({ system: text }, {}, { allowDomain: ["other.test"] });
    const decide = asking(policy);
    const effects = [
      { op: "read", path: "/home/u/ws/x" } as const,
      { op: "read", path: "/home/u/ws/.env" } as const,
      { op: "connect", host: "other.test", port: 443 } as const,
    ].map((query) => decide(query).effect);
    expect(effects).toEqual(["allow", "allow", "deny"]);
    expect([features.use_legacy_landlock, audit]).toEqual([false, "required"]);
    expect((await required({ system: text })).supportContact).toBe("it-help@example.com");
  });
});
