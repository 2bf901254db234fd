import { X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import { beforeAll, describe, expect, it } from "vitest";
import type { Stage } from "../stage/index.ts";
import { stagedWorld } from "../stage/staged-world.ts";
import { noWorld } from "../stage/world.ts";

/** A rule that looks inside of TLS, so that the run has an authority of its own. */
const words = [
  "-c",
  'permissions.mine.extends=":isolated"',
  "-c",
  'permissions.mine.network.domains={ "good.test" = "allow" }',
  "-c",
  'permissions.mine.network.http={ "good.test" = { methods = ["GET"], paths = ["/**"] } }',
  "-P",
  "mine",
];

/** What it is told to trust, what the server showed of itself, and every private key that can be read anywhere. */
const SCRIPT = `
import os, socket, ssl, subprocess
trusted = os.environ["SSL_CERT_FILE"]
print("TRUSTED"); print(open(trusted).read())
print("SHOWN")
lax = ssl.create_default_context(); lax.check_hostname = False; lax.verify_mode = ssl.CERT_NONE
with lax.wrap_socket(socket.create_connection(("good.test", 443)), server_hostname="good.test") as s:
    print(ssl.DER_cert_to_PEM_cert(s.getpeercert(True)))
    s.sendall(b"GET /seen HTTP/1.1\\r\\nHost: good.test\\r\\nConnection: close\\r\\n\\r\\n")
    print("ANSWER", s.recv(4096).split(b" ")[1].decode())
print("KEYS", flush=True)
open("planted.pem", "w").write("-----BEGIN " + "PRIVATE KEY-----")
places = ["/dev/sandboxed-trust.pem", os.path.dirname(trusted), os.getcwd(), os.environ["HOME"], "/tmp", "/dev/shm", "/run", "/etc"]
subprocess.run(["grep", "-rlsI", "--devices=skip", "BEGIN [A-Z ]*PRIVATE KEY", *places])
for pid in filter(str.isdigit, os.listdir("/proc")):
    for name in ("environ", "cmdline"):
        try:
            if b"BEGIN " + b"PRIVATE KEY" in open("/proc/%s/%s" % (pid, name), "rb").read(1 << 20): print("/proc", pid, name)
        except OSError: pass
`;

interface Seen {
  readonly authorities: readonly X509Certificate[];
  readonly shown: X509Certificate;
  readonly answer: string;
  readonly keys: readonly string[];
}

const certificates = (text: string): readonly X509Certificate[] =>
  (text.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? []).map(
    (pem) => new X509Certificate(pem),
  );

const ofHost = (): string => readFileSync("/etc/ssl/certs/ca-certificates.crt", "utf8");

function look(stage: Stage): Seen {
  const { status, stdout, stderr } = stage.python(SCRIPT, words);
  expect([status, stderr]).toEqual([0, ""]);
  const [, trusted = "", shown = "", keys = ""] = stdout.split(/^(?:TRUSTED|SHOWN|KEYS)$/m);
  const [leaf] = certificates(shown);
  if (leaf === undefined) throw new Error(stdout);
  return {
    authorities: certificates(trusted).filter(({ subject }) => subject.includes("one run alone")),
    shown: leaf,
    answer: /^ANSWER (.*)$/m.exec(shown)?.[1] ?? "",
    keys: [...new Set(keys.trim().split("\n"))],
  };
}

describe.skipIf(noWorld !== null)("N49: the authority that a run's TLS is read by", () => {
  let stage: Stage;
  let one: Seen;
  let two: Seen;
  let before = "";
  stagedWorld((made) => ({ stage } = made));
  beforeAll(() => {
    before = ofHost();
    one = look(stage);
    two = look(stage);
  });

  it("has a key that nothing inside can read; a key that lies there is found", () => {
    for (const { keys } of [one, two]) expect(keys).toEqual([expect.stringMatching(/\/planted\.pem$/)]);
  });

  it("is another one for each run, and vouches for its own run alone", () => {
    const [first, another, ...more] = [...one.authorities, ...two.authorities];
    if (first === undefined || another === undefined) throw new Error("no authority");
    expect(more).toEqual([]);
    expect(first.publicKey.equals(another.publicKey)).toBe(false);
    expect([one.shown.verify(first.publicKey), two.shown.verify(another.publicKey)]).toEqual([true, true]);
    expect([one.shown.verify(another.publicKey), two.shown.verify(first.publicKey)]).toEqual([false, false]);
    expect([one.answer, two.answer]).toEqual(["200", "200"]);
  });

  it("is good for a day, and in no store of the machine", () => {
    for (const { authorities } of [one, two])
      for (const { validTo } of authorities) expect(Date.parse(validTo) - Date.now()).toBeLessThan(25 * 3_600_000);
    expect(ofHost()).toBe(before);
  });
});
