import { describe, expect, it } from "vitest";
import type { RunOutcome } from "../../src/sandbox/index.ts";
import type { Result, Stage } from "../stage/index.ts";
import { stagedWorld } from "../stage/staged-world.ts";
import { noWorld } from "../stage/world.ts";
import type { World } from "../stage/world.ts";
import { domains } from "./network-rules.ts";

const connects = (host: string, port: number): string =>
  `import socket\ns = socket.create_connection(("${host}", ${port}), 5)\ns.sendall(b"x")\ns.shutdown(1)\nprint("heard", s.recv(99).decode())`;

/** A TLS handshake with a server name that is asked for, past the proxy or by it. */
const shakesHands = (name: string | null, by: "proxy" | "itself"): string => `
import socket, ssl
context = ssl._create_unverified_context()
s = socket.create_connection(${by === "proxy" ? `("127.0.0.1", 61128)` : `("good.test", 443)`}, 5)
if ${by === "proxy" ? "True" : "False"}:
    s.sendall(b"CONNECT good.test:443 HTTP/1.1\\r\\nHost: good.test:443\\r\\n\\r\\n")
    print(s.recv(999).split(b"\\r\\n")[0].decode())
s = context.wrap_socket(s, server_hostname=${name === null ? "None" : `"${name}"`})
s.sendall(b"GET /page HTTP/1.0\\r\\nHost: good.test\\r\\n\\r\\n")
while part := s.recv(4096): print(part.decode(), end="")
`;

describe.skipIf(noWorld !== null)("what the door refuses", () => {
  let world: World;
  let stage: Stage;
  stagedWorld((made) => ({ world, stage } = made));

  const reported = (words: readonly string[], program: readonly string[]): Result & RunOutcome => {
    const path = `${stage.outside}/report.json`;
    stage.write(path, "");
    const result = stage.run([...words, "--report", path, "--", ...program]);
    return { ...JSON.parse(stage.read(path) ?? "{}"), ...result };
  };

  it("is said with 403 and one JSON body", () => {
    const { status, stdout } = stage.sh("curl -sS -i http://evil.test/secret?x=1; curl -sS -i https://evil.test/", [
      "--allow-domain",
      "good.test",
    ]);
    expect(status).toBe(56);
    const [head = "", body = ""] = stdout.split("\r\n\r\n");
    expect(head).toMatch(/^HTTP\/1.1 403 /);
    expect(head).toMatch(/^x-proxy-error: blocked-by-allowlist\r?$/im);
    expect(JSON.parse(body.slice(0, body.indexOf("\n")))).toMatchObject({
      status: "blocked",
      host: "evil.test",
      port: 80,
      reason: "network_not_allowed",
      decision: "deny",
      suggestion: { argv: ["--allow-domain", "evil.test"] },
      retryable: true,
    });
    expect(stdout).not.toContain("secret");
    expect(stdout.match(/^HTTP\/1.1 403 /gm)).toHaveLength(2);
  });

  it("is a name that does not exist, at once", () => {
    const { stdout } = stage.python(
      `import socket, time\nbefore = time.time()\ntry: socket.getaddrinfo("evil.test", 80)\nexcept socket.gaierror as e: print(e.errno, time.time() - before < 1)`,
      ["--allow-domain", "good.test"],
    );
    expect(stdout).toBe("-2 True\n");
  });

  it.each([
    { what: "a name by the proxy", program: ["curl", "-sS", "http://evil.test/"], hears: "hello from evil.test" },
    { what: "a name", program: ["curl", "-sS", "--noproxy", "*", "http://evil.test/"], hears: "hello from evil.test" },
    { what: "a port by the proxy", program: ["curl", "-sS", "http://good.test:8080/"], hears: "hello from good.test" },
    {
      what: "an address",
      program: ["curl", "-sS", "--noproxy", "*", "http://93.184.215.15/"],
      hears: "hello from 93.184.215.15",
    },
    {
      what: "an address of IPv6",
      program: ["curl", "-gsS", "--noproxy", "*", "http://[2606:2800:21f::1]/"],
      hears: "hello from [2606:2800:21f::1]",
    },
    { what: "a private address", program: ["curl", "-sS", "http://10.1.2.3/"], hears: "hello from 10.1.2.3" },
    {
      what: "the host's loopback",
      program: ["curl", "-sS", "--noproxy", "*", "http://127.0.0.1:80/"],
      hears: "hello from 127.0.0.1",
    },
    {
      what: "a tunnel",
      program: ["curl", "-ksS", "https://good.test:8443/"],
      hears: "hello from good.test",
    },
  ])("is listed with what would allow it, which does: $what", async ({ program, hears }) => {
    const [heard, first] = await world.hearing(() => reported(["--allow-domain", "good.test"], program));
    expect(heard).toEqual([]);
    expect(first).toMatchObject({ stdout: expect.not.stringContaining(hears), denials: [expect.anything()] });
    const { denials, stderr } = first;
    const { argv = [] } = denials[0]?.suggestion ?? {};
    expect(argv).toHaveLength(2);
    expect(stderr).toContain(`sandboxed-run: refused: `);
    expect(stderr.replaceAll("'", "")).toContain(argv.join(" "));
    const second = reported(["--allow-domain", "good.test", ...argv], program);
    expect(second).toMatchObject({ status: 0, stdout: expect.stringContaining(hears), stderr: "", denials: [] });
  });

  it("of a rule that an option would not beat is listed with the rule that stands in the way", () => {
    const table = (rules: string): readonly string[] => domains(`{ "good.test" = "allow"${rules} }`);
    const program = ["curl", "-sS", "http://good.test/page"];
    const first = reported(table(', "**.good.test" = "deny"'), program);
    expect(first.stdout).not.toContain("hello");
    expect(first.denials[0]?.suggestion).toEqual({
      argv: [],
      config: '[permissions.NAME.network] domains, without "**.good.test" = "deny"',
    });
    expect(
      stage.run([...table(', "**.good.test" = "deny"'), "--allow-domain", "good.test", "--", ...program]).stdout,
    ).not.toContain("hello");
    expect(stage.run([...table(""), "--", ...program]).stdout).toContain("hello from good.test /page");
  });

  it("names rule, file and line in its body, and the line is the one", () => {
    const config = `${stage.outside}/rules.toml`;
    const lines = [
      'default_permissions = "mine"',
      '[permissions.mine]\nextends = ":isolated"',
      "[permissions.mine.network.domains]",
      '"good.test" = "allow"',
      '"api.good.test" = "deny"',
      '[permissions.mine.network.http."good.test"]',
      'methods = ["GET"]',
    ];
    stage.write(config, `${lines.join("\n")}\n`);
    const asked = [["http://api.good.test/"], ["-X", "DELETE", "http://good.test/"], ["http://evil.test/"]];
    const bodies = asked.map((words) =>
      JSON.parse(stage.run(["--config", config, "--", "curl", "-sS", ...words]).stdout),
    );
    expect(bodies).toMatchObject([
      { reason: "denied_by_rule", rule: '"api.good.test" = "deny"', file: config, line: 6 },
      {
        reason: "method_not_allowed",
        file: config,
        line: 7,
        suggestion: { config: expect.stringContaining("methods") },
      },
      { reason: "network_not_allowed", file: expect.stringContaining("isolated.toml"), line: expect.any(Number) },
    ]);
    expect(stage.run(["--config", config, "--", "curl", "-sS", "http://good.test/page"]).stdout).toContain("hello");
  });

  it("is listed with a line of configuration where that alone would allow it", () => {
    const { denials } = reported(["--allow-domain", "inside.test"], ["curl", "-sS", "http://inside.test/"]);
    const line = /domains = (.*)$/.exec(denials[0]?.suggestion?.config ?? "")?.[1] ?? "";
    expect(line).toContain("10.1.2.3");
    expect(stage.run([...domains(line), "--", "curl", "-sS", "http://inside.test/"]).stdout).toContain("hello from");
  });

  it("is listed once, however often it was tried, and not at all when it was allowed", () => {
    const { denials } = reported(
      ["--allow-domain", "good.test"],
      ["sh", "-c", "for i in 1 2 3 4 5; do curl -s http://evil.test/ http://good.test/; done"],
    );
    expect(denials).toHaveLength(1);
  });

  it("costs nobody their status", () => {
    const { status } = stage.sh("curl -s http://evil.test/; exit 7", ["--allow-domain", "good.test"]);
    expect(status).toBe(7);
  });

  describe.each(["proxy", "itself"] as const)("a TLS handshake, by %s", (by) => {
    const hears = "hello from good.test /page";
    it("that names whom it asked for passes", () => {
      const { stdout } = stage.python(shakesHands("good.test", by), ["--allow-domain", "good.test"]);
      expect(stdout).toContain(hears);
    });

    it.each(["evil.test", null])("that names %s does not, unless its rule says so", async (name) => {
      const [heard] = await world.hearing(() => {
        const { stdout } = stage.python(shakesHands(name, by), ["--allow-domain", "good.test"]);
        expect(stdout).not.toContain(hears);
      });
      expect(heard.filter(({ kind }) => kind === "http")).toEqual([]);
      expect(heard.some((each) => each.kind === "closed" && each.received > 0)).toBe(false);
      const words = domains('{ "good.test" = { access = "allow", sni = "any" } }');
      expect(stage.python(shakesHands(name, by), words).stdout).toContain(hears);
    });
  });

  it.each([[""], ["*"]])("is a Host line that names another than was asked for (proxies: %j)", async (noproxy) => {
    const fetched = (host: string): string =>
      stage.run([
        "--allow-domain",
        "good.test",
        "--allow-domain",
        "other.test",
        "--",
        "curl",
        "-sS",
        "--noproxy",
        noproxy,
        "-H",
        `Host: ${host}`,
        "http://good.test/page",
      ]).stdout;
    expect(fetched("good.test")).toContain("hello from good.test");
    const [heard] = await world.hearing(() => {
      for (const host of ["other.test", "evil.test"]) expect(fetched(host)).not.toContain("hello");
    });
    expect(heard.filter(({ kind }) => kind === "http")).toEqual([]);
  });

  it.each([
    { port: 22, allowed: "good.test:22", hears: "SSH-2.0" },
    { port: 7000, allowed: "good.test:7000", hears: "heard x" },
    { port: 5432, allowed: "good.test:5432", hears: "database heard 1" },
  ])("is a port that no rule names: $port", async ({ port, allowed, hears }) => {
    expect(stage.python(connects("good.test", port), ["--allow-domain", allowed]).stdout).toContain(hears);
    const [heard] = await world.hearing(() => {
      expect(stage.python(connects("good.test", port), ["--allow-domain", "good.test"]).stdout).toBe("");
      expect(stage.python(connects("good.test", port), ["--allow-domain", `other.test:${port}`]).stdout).toBe("");
    });
    expect(heard).toEqual([]);
  });

  it("is not what the world failed at: that has statuses of its own", () => {
    const { stdout, stderr } = stage.sh(
      "for host in nobody-home.test nowhere.test; do curl -s -o /dev/null -w '%{http_code}\\n' http://$host/; done",
      ["--allow-domain", "nobody-home.test", "--allow-domain", "nowhere.test"],
    );
    expect(stdout).toBe("502\n502\n");
    expect(stderr).toBe("");
  });
});
