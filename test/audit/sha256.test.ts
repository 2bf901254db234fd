import { createHash } from "node:crypto";
import { describe, expect, it } from "vitest";
import { smallSha256 } from "../../src/audit/sha256.ts";

const byCrypto = (data: Uint8Array): string => createHash("sha256").update(data).digest("hex");

describe("the digest without the crypto module", () => {
  it("is the published one", () => {
    expect(smallSha256(Buffer.from("abc"))).toBe("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  });

  it("is the module's, whatever the length and the bytes", () => {
    const bytes = Uint8Array.from({ length: 1000 }, (_, index) => (index * 167 + (index >> 3)) & 0xff);
    for (let length = 0; length <= bytes.length; length++) {
      expect(smallSha256(bytes.subarray(bytes.length - length))).toBe(byCrypto(bytes.subarray(bytes.length - length)));
    }
  });
});
