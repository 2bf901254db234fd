import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Result, Stage } from "../stage/index.ts";
import { noWorld, World } from "../stage/world.ts";
import type { Heard } from "../stage/world.ts";
import { PRELUDE } from "./network-attacks.ts";

const SECRET = "the-real-value-4711";

interface Tables {
  readonly domains: Readonly<Record<string, unknown>>;
  readonly http?: Readonly<Record<string, unknown>>;
  readonly credentials?: Readonly<Record<string, unknown>>;
}

/** Tries something with what it got hold of before the policy became narrower. */
interface LiveAttack {
  readonly title: string;
  /** `changed()` says that it is ready, and returns when the policy is another one. */
  readonly script: string;
  readonly before: Tables;
  readonly after: Tables;
  readonly effect: (heard: readonly Heard[], result: Result) => boolean;
}

const WAIT = `
CLOSE = b"Connection: close\\r\\n"
def changed():
    print("ready", flush=True); sys.stdin.readline()
def send(s, data):
    try: s.sendall(data); s.settimeout(0.5); return s.recv(65536)
    except OSError: return b""
def via(authority):
    s = connect("127.0.0.1", 61128); send(s, b"CONNECT " + authority + b" HTTP/1.1\\r\\nHost: " + authority + b"\\r\\n\\r\\n"); return s
def by_socks(name, port):
    s = connect("127.0.0.1", 61128); send(s, b"\\x05\\x01\\x00"); send(s, b"\\x05\\x01\\x00\\x03" + bytes([len(name)]) + name + struct.pack(">H", port)); return s
def ask(host, path=b"/late", more=b""): return b"GET " + path + b" HTTP/1.1\\r\\nHost: " + host + b"\\r\\n" + more + b"\\r\\n"
def whole(host, path=b"/late", more=b""): return b"GET http://" + host + path + b" HTTP/1.1\\r\\nHost: " + host + b"\\r\\n" + more + b"\\r\\n"
`;

const both: Tables = { domains: { "good.test": "allow", "other.test": "allow", "other.test:7000": "allow" } };
const one: Tables = { domains: { "good.test": "allow", "good.test:7000": "allow" } };
const late = (heard: readonly Heard[]): boolean => heard.some((each) => each.kind === "http" && each.url === "/late");
/** More than what was said before the change. */
const echoed = (_: readonly Heard[], { stdout }: Result): boolean => stdout.includes("again");
const echo7000 = (heard: readonly Heard[], result: Result): boolean =>
  echoed(heard, result) || heard.some((each) => each.kind === "closed" && each.port === 7000 && each.received > 5);

const lent = (methods: readonly string[]): Tables => ({
  domains: { "127.0.0.1:8080": "allow" },
  credentials: {
    API_TOKEN: {
      host: "http://127.0.0.1:8080",
      header: "Authorization: Bearer {}",
      from: "env:API_TOKEN",
      methods,
    },
  },
});
const withdrawn: Tables = { domains: { "127.0.0.1:8080": "allow" } };
const gotSecret = (heard: readonly Heard[]): boolean =>
  heard.some(
    (each) => each.kind === "witness" && each.text.includes("/late") && each.authorization?.includes(SECRET) === true,
  );

const attacks: readonly LiveAttack[] = [
  ...[
    ["a tunnel", 'via(b"other.test:7000")'],
    ["a SOCKS connection", 'by_socks(b"other.test", 7000)'],
    ["a connection past the proxy", 'connect("other.test", 7000)'],
  ].map(([what = "", how = ""]): LiveAttack => ({
    title: `${what} that was opened before`,
    script: `s = ${how}; print(send(s, b"first")); changed(); print(send(s, b"again"))`,
    before: both,
    after: one,
    effect: echo7000,
  })),
  {
    title: "connections that had asked for nothing, or half of it, before",
    script: `
plain = connect("127.0.0.1", 61128); half = connect("127.0.0.1", 61128); half.sendall(whole(b"other.test")[:40])
socks5 = connect("127.0.0.1", 61128); send(socks5, b"\\x05\\x01\\x00"); direct = connect("other.test", 80); part = connect("other.test", 80); part.sendall(ask(b"other.test")[:20])
open80 = via(b"other.test:80"); open443 = via(b"other.test:443")
changed()
send(plain, whole(b"other.test")); send(half, whole(b"other.test")[40:]); send(direct, ask(b"other.test")); send(part, ask(b"other.test")[20:]); send(open80, ask(b"other.test"))
send(socks5, b"\\x05\\x01\\x00\\x03\\x0aother.test\\x00\\x50"); send(socks5, ask(b"other.test"))`,
    before: both,
    after: one,
    effect: late,
  },
  {
    title: "a connection kept open after an answer",
    script: `
kept = connect("127.0.0.1", 61128); send(kept, whole(b"other.test", b"/early")); straight = connect("other.test", 80); send(straight, ask(b"other.test", b"/early"))
changed()
send(kept, whole(b"other.test")); send(straight, ask(b"other.test"))`,
    before: both,
    after: one,
    effect: late,
  },
  {
    title: "the address that DNS gave for a name before",
    script: `
known = [found[4][0] for found in socket.getaddrinfo("other.test", 80, socket.AF_INET, socket.SOCK_STREAM)]
changed()
for address in known + ["93.184.215.15"]: to(address, 80, ask(b"other.test", b"/late", CLOSE)); say(whole(address.encode(), b"/late", CLOSE))`,
    before: both,
    after: one,
    effect: late,
  },
  {
    title: "a name below a pattern that is asked for afterwards",
    script: `connect("early.wild.test", 80); changed(); to("s3cret.wild.test", 80, ask(b"s3cret.wild.test", b"/late", CLOSE)); say(whole(b"s3cret.wild.test", b"/late", CLOSE))`,
    before: { domains: { "*.wild.test": "allow" } },
    after: { domains: { "*.wild.test": "allow", "s3cret.wild.test": "deny" } },
    effect: (heard) => heard.some((each) => each.kind === "dns" && each.name === "s3cret.wild.test"),
  },
  {
    title: "a WebSocket that was opened before",
    script: `
s = connect("127.0.0.1", 61128)
print(send(s, whole(b"other.test", b"/socket", b"Connection: Upgrade\\r\\nUpgrade: websocket\\r\\nSec-WebSocket-Version: 13\\r\\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\\r\\n")))
changed(); print(send(s, b"again"))`,
    before: both,
    after: one,
    effect: echoed,
  },
  {
    title: "a download that goes on",
    script: `
s = connect("127.0.0.1", 61128); send(s, whole(b"other.test", b"/big?bytes=50000000")); changed(); size = 0
try:
    while part := s.recv(1 << 20): size += len(part)
except OSError: pass
print("again" if size > 40000000 else "cut")`,
    before: both,
    after: one,
    effect: echoed,
  },
  {
    title: "TLS that was opened before requests were looked at",
    script: `
import ssl
lax = ssl.create_default_context(); lax.check_hostname = False; lax.verify_mode = ssl.CERT_NONE
s = lax.wrap_socket(via(b"other.test:443"), server_hostname="other.test"); send(s, ask(b"other.test", b"/early"))
changed(); send(s, ask(b"other.test"))`,
    before: both,
    after: { ...both, http: { "other.test": { paths: ["/early"] } } },
    effect: late,
  },
  {
    title: "a credential after it was withdrawn, on a connection it went over before",
    script: `
s = connect("127.0.0.1", 61128); straight = connect("127.0.0.1", 8080); at = b"127.0.0.1:8080"
send(s, whole(at, b"/witness/early")); send(straight, ask(at, b"/witness/early"))
changed(); send(s, whole(at, b"/witness/late")); send(straight, ask(at, b"/witness/late")); say(whole(at, b"/witness/late", CLOSE))`,
    before: lent(["GET"]),
    after: withdrawn,
    effect: gotSecret,
  },
  {
    title: "a credential for requests it is not bound to any more",
    script: `s = connect("127.0.0.1", 61128); at = b"127.0.0.1:8080"; send(s, whole(at, b"/witness/early")); changed(); send(s, whole(at, b"/witness/late"))`,
    before: lent(["GET"]),
    after: lent(["POST"]),
    effect: gotSecret,
  },
];

describe.skipIf(noWorld !== null)("what a program got hold of before its policy became narrower", () => {
  let world: World;
  let stage: Stage;
  beforeAll(async () => {
    world = await World.start();
    stage = world.stage();
  });
  afterAll(() => {
    stage?.remove();
    world?.stop();
  });

  const attempt = (script: string, before: Tables, after: Tables): Promise<readonly [readonly Heard[], Result]> =>
    world.hearing(() => {
      const library = join(process.env["SANDBOXED_TEST_TOOL"] ?? "", "dist/index.js");
      const words = [library, JSON.stringify(before), JSON.stringify(after), PRELUDE + WAIT + script];
      const environment = { API_TOKEN: SECRET };
      return stage.plain(process.execPath, [join(import.meta.dirname, "../stage/live.mjs"), ...words], { environment });
    });

  it.each(attacks)("is worth nothing afterwards: $title", async ({ script, before, after, effect }) => {
    const [heard, result] = await attempt(script, before, after);
    expect(result, result.stderr).toMatchObject({ status: 0, signal: null });
    expect(effect(heard, result), JSON.stringify([heard, result.stdout])).toBe(false);
  });

  it.each(attacks)("works on while the policy allows it: $title", async ({ script, before, effect }) => {
    const [heard, result] = await attempt(script, before, before);
    expect(effect(heard, result), JSON.stringify([heard, result])).toBe(true);
  });
});
