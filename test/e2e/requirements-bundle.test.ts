import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { signBundle } from "../../src/requirements/bundle/signature.ts";
import { worldAuthority } from "../network/intercept/stand.ts";
import { RequiringMachine } from "../stage/required.ts";
import type { Result } from "../stage/index.ts";

/** Serves what stands in a folder, over TLS; a file that is not there is an answer as well. */
const serving = `
  const { readFileSync } = require("node:fs");
  const [folder] = process.argv.slice(1);
  const read = (name) => readFileSync(folder + "/" + name);
  const server = require("node:https").createServer({ key: read("key.pem"), cert: read("cert.pem") }, (_, response) => {
    let body = null;
    try { body = read("served"); } catch {}
    response.writeHead(body === null ? 503 : 200);
    response.end(body);
  });
  server.listen(0, "127.0.0.1", () => console.log(server.address().port));
`;

let machine: RequiringMachine;
let server: ChildProcess;
let port: number;
let publicKey: string;

const at = (name: string): string => join(machine.stage.folder, name);
const inTime = (ms: number): string => new Date(Date.now() + ms).toISOString();
const denying = (): string => `[permissions.filesystem]\ndeny_read = ["${machine.stage.outside}"]\n`;

beforeAll(async () => {
  machine = new RequiringMachine();
  // The account's home is on the stage: what is kept of bundles is kept there, whatever HOME says.
  writeFileSync(join(machine.folder, "../passwd"), `root:x:0:0:root:${at("account")}:/bin/sh\n`);
  const { key, cert } = (await worldAuthority()).issue("localhost");
  writeFileSync(at("key.pem"), key);
  writeFileSync(at("cert.pem"), cert);
  writeFileSync(join(machine.folder, "ca.pem"), (await worldAuthority()).cert);
  server = spawn(process.execPath, ["-e", serving, machine.stage.folder], { stdio: ["ignore", "pipe", "inherit"] });
  const [said] = await once(server.stdout ?? process.stdin, "data");
  port = Number(String(said));
  const { stdout } = machine.stage.sandboxed(["requirements", "keygen", at("signing.pem"), "--json"]);
  ({ publicKey } = JSON.parse(stdout));
});

afterAll(() => {
  server.kill("SIGKILL");
  machine.remove();
});

beforeEach(() => {
  rmSync(at("account"), { recursive: true, force: true });
  machine.require(system());
});

function system(before = "", more = 'audience = "laptops"\n'): string {
  const address = `url = "https://localhost:${port}/requirements.bundle"\npublic_key = "${publicKey}"\n`;
  return `${before}\n[requirements_source]\n${address}ca_file = "/etc/sandboxed/ca.pem"\n${more}`;
}

/** Has it served, signed as `requirements sign` does. */
function publish(serial: number, expires: string, text = denying(), audience = "laptops"): void {
  const content = `serial = ${serial}\nexpires = ${expires}\naudience = "${audience}"\n${text}`;
  writeFileSync(at("bundle.toml"), content);
  writeFileSync(at("served"), signBundle(Buffer.from(content), readFileSync(at("signing.pem"), "utf8")).bundle);
}

const kept = (): string => join(at("account"), ".local/state/sandboxed/requirements");
const read = (environment: Readonly<Record<string, string>> = {}): Result =>
  machine.stage.sh(`cat ${machine.stage.outside}/victim`, ["-r", machine.stage.outside], { environment });
const held = (result: Result) => [result.stdout, result.stderr.includes(`https://localhost:${port}/`)];

describe("requirements_source", () => {
  it("binds a run by the bundle, with its line, also when the server is gone or a variable moves the state", () => {
    publish(3, inTime(3_600_000));
    const words = ["requirements", "sign", at("bundle.toml"), "--key", at("signing.pem"), "--output", at("signed")];
    expect(machine.stage.sandboxed(words).status).toBe(0);
    expect(readFileSync(at("signed"))).toEqual(readFileSync(at("served")));
    const first = read();
    expect(held(first)).toEqual(["", true]);
    expect(first.stderr).toContain("/requirements.bundle:5");
    rmSync(at("served"));
    expect(held(read())).toEqual(["", true]);
    for (const name of ["HOME", "XDG_STATE_HOME", "SANDBOXED_HOME"]) {
      expect([name, ...held(read({ [name]: at(`moved-${name}`) }))]).toEqual([name, "", true]);
    }
    machine.require(null);
    expect(read().stdout).toBe("untouched\n");
  });

  const refusals: readonly (readonly [what: string, act: () => void, says: string])[] = [
    ["nothing was fetched and nothing can be", () => rmSync(at("served"), { force: true }), "answered with status 503"],
    ["expires is past", () => publish(3, inTime(-1000)), "were good until"],
    ["audience is another", () => publish(3, inTime(3_600_000), "", "servers"), "laptops"],
    [
      "serial is below min_serial",
      () => (publish(3, inTime(3_600_000)), machine.require(system("min_serial = 4"))),
      "serial 3 is below 4",
    ],
    [
      "the signature is over other bytes",
      () => {
        publish(3, inTime(3_600_000));
        const bytes = readFileSync(at("served"), "latin1");
        writeFileSync(at("served"), bytes.replace(machine.stage.outside, `${machine.stage.outside}x`), "latin1");
      },
      "is not signed with the key",
    ],
    [
      "what is kept was written by somebody else, and the server is gone",
      () => {
        publish(3, inTime(3_600_000));
        expect(held(read())).toEqual(["", true]);
        rmSync(at("served"));
        for (const name of readdirSync(kept())) {
          const [, body = ""] = readFileSync(join(kept(), name), "utf8").split("\n");
          writeFileSync(join(kept(), name), `${"0".repeat(64)}\n${body}\n`, { mode: 0o600 });
        }
      },
      "answered with status 503",
    ],
  ];
  it.each(refusals)("starts nothing when %s", (_, act, says) => {
    act();
    const { status, stdout, stderr } = read();
    expect([status, stdout, stderr]).toEqual([125, "", expect.stringContaining(says)]);
    machine.require(system());
    rmSync(at("account"), { recursive: true, force: true });
    publish(5, inTime(3_600_000), "");
    expect(read().stdout).toBe("untouched\n");
  });

  it("goes back to no older bundle that a server serves, and on to a newer one however short the runs are", () => {
    for (const [serial, stdout, says] of [
      [3, "", /serial 3 is (?:lower than|below) 4/],
      [5, "untouched\n", /^$/],
    ] as const) {
      rmSync(at("account"), { recursive: true, force: true });
      machine.require(system("", 'audience = "laptops"\nrefresh = "1ms"\n'));
      publish(4, inTime(3_600_000));
      expect(held(read())).toEqual(["", true]);
      publish(serial, inTime(3_600_000), "");
      const next = read();
      expect([next.stdout, next.stderr]).toEqual([stdout, expect.stringMatching(says)]);
    }
  });
});
