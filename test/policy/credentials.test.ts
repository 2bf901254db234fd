import { describe, expect, it } from "vitest";
import { credentialsOf, SandboxedError } from "../../src/policy/index.ts";
import type { Layer, Profile, RawProfile } from "../../src/policy/index.ts";
import { oracle, profile } from "./machine.ts";

type Raw = NonNullable<NonNullable<RawProfile["network"]>["credentials"]>[string];

const plain: Raw = { host: "api.example.com", header: "Authorization: Bearer {}", from: "env:TOKEN" };

function withCredentials(credentials: Readonly<Record<string, Raw>>, layer?: Layer): Profile {
  const domains = { "**.example.com": "allow", "127.0.0.1:8080": "allow", "api.example.com:8443": "allow" } as const;
  return profile({ network: { mode: "restricted", domains, credentials } }, layer);
}

function faultOf(credentials: Readonly<Record<string, Raw>>, layer?: Layer): string {
  try {
    withCredentials(credentials, layer);
  } catch (error) {
    if (error instanceof SandboxedError) return `${error.code} ${error.message}`;
    throw error;
  }
  return "fine";
}

describe("a credential", () => {
  it.each<readonly [string, Partial<Raw>]>([
    ["of the environment", {}],
    ["of a file", { from: "file:/run/secrets/token" }],
    ["of a file below home", { from: "file:~/.config/token" }],
    ["of the keyring", { from: "keyring:sandboxed/api" }],
    ["as the whole header", { header: "X-Api-Key" }],
    ["in the middle of a header", { header: "X-Auth: a {} b" }],
    ["as a user's password", { header: "Authorization: Basic {basic:x-access-token}" }],
    ["as the password of nobody", { header: "Authorization: Basic {basic:}" }],
    ["for another port", { host: "api.example.com:8443" }],
    ["for an address", { host: "192.0.2.1" }],
    ["for an address of IPv6 and its port", { host: "[2001:db8::1]:8443" }],
    ["for this machine, unencrypted", { host: "http://127.0.0.1:8080" }],
    ["for this machine by name, unencrypted", { host: "http://localhost:8080" }],
    ["with its scheme", { host: "https://api.example.com" }],
    ["with methods and paths", { methods: ["GET"], paths: ["/a/**"] }],
  ])("is taken: %s", (_, more) => {
    expect(faultOf({ TOKEN: { ...plain, ...more } })).toBe("fine");
  });

  it.each<readonly [string, Partial<Raw>]>([
    ["unencrypted, elsewhere", { host: "http://api.example.com" }],
    ["unencrypted by its port", { host: "api.example.com:80" }],
    ["unencrypted, beside loopback", { host: "http://128.0.0.1:80" }],
    ["unencrypted, to a name that only sounds like it", { host: "http://localhost.example.com" }],
    ["for a wildcard", { host: "*.example.com" }],
    ["for a block", { host: "192.0.2.0/24" }],
    ["for another scheme", { host: "ftp://api.example.com" }],
    ["for a URL", { host: "https://api.example.com/x" }],
    ["without a host", { host: "" }],
    ["in Host", { header: "Host: {}" }],
    ["in the framing", { header: "Transfer-Encoding: {}" }],
    ["in what ends at the door", { header: "Proxy-Authorization: {}" }],
    ["nowhere in its header", { header: "Authorization: Bearer" }],
    ["twice in its header", { header: "Authorization: {}{}" }],
    ["twice in its header, once as a password", { header: "Authorization: {basic:me}{}" }],
    ["as the password of a user with a colon", { header: "Authorization: Basic {basic:a:b}" }],
    ["in a form that does not exist", { header: "Authorization: Digest {digest:me}" }],
    ["with another header after it", { header: "Authorization: {}\r\nX: y" }],
    ["in a header with an odd name", { header: "Author ization: {}" }],
    ["in no header", { header: "" }],
    ["of nowhere", { from: "s3cr3t-value" }],
    ["of a relative file", { from: "file:token" }],
    ["of a variable that is none", { from: "env:A B" }],
    ["of half a keyring", { from: "keyring:service" }],
    ["with a method that is none", { methods: ["get"] }],
    ["with a path that is none", { paths: ["a"] }],
  ])("is refused with its line: %s", (_, more) => {
    const fault = faultOf({ TOKEN: { ...plain, ...more } });
    expect(fault).toMatch(/^policy_invalid config\.toml:1: /);
    expect(fault).not.toContain("s3cr3t-value");
  });

  it.each(["PATH", "LD_PRELOAD", "NODE_OPTIONS", "A-B", "__proto__", "1X", "a=b"])("is not called %s", (name) => {
    expect(faultOf(Object.fromEntries([[name, plain]]))).toMatch(/^policy_invalid config/);
  });

  it("is never bound by a project, only by you or your organisation", () => {
    expect(faultOf({ TOKEN: plain }, "project")).toMatch(/^policy_invalid config\.toml:1: a project/);
    expect(faultOf({ TOKEN: plain }, "requirements")).toBe("fine");
  });

  it("is the only one for a header of a host", () => {
    const both = { ONE: plain, OTHER: { ...plain, header: "authorization", paths: ["/x"] } };
    expect(faultOf(both)).toMatch(/config\.toml:1: OTHER and ONE are for the same header/);
    expect(faultOf({ ...both, OTHER: { ...both.OTHER, header: "X-Other" } })).toBe("fine");
  });

  it("comes from the organisation where both name it", () => {
    const network = (profiled: Profile): Profile["network"] => profiled.network;
    const layers = (["user", "requirements"] as const).map((layer) => ({
      layer,
      kind: "restricted" as const,
      entries: [],
      denyGlobs: [],
      shadowed: { entries: [], denyGlobs: [] },
      network: network(withCredentials({ TOKEN: { ...plain, from: `env:${layer.toUpperCase()}` } }, layer)),
    }));
    expect(credentialsOf({ layers }).map(({ from }) => from)).toEqual([{ kind: "env", name: "REQUIREMENTS" }]);
  });
});

describe("the credentials of a request", () => {
  const asked = oracle(
    withCredentials({
      READ: { ...plain, methods: ["GET"], paths: ["/v1/**"] },
      OTHER_PORT: { ...plain, host: "api.example.com:8443" },
      LOCAL: { ...plain, host: "http://127.0.0.1:8080" },
    }),
  );
  it.each<readonly [string, number, string, string, boolean, readonly string[]]>([
    ["api.example.com", 443, "GET", "/v1/x?y=1", true, ["READ"]],
    ["API.example.com.", 443, "GET", "/v1/x", true, ["READ"]],
    ["api.example.com", 8443, "POST", "/any", true, ["OTHER_PORT"]],
    ["127.0.0.1", 8080, "GET", "/", false, ["LOCAL"]],
    ["api.example.com", 443, "GET", "/v1/x", false, []],
    ["api.example.com", 80, "GET", "/v1/x", false, []],
    ["127.0.0.1", 8080, "GET", "/", true, []],
    ["127.0.0.2", 8080, "GET", "/", false, []],
    ["api.example.com", 443, "POST", "/v1/x", true, []],
    ["api.example.com", 443, "GET", "/v2/x", true, []],
    ["api.example.com", 443, "GET", "/v1/../v2", true, []],
    ["api.example.com", 443, "GET", "/v1/%2e%2e/v2", true, []],
    ["x.api.example.com", 443, "GET", "/v1/x", true, []],
  ])("%s:%d %s %s", (host, port, method, path, isSecure, expected) => {
    const reach = asked.reach(host, port);
    expect(reach.credentials(method, path, isSecure).map(({ name }) => name)).toEqual(expected);
  });

  it("make a destination one whose requests are read, and nothing else one that is reached", () => {
    expect(asked.reach("api.example.com", 443).bindsCredentials).toBe(true);
    expect(asked.reach("www.example.com", 443).bindsCredentials).toBe(false);
    const lone = oracle(profile({ network: { mode: "restricted", credentials: { TOKEN: plain } } }));
    expect(lone.reach("api.example.com", 443).decision.effect).toBe("deny");
  });
});
