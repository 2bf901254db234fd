import { once } from "node:events";
import { cpSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Stage } from "../stage/index.ts";
import { stagedWorld } from "../stage/staged-world.ts";
import { noWorld } from "../stage/world.ts";
import type { World } from "../stage/world.ts";

const PRELUDE = `
import sandboxed, json, time
session = sandboxed.connect()
def show(url, **more):
    try:
        answer = session.fetch(url, **more)
        print(answer.status, answer.text.strip()[:60])
    except sandboxed.SessionError as error:
        print(error.code, error.details.get("reason"), "|", error.details.get("rule"), "|", error.details.get("hint"))
`;

const allow = (...hosts: readonly string[]): readonly string[] => hosts.flatMap((host) => ["--allow-domain", host]);
const grant = (...capabilities: readonly string[]): readonly string[] =>
  capabilities.flatMap((capability) => ["--grant", capability]);

describe.skipIf(noWorld !== null)("session.fetch", () => {
  let world: World;
  let stage: Stage;
  stagedWorld((made) => ({ world, stage } = made));
  /** A stage whose machine does not trust the servers of the world. */
  let doubting: Stage;
  beforeAll(() => {
    const bind = `mount --bind /dev/null /etc/ssl/certs/ca-certificates.crt && exec "$@"`;
    doubting = new Stage("self", (cwd) => [...world.enter(cwd), "unshare", "--mount", "sh", "-c", bind, "sh"]);
  });
  afterAll(() => doubting?.remove());

  const python = (script: string, words: readonly string[], on = stage): readonly string[] => {
    const { stdout, stderr, status } = on.python(PRELUDE + script, words);
    expect(status, stderr).toBe(0);
    return stdout.trim().split("\n");
  };

  it("brings what a server says: status, headers, text, bytes, part of much", () => {
    const script = `
show("http://good.test/page?x=1")
answer = session.fetch("http://good.test/headers", headers={"X-One": "1", "Accept": "text/x"})
print(answer.json()["x-one"], answer.json()["accept"], answer.json()["host"], answer.headers["connection"])
print(session.fetch("http://good.test/count", method="POST", body=bytes(range(256))).text.strip())
print(session.fetch("http://good.test/bytes").content)
part = session.fetch("http://good.test/big?bytes=3000000", max_bytes=100000)
print(len(part.content), part.truncated, session.fetch("http://good.test/").truncated)
print(session.fetch("http://good.test/big?bytes=3000000", max_bytes=4000000).bytes)
print(session.fetch("http://good.test/", method="head").status)`;
    expect(python(script, [...allow("good.test"), ...grant("network=good.test")])).toEqual([
      "200 hello from good.test /page",
      "1 text/x good.test close",
      "256",
      "b'\\xff\\xfe\\x00\\x80'",
      "100000 True False",
      "3000000",
      "200",
    ]);
  });

  it.each([
    ["restricted", allow("good.test"), "200 hello from good.test /"],
    ["full", ["--network", "full"], "200 hello from good.test /"],
    ["off", ["--network", "off"], /^policy_denied network_\S+ \| .*off/],
  ])("is decided by the policy's network half: %s", async (_, words, expected) => {
    const [heard, [said]] = await world.hearing(() =>
      python('show("http://good.test/")', [...words, ...grant("network=good.test")]),
    );
    expect(said).toEqual(typeof expected === "string" ? expected : expect.stringMatching(expected));
    expect(heard.length > 0).toBe(typeof expected === "string");
  });

  it("is decided by the capability as well, and says what would allow it", async () => {
    const script = `
show("http://other.test/")
show("http://good.test:8080/")
show("http://evil.test/")`;
    const [heard, said] = await world.hearing(() =>
      python(script, [...allow("good.test:80", "other.test"), ...grant("network=good.test,good.test:8080,evil.test")]),
    );
    expect(said).toEqual([
      expect.stringMatching(/^not_granted None .*--grant 'network=other.test:80'$/),
      expect.stringMatching(/^policy_denied \S+ .*--allow-domain good.test:8080$/),
      expect.stringMatching(/^policy_denied \S+ .*--allow-domain evil.test/),
    ]);
    expect(heard).toEqual([]);
  });

  it("keeps to the rules for methods and paths, inside of TLS too", async () => {
    const rules = [
      "-c",
      'permissions.mine.extends=":isolated"',
      "-P",
      "mine",
      "-c",
      'permissions.mine.network.domains={ "good.test" = "allow" }',
      "-c",
      'permissions.mine.network.http={ "good.test" = { methods = ["GET"], paths = ["/open/**"] } }',
    ];
    const script = `
show("http://good.test/open/x")
show("http://good.test/open/x", method="POST", body="x")
show("http://good.test/shut")
show("http://good.test/open/../shut")
show("https://good.test/shut")
show("http://good.test/open/x", headers={"X-HTTP-Method-Override": "DELETE"})
show("http://good.test/open/x", headers={"x_original_url": "/shut"})
show("http://good.test/open/x?_method=PUT")
show("https://good.test/open/x")`;
    const [heard, said] = await world.hearing(() => python(script, [...rules, ...grant("network=good.test")]));
    expect(said.map((line) => line.split(" |")[0])).toEqual([
      "200 hello from good.test /open/x",
      "policy_denied method_not_allowed",
      "policy_denied path_not_allowed",
      "policy_denied path_not_allowed",
      "policy_denied path_not_allowed",
      "policy_denied method_not_allowed",
      "policy_denied path_not_allowed",
      "policy_denied method_not_allowed",
      "200 hello from good.test /open/x",
    ]);
    expect(heard.filter(({ kind }) => kind === "http")).toMatchObject([{ url: "/open/x" }, { sni: "good.test" }]);
  });

  it("verifies servers, by their names", () => {
    const words = [
      ...allow("good.test", "listed.test"),
      ...grant("network=good.test,listed.test,other.test,evil.test"),
    ];
    const script = `show("https://good.test/")\nshow("https://listed.test/")`;
    const [known, misnamed] = python(script, words);
    expect([known, misnamed?.split(" |")[0]]).toEqual(["200 hello from good.test /", "failed certificate_untrusted"]);
    expect(python(script, words, doubting)[0]).toMatch(/^failed certificate_untrusted/);
  });

  it("follows redirects, without what could be a credential to another host", () => {
    const script = `
from urllib.parse import quote
def to(url, status=302, at="http://good.test"): return at + "/redirect?status=%d&to=%s" % (status, quote(url, safe=""))
secret = {"Authorization": "Bearer x", "Cookie": "a=b", "X-Api-Key": "k", "Accept": "text/x"}
for target in ("/headers", "http://good.test:8080/headers", "http://other.test/headers#part"):
    answer = session.fetch(to(target), headers=secret)
    print(answer.url, answer.redirects, sorted(set(answer.json()) & {"authorization", "cookie", "x-api-key", "accept"}))
for status in (302, 303, 307): print(session.fetch(to("/count", status), method="POST", body="12345").text.strip())
nested = "/headers"
for _ in range(6): nested = to(nested, at="")
show("http://good.test" + nested)
show(to("http://good.test/", at="https://good.test"))
print(session.fetch(to("https://good.test/", at="https://good.test")).redirects)`;
    const words = [
      ...allow("good.test", "good.test:8080", "other.test"),
      ...grant("network=good.test,good.test:8080,other.test"),
    ];
    expect(python(script, words)).toEqual([
      "http://good.test/headers 1 ['accept', 'authorization', 'cookie', 'x-api-key']",
      "http://good.test:8080/headers 1 ['accept']",
      "http://other.test/headers 1 ['accept']",
      "0",
      "0",
      "5",
      expect.stringMatching(/^failed bad_request/),
      expect.stringMatching(/^failed bad_request/),
      "1",
    ]);
  });

  it("goes through the proxy of whoever started the run", async () => {
    const [heard, { stdout }] = await world.hearing(() =>
      stage.python(`${PRELUDE}show("http://good.test/x")`, [...allow("good.test"), ...grant("network=good.test")], {
        environment: { HTTP_PROXY: "http://93.184.215.15:80" },
      }),
    );
    expect(stdout).toContain("200 hello from good.test");
    expect(heard.filter(({ kind }) => kind === "http" || kind === "dns")).toMatchObject([
      { url: "http://good.test/x", address: "93.184.215.15" },
    ]);
  });

  it("lends what policy lends, to its host alone", () => {
    stage.write(
      join(stage.home, ".config/sandboxed/config.toml"),
      `[permissions.lends]
extends = ":isolated"
[permissions.lends.network.domains]
"good.test" = "allow"
"other.test" = "allow"
[permissions.lends.network.credentials.API_TOKEN]
host = "https://good.test"
header = "Authorization: Bearer {}"
from = "env:API_TOKEN"
`,
    );
    const script = `${PRELUDE}
import os
for url in ("https://good.test/headers", "https://good.test/redirect?to=https://other.test/headers", "https://other.test/headers"):
    print(session.fetch(url, headers={"Authorization": "Bearer " + os.environ["API_TOKEN"]}).json().get("authorization"))`;
    const { stdout, stderr } = stage.python(
      script,
      ["-P", "lends", ...grant("network=good.test,listed.test,other.test,evil.test")],
      {
        environment: { API_TOKEN: "the-real-value-4711" },
      },
    );
    const [lent, elsewhere, own] = stdout.trim().split("\n");
    expect([lent, elsewhere], stderr).toEqual(["Bearer the-real-value-4711", "None"]);
    expect(own).toMatch(/^Bearer (?!the-real)\S{8,}/);
  });

  it("ends with its time, with its grant, and is written down as what it was", async () => {
    const words = [...allow("good.test"), ...grant("network=good.test:expires=4s", "summarize")];
    const script = `
show("http://good.test/never", timeout=0.3)
begun = time.monotonic()
show("http://good.test/never")
print(time.monotonic() - begun < 5)
show("http://good.test/")
time.sleep(0.5)`;
    const [heard, said] = await world.hearing(() => python(script, words));
    expect(said.map((line) => line.split(" ")[0])).toEqual(["timed_out", "expired", "True", "expired"]);
    const bodies = heard.filter(({ kind }) => kind === "closed");
    expect(bodies).toHaveLength(2);
    const { stdout } = stage.sandboxed(["audit", "show", "last", "--json"]);
    const { records } = JSON.parse(stdout);
    const of = (kind: string): unknown[] => records.filter((record: { kind: string }) => record.kind === kind);
    expect(of("network.allowed")).toContainEqual(
      expect.objectContaining({ protocol: "fetch", target: "good.test:80" }),
    );
    expect(of("session.called")).toContainEqual(
      expect.objectContaining({ method: "session.fetch", subjects: ["good.test:80"], outcome: "expired" }),
    );
    const told = records.filter(({ kind }: { kind: string }) => /^(?:network|session\.call)/.test(kind));
    expect(JSON.stringify(told)).not.toContain("/never");
  });

  it("asks a person where the capability wants it, for each redirect", async () => {
    const script = `${PRELUDE}show("http://good.test/redirect?to=http://other.test/")`;
    const words = [...allow("good.test", "other.test"), ...grant("network=good.test,other.test:approval=always")];
    const run = stage.start([...words, "--", "python3", "-c", script]);
    let said = "";
    run.stdout?.on("data", (text) => (said += String(text)));
    const texts: unknown[] = [];
    for (const answer of ["yes", "no"]) {
      // oxlint-disable-next-line no-await-in-loop -- one question after the other
      texts.push(await question(stage));
      stage.sandboxed(["session", "reply", "last", answer]);
    }
    await once(run, "close");
    expect(texts).toEqual([
      "Fetch: GET http://good.test/redirect?to=http://other.test/",
      "Follow a redirect: GET http://other.test/",
    ]);
    expect(said).toMatch(/^approval_denied/);
  });

  it("is there for programs of Node", () => {
    const place = join(stage.workspace, "node_modules/sandboxed-run");
    const built = process.env["SANDBOXED_TEST_TOOL"] ?? "";
    mkdirSync(place, { recursive: true });
    for (const name of ["package.json", "dist/client"])
      cpSync(join(built, name), join(place, name), { recursive: true });
    stage.write(
      "main.mjs",
      `import { connect } from "sandboxed-run/client";
const session = await connect();
const { status, body, truncated } = await session.fetch("http://good.test/count", { method: "POST", body: new Uint8Array(300), max_bytes: 2 });
const error = await session.fetch("http://evil.test/").catch((each) => each);
console.log(status, body, truncated, error.name, error.code);
session.close();`,
    );
    const { stdout, stderr } = stage.run([
      ...allow("good.test"),
      ...grant("network=good.test,listed.test,other.test,evil.test"),
      "main.mjs",
    ]);
    expect(stdout, stderr).toBe("200 30 true SessionError policy_denied\n");
  });
});

/** The text of the question that the latest session waits with. */
async function question(stage: Stage): Promise<unknown> {
  for (let tries = 0; tries < 100; tries++) {
    const { stdout } = stage.sandboxed(["session", "show", "last", "--json"]);
    const [found] = stdout === "" ? [] : (JSON.parse(stdout).live?.questions ?? []);
    if (found !== undefined) return found.text;
    // oxlint-disable-next-line no-await-in-loop -- until it is there
    await sleep(50);
  }
  throw new Error("no question came");
}
