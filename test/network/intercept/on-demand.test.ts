import { describe, expect, it, vi } from "vitest";
import { interceptionFor, makeGate, makeResolver, openDoor, targetOf } from "../../../src/network/index.ts";
import type { RawProfile } from "../../../src/policy/index.ts";
import { policyFor, secret } from "./stand.ts";

const loaded = vi.hoisted((): string[] => []);
for (const name of ["@peculiar/asn1-x509", "@peculiar/asn1-schema"]) {
  vi.doMock(name, async (original) => {
    loaded.push(name);
    return original();
  });
}

type Network = NonNullable<RawProfile["network"]>;

// In this order: once loaded, a module stays.
describe("interception", () => {
  it.each<readonly [string, Network, boolean]>([
    ["no rule about requests", {}, false],
    ["a rule that names nothing", { http: { "good.test": {} } }, false],
    ["a rule for plain HTTP alone", { http: { "good.test:80": { methods: ["GET"] } } }, false],
    ["a rule about methods", { http: { "good.test": { methods: ["GET"] } } }, true],
    ["a rule about paths", { http: { "good.test:443": { paths: ["/"] } } }, true],
    [
      "a credential",
      { credentials: { TOKEN: { host: "good.test", header: "Authorization", from: "env:TOKEN" } } },
      true,
    ],
  ])("with %s", async (_, network, isNeeded) => {
    const policy = policyFor([443], network);
    const resolver = makeResolver();
    const interception = await interceptionFor({ policy, sources: { environment: { TOKEN: secret } } });
    const gate = makeGate({ policy, resolver });
    const door = openDoor({ gate, parseTarget: targetOf, observe: () => {}, ...(interception && { interception }) });
    door.close();
    resolver.close();
    expect([interception !== null, loaded.length > 0]).toEqual([isNeeded, isNeeded]);
  });
});
