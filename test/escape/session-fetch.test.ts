import { describe, expect, it } from "vitest";
import { stagedWorld } from "../stage/staged-world.ts";
import { noWorld } from "../stage/world.ts";
import type { Heard, World } from "../stage/world.ts";

const PRELUDE = `
import sandboxed
from urllib.parse import quote
session = sandboxed.connect()
def get(*urls, **more):
    for url in urls:
        try: print(session.fetch(url, timeout=3, **more).text)
        except sandboxed.SessionError as error: print(error.code)
def redirect(*places):
    for place in places:
        for status in (301, 302, 303, 307, 308): get("http://good.test/redirect?status=%d&to=%s" % (status, quote(place, safe="")))
`;

const allow = (...hosts: readonly string[]): readonly string[] => hosts.flatMap((host) => ["--allow-domain", host]);
const grant = (...hosts: readonly string[]): readonly string[] => ["--grant", `network=${hosts.join(",")}`];
const domains = (table: string): readonly string[] => [
  "-c",
  'permissions.mine.extends=":isolated"',
  "-P",
  "mine",
  "-c",
  `permissions.mine.network.domains=${table}`,
];

const hidden = ["inside", "loop", "mixed", "mapped", "wrapped", "cloud", "alias-inside", "listed-inside"].map(
  (name) => `${name}.test`,
);
/** What may not be reached: any server but the one at good.test, port 80. */
const elsewhere = (heard: readonly Heard[]): boolean =>
  heard.some(
    (each) =>
      (each.kind === "http" && each.host !== "good.test") ||
      (each.kind === "tcp" && (each.address !== "93.184.215.14" || each.port !== 80)),
  );

interface FetchAttack {
  readonly title: string;
  readonly script: string;
  readonly words: readonly string[];
  readonly allowed: readonly string[];
}

const attacks: readonly FetchAttack[] = [
  {
    title: "public names that lead to private addresses",
    script: `get(*("http://%s/" % name for name in ${JSON.stringify(hidden)}), "http://metadata.google.internal/")`,
    words: [...allow(...hidden, "metadata.google.internal"), ...grant(...hidden, "metadata.google.internal")],
    allowed: [
      ...domains('{ "inside.test" = { access = "allow", resolve_to = ["10.1.2.0/24"] } }'),
      ...grant(...hidden, "metadata.google.internal"),
    ],
  },
  {
    title: "a redirect to a host that the policy does not allow",
    script: `redirect("http://evil.test/", "//evil.test/", "http:\\\\\\\\evil.test/", "http://good.test@evil.test/", "HTTP://EVIL.TEST./", "http://evil.test:8080/", "https://evil.test/", "http://2852039166/", "http://169.254.169.254/", "http://[::ffff:7f00:1]:8080/", "http://127.1:8080/", "file:///etc/passwd", "http://evil\\u3002test/")`,
    words: [...allow("good.test"), ...grant("good.test", "evil.test", "0.0.0.0/0", "::/0")],
    allowed: [...allow("good.test", "evil.test"), ...grant("good.test", "evil.test", "0.0.0.0/0", "::/0")],
  },
  {
    title: "a redirect to a host that the capability does not cover",
    script: `redirect("http://other.test/", "http://good.test:8080/")`,
    words: [...allow("good.test", "good.test:8080", "other.test"), ...grant("good.test")],
    allowed: [...allow("good.test", "good.test:8080", "other.test"), ...grant("good.test", "other.test")],
  },
  {
    title: "a host under another spelling",
    script: `get("http://93.184.215.14/", "http://0x5db8d70e/", "http://1572394766/", "http://[::ffff:5db8:d70e]/", "http://good.test@evil.test/", "http://good.test\\\\@evil.test/", "http://good.test:80@evil.test/", "http://evil.test#.good.test/", "http://evil.test\\0.good.test/", "http://evil.test%00.good.test/", "http://evil\\u3002test/", "http://\\u24d4vil.test/", "http://goodxtest/", "http://evilgood.test/", "http://good.test.evil.test/", "http://EVIL.test./", "http:/evil.test/", "///evil.test/", "ws://good.test/", "ftp://good.test/")`,
    words: [...allow("good.test", "*.good.test"), ...grant("good.test", "*.good.test", "evil.test")],
    allowed: [...allow("good.test", "evil.test"), ...grant("good.test", "evil.test")],
  },
  {
    title: "a request that a server takes for one to another host, or for two",
    script: `
for name, value in (("Host", "evil.test"), ("host", "evil.test"), ("X", "a\\r\\nHost: evil.test"), ("X\\r\\nHost", "evil.test"), ("Transfer-Encoding", "chunked"), ("Content-Length", "0"), ("Connection", "X"), ("Proxy-Authorization", "x")):
    get("http://good.test/", method="POST", headers={name: value}, body="GET / HTTP/1.1\\r\\nHost: evil.test\\r\\n\\r\\n")
get("http://good.test/ HTTP/1.1\\r\\nHost: evil.test\\r\\nX: ", "http://good.test/\\r\\n\\r\\nGET / HTTP/1.1\\r\\nHost: evil.test")
for method in ("GET http://evil.test/ HTTP/1.1\\r\\nX:", "CONNECT", "TRACE", "GET\\r\\n"): get("http://good.test/", method=method)
get("http://evil.test/")`,
    words: [...allow("good.test"), ...grant("good.test", "evil.test")],
    allowed: [...allow("good.test", "evil.test"), ...grant("good.test", "evil.test")],
  },
  {
    title: "a host that merely some other capability is about",
    script: `get("http://other.test/")`,
    words: [...allow("other.test"), "--grant", "memory=other.test", "--grant", "fs.read=**"],
    allowed: [...allow("other.test"), ...grant("other.test")],
  },
  {
    title: "a token made for more than its maker has",
    script: `
try: session = sandboxed.connect(token=session.grant(["network=other.test,good.test,0.0.0.0/0"]).token)
except sandboxed.SessionError as error: print(error.code)
get("http://other.test/")`,
    words: [...allow("good.test", "other.test"), ...grant("good.test"), "--grant", "delegate"],
    allowed: [...allow("good.test", "other.test"), ...grant("good.test", "other.test"), "--grant", "delegate"],
  },
];

describe.skipIf(noWorld !== null)("fetching through the session", () => {
  let world: World;
  stagedWorld((made) => ({ world } = made));

  const attempt = async (script: string, words: readonly string[]): Promise<readonly Heard[]> => {
    const stage = world.stage("ordinary");
    try {
      const [heard] = await world.hearing(() => {
        const { status, stderr } = stage.python(PRELUDE + script, words, { timeout: 60_000 });
        expect(status, stderr).toBe(0);
      });
      return heard;
    } finally {
      stage.remove();
    }
  };

  describe.each(attacks)("$title", ({ script, words, allowed }) => {
    it("is not reached", async () => {
      const heard = await attempt(script, words);
      expect(heard.filter((each) => elsewhere([each]))).toEqual([]);
    });

    it("is reached when allowed", async () => {
      expect(elsewhere(await attempt(script, allowed))).toBe(true);
    });
  });
});
