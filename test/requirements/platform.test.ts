import { describe, expect, it } from "vitest";
import { platformReader } from "../../src/requirements/platform.ts";
import type { PolicyStore } from "../../src/requirements/platform.ts";
import { readPlist } from "../../src/requirements/plist.ts";
import { refusal } from "../config/stage.ts";
import { encode, required } from "./stage.ts";

const text = 'audit = "required"\n';
const value = encode(text);

/** A store that holds only this. */
function store(over: Partial<PolicyStore>): PolicyStore {
  return { readSystemBytes: () => null, ask: () => ({ status: 1, output: "" }), ...over };
}

function xml(body: string): Buffer {
  return Buffer.from(`<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">
<plist version="1.0"><dict>${body}</dict></plist>\n`);
}

/** `plutil -convert binary1` of a table of strings, written by hand after Apple's CFBinaryPList.c. */
function binary(table: Readonly<Record<string, string>>, wide = false): Buffer {
  const words = [...Object.keys(table), ...Object.values(table)];
  const objects = words.map((word) => {
    const bytes = wide ? Buffer.from(word, "utf16le").swap16() : Buffer.from(word, "latin1");
    const head = Buffer.alloc(4);
    head.writeUInt8((wide ? 0x60 : 0x50) | 0xf);
    head.writeUInt8(0x11, 1);
    head.writeUInt16BE(word.length, 2);
    return Buffer.concat([head, bytes]);
  });
  const count = Object.keys(table).length;
  const top = Buffer.from([0xd0 | count, ...words.map((_, index) => index + 1)]);
  const all = [top, ...objects];
  const starts = all.map((_, index) => all.slice(0, index).reduce((sum, { length }) => sum + length, 8));
  const offsets = Buffer.alloc(starts.length * 2);
  starts.forEach((start, index) => offsets.writeUInt16BE(start, index * 2));
  const trailer = Buffer.alloc(32);
  trailer.writeUInt8(2, 6);
  trailer.writeUInt8(1, 7);
  trailer.writeBigUInt64BE(BigInt(all.length), 8);
  trailer.writeBigUInt64BE(BigInt(all.reduce((sum, { length }) => sum + length, 8)), 24);
  return Buffer.concat([Buffer.from("bplist00"), ...all, offsets, trailer]);
}

describe("the managed preference of macOS", () => {
  const reader = platformReader("darwin");
  const key = "requirements_toml_base64";
  it.each<[string, Buffer]>([
    ["as XML", xml(`<key>${key}</key><string>${value}</string>`)],
    ["as XML, wrapped, as data", xml(`<key>${key}</key>\n<data>\n${value}\n</data>`)],
    [
      "beside others",
      xml(
        `<key>a</key><true/><key>b</key><dict><key>${key}</key><string>x</string></dict><key>${key}</key><string>${value}</string>`,
      ),
    ],
    ["as binary", binary({ other: "x", [key]: value })],
    ["as binary, in UTF-16", binary({ [key]: value }, true)],
  ])("is read %s", (_, bytes) => {
    const paths: string[] = [];
    const read = reader?.read(store({ readSystemBytes: (path) => (paths.push(path), bytes) }));
    expect(read).toMatchObject({ kind: "macos", text });
    expect(paths).toEqual(["/Library/Managed Preferences/com.sandboxed-run.plist"]);
  });

  it("need not be there", () => {
    expect(reader?.read(store({}))).toBeNull();
    expect(reader?.read(store({ readSystemBytes: () => xml("<key>other</key><string>x</string>") }))).toBeNull();
  });

  it.each<[string, Buffer]>([
    ["something else", Buffer.from("hello")],
    ["cut off", binary({ [key]: value }).subarray(0, 60)],
    ["without its trailer", Buffer.from("bplist00")],
    ["with the key twice", xml(`<key>${key}</key><string>${value}</string><key>${key}</key><string>eA==</string>`)],
    ["with entities of its own", xml(`<!ENTITY x "y"><key>${key}</key><string>&x;</string>`)],
    ["no base64", xml(`<key>${key}</key><string>####</string>`)],
  ])("is refused when it is %s", async (_, bytes) => {
    const error = await refusal(() => reader?.read(store({ readSystemBytes: () => bytes })));
    expect(error.code).toBe("requirements_parse");
  });

  it("never hangs on what somebody made up", () => {
    for (let at = 8; at < 90; at++) {
      const bytes = binary({ [key]: "value" });
      bytes.writeUInt8(0xff, Math.min(at, bytes.length - 1));
      expect(() => {
        try {
          readPlist(bytes, "x");
        } catch (error) {
          expect(error).toMatchObject({ code: "requirements_parse" });
        }
      }).not.toThrow();
    }
  });
});

describe("the policy key of Windows", () => {
  const reader = platformReader("win32");
  const answer = (line: string): string =>
    `\r\nHKEY_LOCAL_MACHINE\\SOFTWARE\\Policies\\sandboxed-run\r\n${line}\r\n\r\n`;
  const asking = (status: number, output: string) => () => reader?.read(store({ ask: () => ({ status, output }) }));

  it("is read, from the machine's part of the registry", () => {
    const asked: string[] = [];
    const ask = (_: string, words: readonly string[]) => {
      asked.push(...words);
      return { status: 0, output: answer(`    requirements_toml_base64    REG_SZ    ${value}`) };
    };
    expect(reader?.read(store({ ask }))).toMatchObject({ kind: "windows", text });
    expect(asked[1]).toBe("HKLM\\SOFTWARE\\Policies\\sandboxed-run");
  });

  it("need not be there", () => {
    expect(asking(1, "")()).toBeNull();
  });

  it.each([
    ["another type", 0, answer(`    requirements_toml_base64    REG_DWORD    0x1`), "requirements_permissions"],
    ["no answer", 0, "", "requirements_permissions"],
    ["another failure", 5, "", "requirements_permissions"],
    ["an empty value", 0, answer("    requirements_toml_base64    REG_SZ    #"), "requirements_parse"],
  ])("is refused with %s", async (_, status, output, code) => {
    expect((await refusal(asking(status, output))).code).toBe(code);
  });
});

describe("a platform's store", () => {
  it("ranks above the system file and below what a user gives", async () => {
    const plist = xml(
      `<key>requirements_toml_base64</key><string>${encode('support_contact = "mdm@example.com"')}</string>`,
    );
    const how = { platform: "darwin", store: store({ readSystemBytes: () => plist }) } as const;
    const { sources, supportContact } = await required(
      { system: 'support_contact = "file@example.com"', variable: text },
      how,
    );
    expect(sources.map(({ kind }) => kind)).toEqual(["system", "macos", "variable"]);
    expect(supportContact).toBe("mdm@example.com");
  });

  it("is none on Linux, which has its file", async () => {
    expect(platformReader("linux")).toBeNull();
    await expect(required({}, { platform: "linux" })).resolves.toMatchObject({ sources: [] });
  });

  it("that cannot be asked is never skipped", async () => {
    expect((await refusal(() => required({}, { platform: "win32" }))).code).toBe("requirements_permissions");
    await expect(required({}, { platform: "win32", store: store({}) })).resolves.toMatchObject({ sources: [] });
  });
});
