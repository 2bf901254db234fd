/** One way in which programs reach `good.test`, or the address behind it. */
export interface Way {
  readonly name: string;
  readonly program: readonly string[];
  readonly words?: readonly string[];
  /** By default `good.test` is allowed. */
  readonly rules?: readonly string[];
  /** What its output holds when it got there. */
  readonly hears: string;
  readonly port: number;
  /** Tried by everybody, and under every policy that lets nothing through; the others by one person under one. */
  readonly main?: true;
}

const web = { hears: "hello from good.test /page", port: 80 };
const secure = { hears: "hello from good.test /page", port: 443 };
const python = (script: string): readonly string[] => ["python3", "-c", script];
const node = (script: string): readonly string[] => ["node", "-e", script];
const fetched = `.then((r) => r.text()).then((t) => process.stdout.write(t))`;
const printed = `(r) => r.pipe(process.stdout)`;
const LITERAL = ["--allow-domain", "93.184.215.14"];

/** Programs that know about proxies. */
const asked: readonly Way[] = [
  { name: "curl", program: ["curl", "-sS", "http://good.test/page"], ...web, main: true },
  { name: "curl over TLS", program: ["curl", "-sS", "https://good.test/page"], ...secure },
  { name: "wget", program: ["wget", "-qO-", "http://good.test/page"], ...web },
  {
    name: "urllib",
    program: python(`from urllib.request import *\nprint(urlopen("http://good.test/page").read().decode())`),
    ...web,
  },
  {
    name: "urllib over TLS",
    program: python(`from urllib.request import *\nprint(urlopen("https://good.test/page").read().decode())`),
    ...secure,
  },
  {
    name: "curl by SOCKS",
    program: ["curl", "-sS", "--noproxy", "", "-x", "socks5h://127.0.0.1:61128", "http://good.test/page"],
    ...web,
  },
];

/** Programs that do not, or are told not to. */
const unasked: readonly Way[] = [
  { name: "curl without a proxy", program: ["curl", "-sS", "--noproxy", "*", "http://good.test/page"], ...web },
  {
    name: "curl without a proxy, over TLS",
    program: ["curl", "-sS", "--noproxy", "*", "https://good.test/page"],
    ...secure,
    main: true,
  },
  { name: "a program without any variable", program: ["env", "-i", "curl", "-sS", "http://good.test/page"], ...web },
  {
    name: "http.client",
    program: python(
      `import http.client\nc = http.client.HTTPConnection("good.test")\nc.request("GET", "/page")\nprint(c.getresponse().read().decode())`,
    ),
    ...web,
  },
  {
    name: "a socket of Python",
    program: python(
      `import socket\ns = socket.create_connection(("good.test", 80))\ns.sendall(b"GET /page HTTP/1.0\\r\\nHost: good.test\\r\\n\\r\\n")\nwhile part := s.recv(4096): print(part.decode(), end="")`,
    ),
    ...web,
  },
  {
    name: "a TLS socket of Python",
    program: python(
      `import socket, ssl\ns = ssl.create_default_context().wrap_socket(socket.create_connection(("good.test", 443)), server_hostname="good.test")\ns.sendall(b"GET /page HTTP/1.0\\r\\nHost: good.test\\r\\n\\r\\n")\nwhile part := s.recv(4096): print(part.decode(), end="")`,
    ),
    ...secure,
  },
  { name: "node:http", program: node(`require("http").get("http://good.test/page", ${printed})`), ...web },
  { name: "node:https", program: node(`require("https").get("https://good.test/page", ${printed})`), ...secure },
  { name: "fetch of Node", program: node(`fetch("http://good.test/page")${fetched}`), ...web },
  { name: "fetch of Node over TLS", program: node(`fetch("https://good.test/page")${fetched}`), ...secure },
  {
    name: "bash",
    program: [
      "bash",
      "-c",
      `exec 3<>/dev/tcp/good.test/80; printf 'GET /page HTTP/1.0\\r\\nHost: good.test\\r\\n\\r\\n' >&3; cat <&3`,
    ],
    ...web,
  },
  {
    name: "a server that speaks first",
    program: python(`import socket\nprint(socket.create_connection(("good.test", 22)).recv(99).decode())`),
    rules: ["--allow-domain", "good.test:22"],
    hears: "SSH-2.0-stand-in",
    port: 22,
    main: true,
  },
  {
    name: "a literal address",
    program: ["curl", "-sS", "--noproxy", "*", "http://93.184.215.14/page"],
    rules: LITERAL,
    hears: "hello from 93.184.215.14 /page",
    port: 80,
  },
  {
    name: "a literal address of IPv6",
    program: ["curl", "-sS", "--noproxy", "*", "http://[2606:2800:21f::1]/page"],
    rules: ["--allow-domain", "2606:2800:21f::1"],
    hears: "hello from [2606:2800:21f::1] /page",
    port: 80,
  },
  {
    name: "a literal address on another port, by a socket",
    program: python(
      `import socket\ns = socket.create_connection(("93.184.215.14", 7000))\ns.sendall(b"echo")\ns.shutdown(1)\nprint(s.recv(9).decode())`,
    ),
    rules: ["--allow-domain", "93.184.215.14:7000"],
    hears: "echo",
    port: 7000,
    main: true,
  },
];

export const ways: readonly Way[] = [...asked, ...unasked];
