import { describe, expect, it } from "vitest";
import { filterEnvironment, resolve } from "../../src/policy/index.ts";
import type { RawProfile } from "../../src/policy/index.ts";
import { builtin, machine, oracle, profile } from "./machine.ts";

type Environment = NonNullable<RawProfile["environment"]>;

const host = new Map(
  Object.entries({
    PATH: "/usr/bin",
    LC_TIME: "C",
    LCX: "no",
    PYENV_ROOT: "/home/u/.pyenv",
    SSL_CERT_FILE: "/etc/ssl/x.pem",
    EDITOR: "vi",
    MY_APP_MODE: "test",
    AWS_SECRET_ACCESS_KEY: "s3cr3t",
    api_token: "t",
    DATABASE_URL: "postgres://u:p@db/x",
    INDEX_URL: "https://tok@pypi.example/simple",
    PLAIN_URL: "https://pypi.example/simple",
    GIT_REMOTE: "ssh://git@git.example/x",
    TZ: "https://u:p@time.example",
    NODE_CHANNEL_FD: "3",
    SANDBOXED_TOKEN: "abc",
    constructor: "c",
    "": "empty",
  }),
);

function kept(environment: Environment): string {
  const { environment: policy } = profile({ environment });
  return [...filterEnvironment(policy, host).kept.keys()].toSorted().join(" ");
}

const core = "LC_TIME PATH PYENV_ROOT SSL_CERT_FILE";

describe("the environment", () => {
  it.each<readonly [string, Environment, string]>([
    ["core", {}, core],
    ["none", { inherit: "none" }, ""],
    ["none but one", { inherit: "none", include: ["PATH"] }, "PATH"],
    [
      "all but secrets",
      { inherit: "all" },
      "EDITOR GIT_REMOTE LCX LC_TIME MY_APP_MODE PATH PLAIN_URL PYENV_ROOT SSL_CERT_FILE constructor",
    ],
    ["a pattern", { include: ["MY_*"] }, "LC_TIME MY_APP_MODE PATH PYENV_ROOT SSL_CERT_FILE"],
    ["a pattern passes no secret", { include: ["AWS_*", "api_*", "DATABASE*"] }, core],
    ["a name passes a secret", { include: ["api_token", "DATABASE_URL"] }, `DATABASE_URL ${core} api_token`],
    ["names keep their letter case", { include: ["API_TOKEN", "editor"] }, core],
    ["excluded", { exclude: ["LC_*", "PATH"] }, "PYENV_ROOT SSL_CERT_FILE"],
    ["excluded beats included", { include: ["EDITOR"], exclude: ["EDITOR"] }, core],
    ["set", { inherit: "none", set: { EDITOR: "ed", NEW: "1" } }, "EDITOR NEW"],
    ["set beats excluded", { inherit: "none", exclude: ["NEW"], set: { NEW: "1" } }, "NEW"],
    [
      "what belongs to its process never passes",
      { inherit: "all", include: ["NODE_CHANNEL_FD", "SANDBOXED_TOKEN"] },
      "EDITOR GIT_REMOTE LCX LC_TIME MY_APP_MODE PATH PLAIN_URL PYENV_ROOT SSL_CERT_FILE constructor",
    ],
    ["nor is it set", { inherit: "none", set: { NODE_CHANNEL_FD: "3" } }, ""],
  ])("%s", (_, environment, expected) => {
    expect(kept(environment)).toBe(expected);
  });

  it("tells why a variable was dropped, and what lets it pass", () => {
    const { dropped } = filterEnvironment(profile({ environment: { exclude: ["EDITOR"] } }).environment, host);
    const why = Object.fromEntries(
      dropped.map(({ name, decision }) => [
        name,
        [decision.reason, decision.rule?.text, decision.suggestion?.argv.join(" ")],
      ]),
    );
    expect(why).toMatchObject({
      EDITOR: ["environment_not_inherited", 'exclude "EDITOR"', "-e EDITOR"],
      MY_APP_MODE: ["environment_not_inherited", 'inherit = "core"', "-e MY_APP_MODE"],
      TZ: ["environment_secret", "a URL with a password in it", "-e TZ"],
      NODE_CHANNEL_FD: ["environment_not_inherited", "never NODE_CHANNEL_*", ""],
    });
    const secret = filterEnvironment(profile({ environment: { inherit: "all" } }).environment, host).dropped.find(
      ({ name }) => name === "api_token",
    );
    expect(secret?.decision).toMatchObject({
      reason: "environment_secret",
      rule: { text: "*TOKEN*" },
      provenance: { file: "sandbox-profiles/environment.toml" },
    });
  });

  it("passes everything without a sandbox, but what belongs to its process", () => {
    const { kept: all } = filterEnvironment(builtin(":danger-full-access").environment, host);
    expect([...all.keys()]).toContain("AWS_SECRET_ACCESS_KEY");
    expect([...all.keys()]).not.toContain("NODE_CHANNEL_FD");
  });

  it("answers by name as it filters", () => {
    const asked = oracle(profile({ environment: { include: ["api_token"], set: { NEW: "1" } } }));
    const effects = ["PATH", "api_token", "NEW", "EDITOR", "AWS_SECRET_ACCESS_KEY"].map(
      (name) => asked.decide({ op: "env", name }).effect,
    );
    expect(effects).toEqual(["allow", "allow", "allow", "deny", "deny"]);
  });
});

describe("two environments", () => {
  const both = (one: Environment, other: Environment): string => {
    const layers = [one, other].map((environment) => ({ layer: "user" as const, profile: profile({ environment }) }));
    return [...filterEnvironment(resolve({ layers }, machine()).environment, host).kept.keys()].toSorted().join(" ");
  };
  it.each<readonly [string, Environment, Environment, string]>([
    ["a name needs both", { include: ["EDITOR", "api_token"] }, { include: ["EDITOR"] }, `EDITOR ${core}`],
    ["either takes away", { exclude: ["PATH"] }, { exclude: ["LC_*"] }, "PYENV_ROOT SSL_CERT_FILE"],
    [
      "a bound's exclusion takes a value set out again",
      { inherit: "none", set: { NEW: "1", X: "1" } },
      { exclude: ["NEW"] },
      "X",
    ],
    ["a bound may set", {}, { inherit: "none", set: { NEW: "1" } }, "NEW"],
  ])("%s", (_, one, other, expected) => {
    expect(both(one, other)).toBe(expected);
  });

  it("are left as they are by one that allows everything", () => {
    const mine = profile({ environment: { include: ["api_token"] } });
    const layers = [mine, builtin(":danger-full-access")].map((each) => ({ layer: "user" as const, profile: each }));
    expect([...filterEnvironment(resolve({ layers }, machine()).environment, host).kept.keys()]).toContain("api_token");
  });
});
