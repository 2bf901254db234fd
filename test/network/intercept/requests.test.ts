import { X509Certificate } from "node:crypto";
import { describe, expect, it } from "vitest";
import { agreeToWebSocket, askForWebSocket, pause, Wire } from "../door/stand.ts";
import { realHello } from "../tls/real-hello.ts";
import { connectTo, get, openIntercepting, openSecureOrigin, policyFor, SecureWire, worldAuthority } from "./stand.ts";
import type { InterceptingStand } from "./stand.ts";

const limited = { http: { "good.test": { methods: ["GET"], paths: ["/open/**"] } } };

describe("requests inside of TLS", () => {
  it("pass when rules allow them, over TLS to the name that was asked for", async () => {
    const origin = await openSecureOrigin();
    const stand = await openIntercepting(policyFor([origin.port], limited));
    const authority = `good.test:${origin.port}`;
    const wire = await SecureWire.open(stand, authority);
    wire.send(get("/open/a?b=c", authority));
    await wire.untilText("GET /open/a?b=c");
    expect(wire.socket.authorized).toBe(true);
    expect(origin.names).toEqual(["good.test"]);
    expect(origin.seen[0]?.headers.host).toBe(authority);
    expect(JSON.stringify(stand.events)).not.toContain("/open");
  });

  it("are decided one by one on the same connection", async () => {
    const origin = await openSecureOrigin();
    const stand = await openIntercepting(policyFor([origin.port], limited));
    const authority = `good.test:${origin.port}`;
    const wire = await SecureWire.open(stand, authority);
    wire.send(get("/open/1", authority));
    await wire.untilText("GET /open/1");
    wire.send(get("/closed", authority));
    await wire.untilText('"reason":"path_not_allowed"');
    wire.send(`POST /open/2 HTTP/1.1\r\nHost: ${authority}\r\nContent-Length: 0\r\n\r\n`);
    await wire.untilText('"reason":"method_not_allowed"');
    wire.send(get("/open/3", authority));
    await wire.untilText("GET /open/3");
    expect(origin.seen.map(({ url }) => url)).toEqual(["/open/1", "/open/3"]);
    expect(stand.events.filter(({ kind }) => kind === "refused").map(({ refusal }) => refusal?.reason)).toEqual([
      "path_not_allowed",
      "method_not_allowed",
    ]);
  });

  it.each([
    "/open/../closed",
    "/open/%2e%2e/closed",
    "/open/..%2fclosed",
    "/open//x",
    "/open/%252e%252e/closed",
    "/open/\\..\\closed",
    "/open/..;/closed",
    "//open/x",
    "/OPEN/x",
    "https://good.test/open/x",
    "http://good.test/open/x",
  ])("do not pass with the path %s", async (path) => {
    const origin = await openSecureOrigin();
    const stand = await openIntercepting(policyFor([origin.port], limited));
    const authority = `good.test:${origin.port}`;
    const wire = (await SecureWire.open(stand, authority)).send(get(path, authority));
    expect(await wire.untilText("\r\n\r\n")).toMatch(/^HTTP\/1\.1 (?:403|400) /);
    expect(origin.seen).toEqual([]);
  });

  it.each([
    ["another Host", (authority: string) => get("/open/x", authority.replace("good", "evil"))],
    ["a Host without its port", () => get("/open/x", "good.test")],
    ["two Hosts", (authority: string) => get("/open/x", authority, `Host: ${authority}\r\n`)],
    ["no Host", () => "GET /open/x HTTP/1.1\r\n\r\n"],
    ["two lengths", (authority: string) => get("/open/x", authority, "Content-Length: 1\r\nContent-Length: 2\r\n")],
    [
      "a length and chunks",
      (authority: string) => get("/open/x", authority, "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n"),
    ],
    ["a folded line", (authority: string) => get("/open/x", authority, "A: b\r\n c\r\n")],
    ["a space before the colon", (authority: string) => get("/open/x", authority, "Content-Length : 4\r\n")],
    ["a whole address of plain HTTP", (authority: string) => get(`http://${authority}/open/x`, authority)],
    ["a whole address", (authority: string) => get(`https://${authority}/open/x`, authority)],
    ["CONNECT once more", (authority: string) => connectTo(authority)],
    ["another CONNECT", () => connectTo("evil.test:443")],
    ["nonsense", () => "\0\x01\x02 \r\n\r\n"],
    ["HTTP/2 without asking", () => "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"],
  ])("do not pass with %s", async (_, request) => {
    const origin = await openSecureOrigin();
    const stand = await openIntercepting(policyFor([origin.port], limited));
    const authority = `good.test:${origin.port}`;
    const smuggled = get("/closed", authority);
    const wire = (await SecureWire.open(stand, authority)).send(request(authority) + smuggled);
    expect(await wire.untilClosed()).toMatch(/^HTTP\/1\.1 400 /);
    expect(origin.seen).toEqual([]);
  });

  it("hide nothing in a body: what follows is the next request", async () => {
    const origin = await openSecureOrigin();
    const network = { http: { "good.test": { methods: ["POST"], paths: ["/open/**"] } } };
    const stand = await openIntercepting(policyFor([origin.port], network));
    const authority = `good.test:${origin.port}`;
    const wire = await SecureWire.open(stand, authority);
    const chunked = `POST /open/x HTTP/1.1\r\nHost: ${authority}\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`;
    wire.send(chunked + get("/closed", authority));
    await wire.untilText("method_not_allowed");
    expect(origin.seen.map(({ url }) => url)).toEqual(["/open/x"]);
  });
});

describe("TLS that is to be read", () => {
  it.each([
    ["another name", { servername: "evil.test" }, "sni_mismatch"],
    ["no name", { servername: "" }, "sni_missing"],
  ])("is refused with %s", async (_, options, reason) => {
    const origin = await openSecureOrigin();
    const stand = await openIntercepting(policyFor([origin.port], limited));
    const wire = await SecureWire.open(stand, `good.test:${origin.port}`, options);
    await wire.untilClosed();
    expect(wire.failure).toMatch(/access denied/i);
    expect(stand.events.at(-1)?.refusal?.reason).toBe(reason);
    expect(origin.connections()).toBe(0);
  });

  it("is refused by an address when it names a host", async () => {
    const origin = await openSecureOrigin(undefined, "127.0.0.1");
    const stand = await openIntercepting(policyFor([origin.port], { http: { "127.0.0.1": { paths: ["/open/**"] } } }));
    const authority = `127.0.0.1:${origin.port}`;
    const named = await SecureWire.open(stand, authority, { servername: "good.test" });
    await named.untilClosed();
    expect(origin.connections()).toBe(0);
    const nameless = await SecureWire.open(stand, authority, { servername: "", host: "127.0.0.1" });
    await nameless.send(get("/open/x", authority)).untilText("GET /open/x");
    expect(nameless.socket.authorized).toBe(true);
    await nameless.send(get("/open/x", `good.test:${origin.port}`)).untilText("host_mismatch");
  });

  it("speaks HTTP/1.1 alone", async () => {
    const origin = await openSecureOrigin();
    const stand = await openIntercepting(policyFor([origin.port], limited));
    const authority = `good.test:${origin.port}`;
    const both = await SecureWire.open(stand, authority, { ALPNProtocols: ["h2", "http/1.1"] });
    await both.send(get("/open/x", authority)).untilText("GET /open/x");
    expect(both.socket.alpnProtocol).toBe("http/1.1");
    const onlyNewer = await SecureWire.open(stand, authority, { ALPNProtocols: ["h2"] });
    await onlyNewer.untilClosed();
    expect(onlyNewer.failure).toMatch(/alert|reset/i);
  });

  it("ends when its handshake or its first request dribbles", async () => {
    const origin = await openSecureOrigin();
    const within = (time: number): Promise<InterceptingStand> =>
      openIntercepting(policyFor([origin.port], limited), { limits: { headerTime: time, firstByteTime: time } });
    const authority = `good.test:${origin.port}`;
    const stuck = new Wire((await within(150)).port).send(connectTo(authority)).send(await realHello("good.test"));
    await stuck.untilClosed();
    // The handshake itself has this long as well.
    const slow = (await SecureWire.open(await within(1500), authority)).send("GET /open/x HT");
    expect(await slow.untilClosed()).toMatch(/^HTTP\/1\.1 408/);
    expect(origin.connections()).toBe(0);
  });

  it("is not HTTP at all: refused, and nothing reaches the server", async () => {
    const origin = await openSecureOrigin();
    const stand = await openIntercepting(policyFor([origin.port], limited));
    const wire = new Wire(stand.port).send(connectTo(`good.test:${origin.port}`)).send("\0\x01 something else\r\n");
    await wire.untilClosed();
    expect(origin.connections()).toBe(0);
  });

  it("is left alone where no rule looks at it", async () => {
    const origin = await openSecureOrigin(undefined, "evil.test");
    const stand = await openIntercepting(policyFor([origin.port], limited));
    const authority = `evil.test:${origin.port}`;
    const wire = await SecureWire.open(stand, authority, { rejectUnauthorized: false });
    await wire.send(get("/any", authority)).untilText("GET /any");
    const seen = wire.socket.getPeerX509Certificate();
    expect(seen?.subject).toBe("CN=evil.test");
    expect(seen?.verify(new X509Certificate((await worldAuthority()).cert).publicKey)).toBe(true);
    // The world's authority is not among those that the program was given.
    expect(wire.socket.authorized).toBe(false);
  });

  it("is refused as before without anything to read it with", async () => {
    const origin = await openSecureOrigin();
    const stand = await openIntercepting(policyFor([origin.port], limited));
    const blind = await openIntercepting(policyFor([origin.port], limited), { isBlind: true });
    const wire = await SecureWire.open({ ...stand, port: blind.port }, `good.test:${origin.port}`);
    await wire.untilClosed();
    expect(blind.events.at(-1)?.refusal?.reason).toBe("method_not_allowed");
    expect(origin.connections()).toBe(0);
  });
});

describe("a WebSocket inside of TLS", () => {
  it("passes both ways when its path is allowed, and not otherwise", async () => {
    const origin = await openSecureOrigin(undefined, "good.test", (request, socket) => {
      socket.write(`${agreeToWebSocket}\r\nhello`);
      socket.on("data", (chunk) => socket.write(`${request.url} echo ${chunk.toString()}`));
    });
    const stand = await openIntercepting(policyFor([origin.port], limited));
    const authority = `good.test:${origin.port}`;
    const wire = await SecureWire.open(stand, authority);
    await wire.send(get("/open/ws", authority, askForWebSocket)).untilText("hello");
    await wire.send("frames").untilText("/open/ws echo frames");
    const refused = await SecureWire.open(stand, authority);
    expect(await refused.send(get("/closed", authority, askForWebSocket)).untilClosed()).toMatch(/^HTTP\/1\.1 403/);
    wire.socket.end();
    await wire.untilClosed();
    await pause(20);
    expect(stand.events.at(-1)).toMatchObject({ kind: "closed" });
  });
});
