import { inspect } from "node:util";
import { describe, expect, it } from "vitest";
import type { RawProfile } from "../../../src/policy/index.ts";
import { agreeToWebSocket, askForWebSocket, openOrigin, Wire } from "../door/stand.ts";
import {
  get,
  openIntercepting,
  openSecureOrigin,
  policyFor,
  secret,
  SecureWire,
  worldAuthority,
  type InterceptingStand,
} from "./stand.ts";

type Credentials = NonNullable<NonNullable<RawProfile["network"]>["credentials"]>;

/** One credential for `GET` and `POST` below `/v1/` of `good.test`. */
function bound(port: number, more: Partial<Credentials[string]> = {}): Credentials {
  const rule = { host: `good.test:${port}`, methods: ["GET", "POST", "TRACE"], paths: ["/v1/**"] };
  return { API_TOKEN: { ...rule, header: "Authorization: Bearer {}", from: "env:TOKEN", ...more } };
}

function placeholderOf({ interception }: InterceptingStand, name = "API_TOKEN"): string {
  const placeholder = interception.placeholders().get(name);
  if (placeholder === undefined) throw new Error("no placeholder");
  return placeholder;
}

/** Everything of a stand that somebody could print or write down. */
function visible({ interception, events, door, gate }: InterceptingStand): string {
  const environment = new Map([["OTHER_NAME", `x${secret}y`]]);
  const shown = [interception, events, door, gate, interception.maskEnvironment(environment)];
  return `${shown.map((one) => inspect(one, { depth: Infinity, showHidden: true })).join()} ${JSON.stringify(shown)}`;
}

describe("a credential", () => {
  it("goes with the requests it is for, in the place of what the program sent", async () => {
    const origin = await openSecureOrigin();
    const stand = await openIntercepting(policyFor([origin.port], { credentials: bound(origin.port) }));
    const authority = `good.test:${origin.port}`;
    const placeholder = placeholderOf(stand);
    const wire = await SecureWire.open(stand, authority);
    wire.send(get("/v1/a", authority, `authorization: Bearer ${placeholder}\r\nAUTHORIZATION: other\r\n`));
    await wire.untilText("GET /v1/a");
    wire.send(get("/v1/b", authority));
    await wire.untilText("GET /v1/b");
    const sent = origin.seen.map(({ rawHeaders }) =>
      rawHeaders.filter((_, index) => /^authorization$/i.test(rawHeaders[index - 1] ?? "")),
    );
    expect(sent).toEqual([[`Bearer ${secret}`], [`Bearer ${secret}`]]);
    expect(wire.text).not.toContain(secret);
    expect(visible(stand)).not.toContain(secret);
  });

  it.each([
    ["another path", "GET", "/v2/a", "good.test"],
    ["a path that can be read in two ways", "GET", "/v2/../v1/a", "good.test"],
    ["an encoded way out of the path", "GET", "/v1/%2e%2e/v2", "good.test"],
    ["another method", "PUT", "/v1/a", "good.test"],
    ["another host", "GET", "/v1/a", "evil.test"],
    ["the method that sends everything back", "TRACE", "/v1/a", "good.test"],
  ])("does not go with %s: the placeholder does", async (_, method, path, host) => {
    const origin = await openSecureOrigin(undefined, host);
    const stand = await openIntercepting(
      policyFor([origin.port], { credentials: bound(origin.port), http: { "evil.test": { paths: ["/**"] } } }),
    );
    const authority = `${host}:${origin.port}`;
    const text = `Authorization: Bearer ${placeholderOf(stand)}`;
    const wire = await SecureWire.open(stand, authority);
    wire.send(`${method} ${path} HTTP/1.1\r\nHost: ${authority}\r\n${text}\r\n\r\n`);
    await wire.untilText(" ".concat(path));
    expect(origin.seen.map(({ headers }) => headers.authorization)).toEqual([`Bearer ${placeholderOf(stand)}`]);
  });

  it("does not go out in plain text, where the host speaks that on the same port", async () => {
    const origin = await openOrigin();
    const stand = await openIntercepting(policyFor([origin.port], { credentials: bound(origin.port) }));
    const authority = `good.test:${origin.port}`;
    const wire = new Wire(stand.port).send(get(`http://${authority}/v1/a`, authority, "Authorization: mine\r\n"));
    await wire.untilText("GET /v1/a");
    expect(origin.seen.map(({ headers }) => headers.authorization)).toEqual(["mine"]);
  });

  it("goes to this machine in plain text, when a rule says so", async () => {
    const origin = await openOrigin();
    const credentials = bound(origin.port, { host: `http://127.0.0.1:${origin.port}` });
    const stand = await openIntercepting(policyFor([origin.port], { credentials }));
    const authority = `127.0.0.1:${origin.port}`;
    await new Wire(stand.port).send(get(`http://${authority}/v1/a`, authority)).untilText("GET /v1/a");
    await new Wire(stand.port).send(get(`http://${authority}/v2/a`, authority)).untilText("GET /v2/a");
    expect(origin.seen.map(({ headers }) => headers.authorization)).toEqual([`Bearer ${secret}`, undefined]);
  });

  it("cannot be taken out by naming its header as the connection's", async () => {
    const origin = await openSecureOrigin();
    const credentials = bound(origin.port, { header: "X-Api-Key" });
    const stand = await openIntercepting(policyFor([origin.port], { credentials }));
    const authority = `good.test:${origin.port}`;
    const wire = await SecureWire.open(stand, authority);
    await wire.send(get("/v1/a", authority, "Connection: X-Api-Key\r\nX-Api-Key: x\r\n")).untilText("GET /v1/a");
    expect(origin.seen[0]?.headers["x-api-key"]).toBe(secret);
  });

  it("shares no connection to the server with requests that go without it", async () => {
    const origin = await openSecureOrigin();
    const stand = await openIntercepting(policyFor([origin.port], { credentials: bound(origin.port) }));
    const authority = `good.test:${origin.port}`;
    const wire = await SecureWire.open(stand, authority);
    for (const path of ["/v1/a", "/v2/a", "/v1/b", "/v2/b"]) {
      await wire.send(get(path, authority)).untilText(`GET ${path}`);
    }
    expect(origin.connections()).toBe(2);
  });

  it("goes through an upstream proxy inside of TLS alone", async () => {
    const origin = await openSecureOrigin();
    const asked: string[] = [];
    const proxy = await openOrigin();
    proxy.server.on("connect", (request, client) => {
      asked.push(`${request.url} ${JSON.stringify(request.headers)}`);
      client.write("HTTP/1.1 200 OK\r\n\r\n");
      const server = new Wire(origin.port).socket;
      client.pipe(server).pipe(client);
    });
    const stand = await openIntercepting(policyFor([origin.port], { credentials: bound(origin.port) }), {
      upstream: () => ({ kind: "http", host: "127.0.0.1", port: proxy.port, user: null, password: "" }),
    });
    const authority = `good.test:${origin.port}`;
    await (await SecureWire.open(stand, authority)).send(get("/v1/a", authority)).untilText("GET /v1/a");
    expect(origin.seen[0]?.headers.authorization).toBe(`Bearer ${secret}`);
    expect(asked).toHaveLength(1);
    expect(asked.join()).not.toContain(secret);
    expect(proxy.seen).toEqual([]);
  });
});

describe("a credential in plain text", () => {
  it("is not shown to an upstream proxy", async () => {
    const proxy = await openOrigin();
    const credentials = bound(80, { host: "http://127.0.0.1:8080" });
    const stand = await openIntercepting(policyFor([8080], { credentials }), {
      upstream: () => ({ kind: "http", host: "127.0.0.1", port: proxy.port, user: null, password: "" }),
    });
    const request = get("http://127.0.0.1:8080/v1/a", "127.0.0.1:8080");
    await new Wire(stand.port).send(request).untilText("/v1/a");
    expect(proxy.seen.map(({ headers }) => headers.authorization)).toEqual([undefined]);
  });
});

describe("a credential as a password", () => {
  it("goes with its user as Basic has it, and comes back as its placeholder", async () => {
    const pair = Buffer.from(`robot:${secret}`).toString("base64");
    const origin = await openSecureOrigin((request, response) => {
      const value = request.headers.authorization ?? "";
      response.writeHead(200, {
        "X-Plain": value,
        "X-Short": value.replace(/=+$/, ""),
        "X-Decoded": `robot:${secret}`,
      });
      response.end("welcome");
    });
    const credentials = bound(origin.port, { header: "Authorization: Basic {basic:robot}" });
    const stand = await openIntercepting(policyFor([origin.port], { credentials }));
    const authority = `good.test:${origin.port}`;
    const wire = (await SecureWire.open(stand, authority)).send(get("/v1/a", authority));
    const text = await wire.untilText("welcome");
    expect(origin.seen[0]?.headers.authorization).toBe(`Basic ${pair}`);
    expect(text).not.toContain(pair.replace(/=+$/, ""));
    expect(text).not.toContain(secret);
    expect(text).toContain(`X-Plain: Basic ${placeholderOf(stand)}`);
  });
});

describe("a credential that a server repeats", () => {
  it("comes back as its placeholder, wherever in the head it stands", async () => {
    const origin = await openSecureOrigin((request, response) => {
      const value = request.headers.authorization ?? "";
      response.writeHead(
        302,
        `Seen ${value}`,
        [
          ["Location", `https://evil.test/?t=${encodeURIComponent(`${value}+/=`)}`],
          ["X-Plain", value],
          ["X-Twice", `${value}${value}`],
          ["X-Encoded", Buffer.from(secret).toString("base64")],
          ["Set-Cookie", `a=${secret}`],
          [`X-${secret}`, "name"],
          [`x-${secret.toLowerCase()}`, "name"],
          ["Trailer", "X-Late"],
          ["X-Honest", "kept"],
        ].flat(),
      );
      response.addTrailers({ "X-Late": value });
      response.end("moved");
    });
    const stand = await openIntercepting(policyFor([origin.port], { credentials: bound(origin.port) }));
    const authority = `good.test:${origin.port}`;
    const wire = (await SecureWire.open(stand, authority)).send(get("/v1/a", authority));
    const text = await wire.untilText("moved\r\n0\r\n");
    expect(origin.seen[0]?.headers.authorization).toContain(secret);
    expect(text.toLowerCase()).not.toContain(secret.toLowerCase());
    expect(text).not.toContain(Buffer.from(secret).toString("base64"));
    const placeholder = placeholderOf(stand);
    expect(text).toContain(`X-Twice: Bearer ${placeholder}Bearer ${placeholder}`);
    expect(text).toContain(`Set-Cookie: a=${placeholder}`);
    expect(text).toContain("X-Honest: kept");
  });

  it("comes back so from the start of a WebSocket", async () => {
    const origin = await openSecureOrigin(undefined, "good.test", (request, socket) => {
      const value = request.headers.authorization;
      socket.write(`${agreeToWebSocket}X-Seen: ${value}\r\n\r\n`);
    });
    const stand = await openIntercepting(policyFor([origin.port], { credentials: bound(origin.port) }));
    const authority = `good.test:${origin.port}`;
    const wire = (await SecureWire.open(stand, authority)).send(get("/v1/ws", authority, askForWebSocket));
    expect(await wire.untilText("X-Seen")).toContain(`X-Seen: Bearer ${placeholderOf(stand)}`);
    expect(wire.text).not.toContain(secret);
  });
});

describe("the placeholder", () => {
  it("looks like the credential and is another in each run", async () => {
    const policy = policyFor([443], { credentials: bound(443) });
    const [one, other] = [await openIntercepting(policy), await openIntercepting(policy)].map((s) => placeholderOf(s));
    expect(one).toMatch(/^ghp_[A-Za-z0-9]{36}$/);
    expect(one).toHaveLength(secret.length);
    expect(one).not.toBe(other);
    expect(one).not.toBe(secret);
  });

  it("goes over what the program would inherit, under every name", async () => {
    const stand = await openIntercepting(policyFor([443], { credentials: bound(443) }));
    const placeholder = placeholderOf(stand);
    const environment = new Map(
      Object.entries({ API_TOKEN: "old", COPY: secret, URL: `https://u:${secret}@x/`, A: "b" }),
    );
    expect(Object.fromEntries(stand.interception.maskEnvironment(environment))).toEqual({
      API_TOKEN: placeholder,
      COPY: placeholder,
      URL: `https://u:${placeholder}@x/`,
      A: "b",
    });
  });
});

describe("another policy", () => {
  it("ends what went with a credential that it does not give any more", async () => {
    const origin = await openSecureOrigin(undefined, "good.test", (_, socket) => {
      socket.write(`${agreeToWebSocket}\r\nopen`);
    });
    const stand = await openIntercepting(policyFor([origin.port], { credentials: bound(origin.port) }));
    const authority = `good.test:${origin.port}`;
    const upgrade = get("/v1/ws", authority, askForWebSocket);
    const wire = (await SecureWire.open(stand, authority)).send(upgrade);
    await wire.untilText("open");
    stand.gate.update(policyFor([origin.port], { credentials: bound(origin.port) }));
    stand.door.update();
    expect(wire.isClosed).toBe(false);
    stand.gate.update(policyFor([origin.port]));
    stand.door.update();
    await wire.untilClosed();
  });

  it("gives a credential of its own once that has been read, and nobody else's before", async () => {
    const origin = await openSecureOrigin();
    const sources = { environment: { TOKEN: secret, SECOND: "second-secret-0123456789" } };
    const stand = await openIntercepting(policyFor([origin.port], { credentials: bound(origin.port) }), { sources });
    const authority = `good.test:${origin.port}`;
    const next = policyFor([origin.port], { credentials: bound(origin.port, { from: "env:SECOND" }) });
    stand.gate.update(next);
    stand.door.update();
    const wire = await SecureWire.open(stand, authority);
    await wire.send(get("/v1/a", authority, "Authorization: mine\r\n")).untilText("GET /v1/a");
    await stand.interception.adopt(next);
    await wire.send(get("/v1/b", authority)).untilText("GET /v1/b");
    expect(origin.seen.map(({ headers }) => headers.authorization)).toEqual([
      "mine",
      "Bearer second-secret-0123456789",
    ]);
  });
});

it("the bundle holds the run's authority and neither the world's nor a key", async () => {
  const stand = await openIntercepting(policyFor([443], { credentials: bound(443) }));
  const bundle = stand.interception.caBundle([]);
  expect(bundle.match(/BEGIN CERTIFICATE/g)?.length).toBeGreaterThan(50);
  expect(bundle).not.toContain("PRIVATE");
  expect(bundle).not.toContain((await worldAuthority()).cert.trim());
});
