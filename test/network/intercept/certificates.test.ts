import { execFileSync } from "node:child_process";
import { X509Certificate } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { inspect } from "node:util";
import { describe, expect, it, onTestFinished } from "vitest";
import { makeAuthority } from "../../../src/network/intercept/certificates.ts";
import { systemCertificates } from "../../../src/network/intercept/trust.ts";

function files(contents: Readonly<Record<string, string>>): (name: string) => string {
  const folder = mkdtempSync(join(tmpdir(), "sandboxed-ca-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  for (const [name, text] of Object.entries(contents)) writeFileSync(join(folder, name), text);
  return (name) => join(folder, name);
}

/** What openssl says of it under its strict rules. */
function verified(authority: string, leaf: string, ...options: readonly string[]): string {
  const path = files({ ca: authority, leaf });
  const strict = ["verify", "-x509_strict", "-purpose", "sslserver", "-CAfile", path("ca"), ...options, path("leaf")];
  try {
    return execFileSync("openssl", strict, { encoding: "utf8", stdio: "pipe" }).replace(path("leaf"), "leaf").trim();
  } catch {
    return "refused";
  }
}

describe("the authority of a run", () => {
  it.each([
    ["good.test", ["-verify_hostname", "good.test"]],
    ["192.0.2.1", ["-verify_ip", "192.0.2.1"]],
    ["2001:db8::1", ["-verify_ip", "2001:db8::1"]],
    ["xn--bcher-kva.test", ["-verify_hostname", "xn--bcher-kva.test"]],
    [`${"a".repeat(60)}.${"b".repeat(60)}.test`, ["-verify_hostname", `${"a".repeat(60)}.${"b".repeat(60)}.test`]],
  ])("certifies %s, and openssl agrees when it is strict", async (host, options) => {
    const authority = await makeAuthority(1);
    expect(verified(authority.cert, authority.issue(host).cert, ...options)).toBe("leaf: OK");
    expect(verified(authority.cert, authority.issue(host).cert, "-verify_hostname", "evil.test")).toBe("refused");
    expect(verified((await makeAuthority(1)).cert, authority.issue(host).cert)).toBe("refused");
  });

  it("is short-lived, of one run, and makes no further authorities", async () => {
    const authority = await makeAuthority(2);
    const own = new X509Certificate(authority.cert);
    const leaf = new X509Certificate(authority.issue("good.test").cert);
    expect(Date.parse(own.validTo) - Date.now()).toBeLessThanOrEqual(2 * 3_600_000);
    expect(leaf.validTo).toBe(own.validTo);
    expect([own.ca, leaf.ca]).toEqual([true, false]);
    const other = new X509Certificate((await makeAuthority(2)).cert);
    expect(other.fingerprint256).not.toBe(own.fingerprint256);
    expect(other.subject).not.toBe(own.subject);
    expect(authority.issue("good.test").cert).not.toBe(authority.issue("good.test").cert);
    expect(leaf.keyUsage).toEqual(["1.3.6.1.5.5.7.3.1"]);
    expect(own.publicKey.asymmetricKeyDetails?.namedCurve).toBe("prime256v1");
  });

  it("ends", async () => {
    const over = await makeAuthority(-0.01);
    expect(verified(over.cert, over.issue("good.test").cert)).toBe("refused");
  });

  it("keeps its key to itself", async () => {
    const authority = await makeAuthority(1);
    expect(inspect(authority, { depth: Infinity, showHidden: true })).not.toContain("PRIVATE");
    const leaf = authority.issue("good.test");
    const { publicKey } = new X509Certificate(authority.cert);
    expect(new X509Certificate(leaf.cert).publicKey.equals(publicKey)).toBe(false);
  });
});

describe("the system's certificates", () => {
  it("come from the first file that has any, without anything else in it", async () => {
    const authority = await makeAuthority(1);
    const { cert } = authority;
    const path = files({ empty: "", bundle: `# words\n${cert}\n${authority.issue("x.test").key}\n${cert}` });
    const found = systemCertificates([path("missing"), path("empty"), path("bundle")]);
    expect(found).toEqual([cert.trim(), cert.trim()]);
    expect(systemCertificates([path("missing")]).length).toBeGreaterThan(50);
  });
});
