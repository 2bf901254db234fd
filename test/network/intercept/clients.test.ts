import { execFile } from "node:child_process";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { connect as connectTls } from "node:tls";
import { describe, expect, it, onTestFinished } from "vitest";
import { listen, openSink, pause } from "../door/stand.ts";
import {
  get,
  openIntercepting,
  openSecureOrigin,
  policyFor,
  secret,
  SecureWire,
  type InterceptingStand,
  type SecureOrigin,
} from "./stand.ts";

const run = promisify(execFile);

interface Setting {
  readonly stand: InterceptingStand;
  readonly origin: SecureOrigin;
  readonly bundle: string;
  readonly authority: string;
}

async function setting(): Promise<Setting> {
  const origin = await openSecureOrigin();
  const credentials = {
    API_TOKEN: { host: `good.test:${origin.port}`, header: "Authorization: Bearer {}", from: "env:TOKEN" },
  };
  const http = { "good.test": { methods: ["GET"], paths: ["/open/**"] } };
  const stand = await openIntercepting(policyFor([origin.port], { http, credentials }), {
    originalOf: (address) => (address === "127.0.0.2" ? "good.test" : null),
  });
  const transparent = createServer();
  await listen(transparent, "127.0.0.2", origin.port);
  stand.door.serve(transparent, "transparent");
  const folder = mkdtempSync(join(tmpdir(), "sandboxed-clients-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const bundle = join(folder, "bundle.pem");
  writeFileSync(bundle, stand.interception.caBundle());
  return { stand, origin, bundle, authority: `good.test:${origin.port}` };
}

const clients: readonly (readonly [string, string, (setting: Setting, url: string) => [string, ...string[]]])[] = [
  [
    "curl",
    "/usr/bin/curl",
    ({ stand, bundle }, url) => ["-sS", "-x", `http://127.0.0.1:${stand.port}`, "--cacert", bundle, url],
  ],
  [
    "curl by SOCKS5",
    "/usr/bin/curl",
    ({ stand, bundle }, url) => ["-sS", "-x", `socks5h://127.0.0.1:${stand.port}`, "--cacert", bundle, url],
  ],
  [
    "python's urllib",
    "/usr/bin/python3",
    (_, url) => [
      "-c",
      `import urllib.request, urllib.error
try: print(urllib.request.urlopen("${url}").read().decode())
except urllib.error.HTTPError as e: print(e.read().decode())`,
    ],
  ],
  [
    "node's fetch, which knows of no proxy",
    process.execPath,
    (_, url) => [
      "-e",
      `require("dns").lookup = (name, options, done) => done(null, [{ address: "127.0.0.2", family: 4 }]);
fetch("${url}").then((answer) => answer.text()).then(console.log);`,
    ],
  ],
];

describe.each(clients)("%s", (_, program, args) => {
  it.skipIf(!existsSync(program))(
    "reads what is allowed, is told what is not, and never meets the credential",
    async () => {
      const all = await setting();
      const env = {
        HTTPS_PROXY: `http://127.0.0.1:${all.stand.port}`,
        SSL_CERT_FILE: all.bundle,
        NODE_EXTRA_CA_CERTS: all.bundle,
      };
      const ask = async (path: string): Promise<string> =>
        (await run(program, args(all, `https://${all.authority}${path}`), { env, timeout: 20_000 })).stdout;
      expect(await ask("/open/a")).toContain("GET /open/a");
      expect(await ask("/closed")).toContain('"reason":"path_not_allowed"');
      expect(all.origin.seen.map(({ url, headers }) => `${url} ${headers.authorization}`)).toEqual([
        `/open/a Bearer ${secret}`,
      ]);
    },
  );
});

describe("a connection that believes to have reached its server", () => {
  it("is read as well", async () => {
    const { stand, authority } = await setting();
    const port = Number(authority.split(":")[1]);
    const ca = stand.interception.caBundle([]);
    const wire = new SecureWire(connectTls({ host: "127.0.0.2", port, servername: "good.test", ca }));
    await wire.send(get("/open/x", authority)).untilText("GET /open/x");
    await wire.send(get("/closed", authority)).untilText("path_not_allowed");
    expect(wire.socket.authorized).toBe(true);
  });
});

describe("what is open inside of TLS", () => {
  it("ends when the policy changes, and when the door closes", async () => {
    let finish = (): void => {};
    const origin = await openSecureOrigin((_, response) => {
      response.write("begun");
      finish = () => void response.end();
    });
    const http = { "good.test": { paths: ["/open/**"] } };
    const stand = await openIntercepting(policyFor([origin.port], { http }));
    const authority = `good.test:${origin.port}`;
    const wire = (await SecureWire.open(stand, authority)).send(get("/open/x", authority));
    const idle = await SecureWire.open(stand, authority);
    await wire.untilText("begun");
    stand.gate.update(policyFor([origin.port], { http: { "good.test": { paths: ["/other"] } } }));
    stand.door.update();
    await wire.untilClosed();
    await pause(20);
    expect(idle.isClosed).toBe(false);
    stand.door.close();
    await idle.untilClosed();
    finish();
  });

  it("counts towards the run's bytes", async () => {
    const origin = await openSecureOrigin((_, response) => response.end(Buffer.alloc(200_000)));
    const http = { "good.test": { paths: ["/**"] } };
    const stand = await openIntercepting(policyFor([origin.port], { http }), { limits: { receivedBytes: 50_000 } });
    const authority = `good.test:${origin.port}`;
    const wire = (await SecureWire.open(stand, authority)).send(get("/x", authority));
    await wire.untilClosed();
    expect(wire.text.length).toBeLessThan(200_000);
    expect(stand.events.map(({ refusal }) => refusal?.reason)).toContain("limit");
  });

  it("is no way to a server that takes anything but TLS", async () => {
    const sink = await openSink((socket) => socket.write("220 hello\r\n"));
    const http = { "good.test": { paths: ["/**"] } };
    const stand = await openIntercepting(policyFor([sink.port], { http }));
    const authority = `good.test:${sink.port}`;
    const wire = (await SecureWire.open(stand, authority)).send(get("/x", authority));
    expect(await wire.untilText("\r\n\r\n")).toMatch(/^HTTP\/1\.1 502/);
    expect(sink.bytes()).not.toContain("/x");
  });
});
