import { afterEach, describe, expect, it, vi } from "vitest";
import { makeAuthority } from "../../../src/network/intercept/certificates.ts";
import { openOrigin, openSink } from "../door/stand.ts";
import { get, openIntercepting, openSecureOrigin, policyFor, SecureWire, worldAuthority } from "./stand.ts";

const limited = { http: { "good.test": { paths: ["/open/**"] } } };

afterEach(() => vi.unstubAllEnvs());

async function answerOf(port: number, trust?: readonly string[]): Promise<string> {
  const stand = await openIntercepting(policyFor([port], limited), {
    limits: { connectTime: 1000 },
    ...(trust && { trust }),
  });
  const authority = `good.test:${port}`;
  const wire = (await SecureWire.open(stand, authority)).send(get("/open/x", authority));
  const text = await wire.until((one) => one.text.endsWith("}\n") || one.text.endsWith("/open/x") || one.isClosed);
  return `${text.slice(9, 12)} ${/"reason":"(\w+)"/.exec(text)?.[1]} ${/\((\w+)\)/.exec(text)?.[1]}`;
}

describe("the server of a request", () => {
  it("is verified: answered with a trusted certificate for the name", async () => {
    const origin = await openSecureOrigin();
    expect(await answerOf(origin.port)).toMatch(/^200/);
  });

  it.each([
    ["for another name", async () => (await worldAuthority()).issue("evil.test"), "ERR_TLS_CERT_ALTNAME_INVALID"],
    ["for a name below", async () => (await worldAuthority()).issue("a.good.test"), "ERR_TLS_CERT_ALTNAME_INVALID"],
    ["of an unknown authority", async () => (await makeAuthority(1)).issue("good.test"), "SELF_SIGNED_CERT_IN_CHAIN"],
    ["of the run's own kind", async () => (await makeAuthority(24)).issue("good.test"), "SELF_SIGNED_CERT_IN_CHAIN"],
  ])("is refused with a certificate %s, and gets no request", async (_, certificate, code) => {
    const origin = await openSecureOrigin(undefined, await certificate());
    expect(await answerOf(origin.port)).toBe(`502 certificate_untrusted ${code}`);
    expect(origin.seen).toEqual([]);
  });

  it("is refused with a certificate that has ended", async () => {
    const over = await makeAuthority(-0.001);
    const origin = await openSecureOrigin(undefined, over.issue("good.test"));
    expect(await answerOf(origin.port, [over.cert])).toBe("502 certificate_untrusted CERT_HAS_EXPIRED");
  });

  it("is refused whatever the environment says about that", async () => {
    vi.stubEnv("NODE_TLS_REJECT_UNAUTHORIZED", "0");
    const origin = await openSecureOrigin(undefined, (await makeAuthority(1)).issue("good.test"));
    expect(await answerOf(origin.port)).toMatch(/^502 certificate_untrusted/);
    expect(origin.seen).toEqual([]);
  });

  it("is asked over TLS or not at all", async () => {
    const plain = await openOrigin();
    expect(await answerOf(plain.port)).toMatch(/^502 connect_failed/);
    expect(plain.seen).toEqual([]);
    const silent = await openSink();
    expect(await answerOf(silent.port)).toMatch(/^504 connect_timed_out/);
    expect(silent.bytes()).not.toContain("GET");
  });

  it("is not there", async () => {
    expect(await answerOf(1)).toMatch(/^502 connect_failed/);
  });
});
