import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { newKeyPair } from "../../../src/requirements/bundle/signature.ts";
import { refusal } from "../../config/stage.ts";
import { bundle, bundleStand, day, today } from "./stand.ts";

const denying = (path: string): string => `[permissions.filesystem]\ndeny_read = ["${path}"]`;

/** A newer one is due, and has not been for long. */
const soon = today + 5_400_000;

describe("a signed bundle", () => {
  it("is fetched, verified, kept, and used from there without the server", async () => {
    const stand = await bundleStand();
    stand.serve({ body: bundle(3, denying("/srv/secret")), etag: '"three"' });
    const first = await stand.load();
    expect(first.sources.map(({ kind }) => kind)).toEqual(["system", "bundle"]);
    expect(first.kept("permissions.filesystem.deny_read")[0]?.value).toEqual(["/srv/secret"]);
    const asked = stand.seen.length;
    stand.serve({ status: 500, body: Buffer.from("") });
    const again = await stand.load({ now: today + 60_000 });
    expect(again.kept("permissions.filesystem.deny_read")[0]?.value).toEqual(["/srv/secret"]);
    expect(stand.seen.length).toBe(asked);
    expect(first.validUntil).toBe(today + 3_600_000);
  });

  it("is looked for anew in the background; what is found counts from the next start on", async () => {
    const stand = await bundleStand();
    stand.serve({ body: bundle(3, denying("/srv/old")), etag: '"three"' });
    await stand.load();
    stand.serve({ body: bundle(4, denying("/srv/new")), etag: '"four"' });
    const meanwhile = await stand.load({ now: soon });
    expect(meanwhile.kept("permissions.filesystem.deny_read")[0]?.value).toEqual(["/srv/old"]);
    await meanwhile.refreshed;
    const next = await stand.load({ now: soon });
    expect(next.kept("permissions.filesystem.deny_read")[0]?.value).toEqual(["/srv/new"]);
  });

  it("is not sent again while its tag is the same", async () => {
    const stand = await bundleStand();
    stand.serve({ body: bundle(3), etag: '"three"' });
    await stand.load();
    await (
      await stand.load({ now: soon })
    ).refreshed;
    expect(stand.seen.at(-1)?.headers["if-none-match"]).toBe('"three"');
    expect((await stand.load({ now: soon + 1000 })).refreshed).toBeNull();
  });

  it("holds while a newer one is no good, and the next start says so", async () => {
    const stand = await bundleStand();
    stand.serve({ body: bundle(3, denying("/srv/old")) });
    await stand.load();
    stand.serve({ body: bundle(2) });
    await (
      await stand.load({ now: soon })
    ).refreshed;
    const next = await stand.load({ now: soon });
    expect(next.warnings).toEqual([expect.stringMatching(/serial 2 is lower than 3.*serial 3 holds/)]);
    expect(next.kept("permissions.filesystem.deny_read")[0]?.value).toEqual(["/srv/old"]);
    await next.refreshed;
  });

  it("is waited for when nobody has had an answer for a while, once, and not again while there is none", async () => {
    const stand = await bundleStand();
    stand.serve({ body: bundle(3, denying("/srv/old")) });
    await stand.load();
    stand.serve({ status: 503, body: Buffer.from("") });
    const vain = await stand.load({ now: today + day });
    expect([vain.refreshed, vain.warnings.length, stand.seen.length]).toEqual([null, 1, 2]);
    expect(vain.kept("permissions.filesystem.deny_read")[0]?.value).toEqual(["/srv/old"]);
    stand.serve({ body: bundle(4, denying("/srv/new")) });
    const next = await stand.load({ now: today + day + 1000 });
    expect(next.kept("permissions.filesystem.deny_read")[0]?.value).toEqual(["/srv/old"]);
    await next.refreshed;
    stand.serve({ body: bundle(5, denying("/srv/newest")) });
    const later = await stand.load({ now: today + 2 * day });
    expect(later.kept("permissions.filesystem.deny_read")[0]?.value).toEqual(["/srv/newest"]);
  });

  it("does not count for another machine or account: the kept file is sealed", async () => {
    const stand = await bundleStand();
    stand.serve({ body: bundle(3) });
    await stand.load();
    const folder = join(stand.root, "state");
    const file = join(folder, readdirSync(folder)[0] ?? "");
    writeFileSync(file, readFileSync(file, "utf8").replace('"failure":null', '"failure":"x"'));
    stand.serve({ status: 503, body: Buffer.from("") });
    expect(await refusal(() => stand.load())).toMatchObject({ code: "requirements_fetch", statusCode: 503 });
  });
});

describe("nothing runs", () => {
  const other = newKeyPair();
  const changed = bundle(3);
  changed.write("X", changed.length - 2);
  it.each<[string, Buffer, string, RegExp]>([
    [
      "with a bundle of another key",
      bundle(3, "", undefined, other.privateKey),
      "requirements_signature",
      /not signed with the key/,
    ],
    ["with other bytes than were signed", changed, "requirements_signature", /not signed with the key/],
    [
      "with plain requirements",
      Buffer.from("serial = 1\n"),
      "requirements_signature",
      /does not start with a signature/,
    ],
    [
      "with a bundle of the past",
      bundle(3, "", "2026-05-01T00:00:00Z"),
      "requirements_expired",
      /good until 2026-05-01/,
    ],
    ["with a bundle for others", bundle(3, 'audience = "others"'), "requirements_signature", /is for "others"/],
    [
      "with an unknown key in it",
      bundle(3, 'allowed_sandbox_mode = ["read-only"]'),
      "requirements_schema",
      /allowed_sandbox_modes/,
    ],
    [
      "with another source in it",
      bundle(3, 'requirements_source = { url = "https://x", public_key = "y" }'),
      "requirements_schema",
      /counts only in the system's own/,
    ],
  ])("%s", async (_, body, code, message) => {
    const stand = await bundleStand();
    stand.serve({ body });
    const error = await refusal(() => stand.load());
    expect([error.code, error.message]).toEqual([code, expect.stringMatching(message)]);
    stand.serve({ body: bundle(3) });
    await expect(stand.load()).resolves.toMatchObject({ warnings: [] });
  });

  it("without a bundle and without an answer, with the status of the server's", async () => {
    const stand = await bundleStand();
    expect(await refusal(() => stand.load())).toMatchObject({ code: "requirements_fetch", statusCode: 404 });
    stand.serve({ status: 302, body: Buffer.from("") });
    expect(await refusal(() => stand.load())).toMatchObject({ code: "requirements_fetch", statusCode: 302 });
  });

  it("with a server that nobody vouches for, whatever the environment says", async () => {
    const stand = await bundleStand();
    stand.serve({ body: bundle(3) });
    writeFileSync(stand.systemFile, readFileSync(stand.systemFile, "utf8").replace(/ca_file.*/, ""));
    process.env["NODE_TLS_REJECT_UNAUTHORIZED"] = "0";
    try {
      expect(await refusal(() => stand.load())).toMatchObject({ code: "requirements_fetch", statusCode: null });
    } finally {
      delete process.env["NODE_TLS_REJECT_UNAUTHORIZED"];
    }
  });

  it("when the kept bundle is out of date and there is no newer one", async () => {
    const stand = await bundleStand();
    stand.serve({ body: bundle(3) });
    await stand.load();
    stand.serve({ status: 500, body: Buffer.from("") });
    const later = today + 60 * day;
    expect(await refusal(() => stand.load({ now: later }))).toMatchObject({
      code: "requirements_expired",
      statusCode: 500,
    });
    stand.serve({ body: bundle(2, "", "2027-01-01T00:00:00Z") });
    expect((await refusal(() => stand.load({ now: later }))).code).toBe("requirements_rollback");
    stand.serve({ body: bundle(4, "", "2027-01-01T00:00:00Z") });
    await expect(stand.load({ now: later })).resolves.toBeDefined();
  });

  it("when two bundles have one serial", async () => {
    const stand = await bundleStand();
    stand.serve({ body: bundle(3) });
    await stand.load();
    stand.serve({ body: bundle(3, 'support_contact = "x"', "2027-01-01T00:00:00Z") });
    expect((await refusal(() => stand.load({ now: today + 60 * day }))).code).toBe("requirements_rollback");
  });

  it("when the serial is below the system file's", async () => {
    const stand = await bundleStand("", "min_serial = 5");
    stand.serve({ body: bundle(4) });
    expect((await refusal(() => stand.load())).code).toBe("requirements_rollback");
    stand.serve({ body: bundle(5) });
    await expect(stand.load()).resolves.toBeDefined();
  });

  it("when the clock was set back", async () => {
    const stand = await bundleStand();
    stand.serve({ body: bundle(3) });
    await stand.load();
    expect((await refusal(() => stand.load({ now: today - day }))).code).toBe("requirements_rollback");
    await expect(stand.load({ now: today - 1000 })).resolves.toBeDefined();
  });
});
