import {
  chmodSync,
  closeSync,
  constants,
  linkSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { execFileSync, spawnSync } from "node:child_process";
import { createServer } from "node:net";
import type { Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { absolutePath } from "../../src/policy/index.ts";
import { saysTheSame } from "../../src/sandbox/linux/recall/answers.ts";
import { notingDisk } from "../../src/sandbox/linux/recall/index.ts";
import type { Answers } from "../../src/sandbox/linux/recall/index.ts";
import { loadStarter, syncInBackground } from "../../src/sandbox/linux/launch/starter.ts";
import { linkNotices } from "../../src/sandbox/linux/run/hard-links.ts";
import { native } from "./launch.ts";

let folder = "";
let server: Server;
const at = (name: string): string => join(folder, name);
const starter = loadStarter(join(native, "sandbox-starter.node"));
if (starter === null) throw new Error("the starter cannot be loaded here");

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "disk-"));
  writeFileSync(at("file"), "text\n");
  writeFileSync(at("accents"), "ä\u{1f600}\n");
  writeFileSync(at("odd"), Buffer.from([0x66, 0xff, 0x0a]));
  writeFileSync(at("zeros"), "a\0b");
  writeFileSync(at("program"), "", { mode: 0o755 });
  writeFileSync(at("large"), "x".repeat(70_000));
  mkdirSync(at("folder"));
  writeFileSync(at("folder/inner"), "");
  symlinkSync("file", at("link"));
  symlinkSync("nowhere", at("dangling"));
  symlinkSync("folder", at("way"));
  execFileSync("mkfifo", [at("fifo")]);
  server = createServer();
  await new Promise<void>((resolve) => server.listen(at("socket"), resolve));
});
afterEach(() => {
  server.close();
  rmSync(folder, { recursive: true, force: true });
});

const names =
  "file accents odd zeros program large folder folder/inner link dangling way way/inner fifo socket missing missing/below file/below".split(
    " ",
  );

/** Everything that can be asked of every name. */
function askedOf(all: readonly string[]): Answers {
  const { disk, answers } = notingDisk();
  for (const name of all) {
    const path = absolutePath(at(name));
    for (const question of ["canonical", "look", "link", "text", "program", "aliases", "covers"] as const)
      disk[question](path);
  }
  disk.list(absolutePath(folder));
  const found = answers([]);
  if (found === null) throw new Error("too much was asked");
  return found;
}

/** The questions that it is not sure of, as they were put. */
function unsure({ asked }: Answers): readonly string[] {
  const words = asked.split("\0");
  return (starter?.unsure(asked) ?? []).map((place) => (words[2 * place] ?? "").replace(folder, ""));
}

describe("what is asked of the disk again", () => {
  it("is all surely the same while nothing changes, but for what is odd", () => {
    // No text, a text that is too long, what hangs in the air: JavaScript has the last word.
    const odd = ["T/large", "T/folder", "T/fifo", "T/socket", "T/way", "T/dangling", "c/dangling", "t/odd"];
    const below = ["C/file/below", "L/file/below", "T/file/below", "k/file/below", "p/file/below"];
    expect(unsure(askedOf(names)).toSorted()).toEqual([...odd, ...below].toSorted());
    expect(saysTheSame(askedOf(names))).toBe(true);
  });

  const replace = (name: string, text: string): void => {
    writeFileSync(at("draft"), text);
    renameSync(at("draft"), at(name));
  };

  it.each<[what: string, of: readonly string[], change: () => void]>([
    ["a file is written", ["file"], () => writeFileSync(at("file"), "other")],
    ["a file is written, as long as before, and its times are set back", ["file"], () => unseen()],
    ["a file grows by a zero", ["file"], () => writeFileSync(at("file"), "text\n\0")],
    ["a file is replaced by the same", ["file"], () => replace("file", "text\n")],
    ["a file loses a letter of several bytes", ["accents"], () => writeFileSync(at("accents"), "\u{1f600}\n")],
    ["no text becomes another", ["odd"], () => writeFileSync(at("odd"), Buffer.from([0x66, 0xfe, 0x0a]))],
    ["a program can be run no longer", ["program"], () => chmodSync(at("program"), 0o644)],
    ["a file can be run", ["file"], () => chmodSync(at("file"), 0o755)],
    ["a file goes", ["file"], () => rmSync(at("file"))],
    ["a file becomes a folder", ["file"], () => (rmSync(at("file")), mkdirSync(at("file")))],
    [
      "a file becomes a symlink to the same text",
      ["file"],
      () => (renameSync(at("file"), at("moved")), symlinkSync("moved", at("file"))),
    ],
    ["a folder is exchanged", ["folder"], () => (renameSync(at("folder"), at("moved")), mkdirSync(at("folder")))],
    ["a folder is closed", ["folder"], () => chmodSync(at("folder"), 0o700)],
    ["a symlink leads elsewhere", ["link"], () => (rmSync(at("link")), symlinkSync("folder", at("link")))],
    ["a symlink on the way leads elsewhere", ["way/inner"], () => (rmSync(at("way")), symlinkSync(".", at("way")))],
    ["where a symlink led to nothing something comes", ["dangling"], () => writeFileSync(at("nowhere"), "")],
    ["what was missing comes", ["missing"], () => writeFileSync(at("missing"), "")],
    ["what was missing comes as a dangling symlink", ["missing"], () => symlinkSync("nowhere", at("missing"))],
    [
      "below what was missing something comes",
      ["missing/below"],
      () => mkdirSync(at("missing/below"), { recursive: true }),
    ],
    ["a fifo becomes a file", ["fifo"], () => (rmSync(at("fifo")), writeFileSync(at("fifo"), ""))],
  ])("is not the same when %s", (_, of, change) => {
    const answers = askedOf(of);
    expect(saysTheSame(answers)).toBe(true);
    change();
    expect(unsure(answers)).not.toEqual([]);
    expect(saysTheSame(answers)).toBe(false);
  });

  function unseen(): void {
    const file = openSync(at("file"), "r+");
    writeSync(file, "TEXT\n");
    closeSync(file);
    utimesSync(at("file"), 0, 0);
  }

  it.each([
    ["", []],
    ["m/nowhere-at-all\0\0", []],
    ["m/etc/passwd\0\0", [0]],
    // Whatever is no question has no sure answer.
    ["?/etc\0\0", [0]],
    ["d/etc\0\0d/etc\0", [1]],
    ["d/etc\0\0d/etc", [1]],
    ["\0\0d/etc\0\0", [0]],
    ["w99999\0\0", [0]],
    ["w\0\0", [0]],
    ["w0x\0\0", [0]],
  ])("put as %j is unsure at %j", (questions, places) => {
    expect(starter.unsure(questions)).toEqual(places);
  });

  it("of a folder's names counts once they have settled", () => {
    // Of a folder nobody has touched for long, by the kernel's own time of change.
    const { dev, ino, ctimeNs } = lstatSync("/usr/bin", { bigint: true });
    const long = ctimeNs < BigInt(Date.now() - 60_000) * 1_000_000n;
    expect(starter.unsure(`n/usr/bin\0${dev} ${ino} ${ctimeNs}\0`)).toEqual(long ? [] : [0]);
    expect(starter.unsure(`n/usr/bin\0${dev} ${ino} ${ctimeNs + 1n}\0`)).toEqual([0]);
    const fresh = lstatSync(folder, { bigint: true });
    expect(starter.unsure(`n${folder}\0${fresh.dev} ${fresh.ino} ${fresh.ctimeNs}\0`)).toEqual([0]);
  });

  it.skipIf(process.getuid?.() !== 0)("of the table of mounts is unsure once something was mounted", () => {
    const script = `
      const { openSync, readFileSync } = require("node:fs");
      const { execFileSync } = require("node:child_process");
      const module = { exports: {} };
      process.dlopen(module, process.argv[1]);
      const table = openSync("/proc/self/mountinfo", "r");
      readFileSync(table);
      const before = module.exports.unsure("w" + table + "\\0\\0");
      if (process.argv[2] !== "") execFileSync("mount", ["--bind", process.argv[2], process.argv[2]]);
      console.log(JSON.stringify([before, module.exports.unsure("w" + table + "\\0\\0")]));
    `;
    const words = ["-m", process.execPath, "-e", script, join(native, "sandbox-starter.node")];
    const says = (mounted: string): string => spawnSync("unshare", [...words, mounted], { encoding: "utf8" }).stdout;
    expect(says(folder)).toBe("[[],[0]]\n");
    expect(says("")).toBe("[[],[]]\n");
  });
});

describe("a second name of a denied file", () => {
  const notices = (): readonly string[] => linkNotices(deniedNow(), [absolutePath(at("root"))]);
  const deniedNow = () => ["file", "folder", "link", "missing", "fifo"].map((name) => absolutePath(at(name)));

  it.each([
    ["is told", "file"],
    ["in a denied folder is told", "folder/inner"],
  ])("%s", (_, name) => {
    mkdirSync(at("root"));
    expect(notices()).toEqual([]);
    linkSync(at(name), at("root/second"));
    expect(notices()).toEqual([expect.stringContaining(`${at(name)} is denied, but readable as ${at("root/second")}`)]);
  });

  it("is not told where it is denied too", () => {
    mkdirSync(at("root"));
    mkdirSync(at("root/denied"));
    linkSync(at("file"), at("root/denied/second"));
    const paths = [...deniedNow(), absolutePath(at("root/denied"))];
    expect(linkNotices(paths, [absolutePath(at("root"))])).toEqual([]);
  });
});

describe("files on their way to the disk", () => {
  it("arrive, though they are closed meanwhile", () => {
    const files = [at("file"), folder].map((path) => openSync(path, "r"));
    const handle = starter.beginSync(files);
    files.forEach((file) => closeSync(file));
    expect(starter.endSync(handle)).toBeUndefined();
    // Once is enough.
    expect(starter.endSync(handle)).toBeUndefined();
  });

  it("are told not to, where the system says so", () => {
    expect(() => starter.beginSync([99_999])).toThrow(/sync: /);
    // What has no disk behind it cannot be synced.
    const pipe = openSync(at("fifo"), constants.O_RDONLY | constants.O_NONBLOCK);
    const handle = starter.beginSync([pipe]);
    closeSync(pipe);
    expect(() => starter.endSync(handle)).toThrow(/sync: /);
  });
});

describe("what is to be brought to the disk in the background", () => {
  it("is, where that can begin", () => {
    const file = openSync(at("file"), "r");
    const wait = syncInBackground([file]);
    closeSync(file);
    expect(wait?.()).toBeUndefined();
    expect(wait).not.toBeNull();
  });

  it("is left to whoever asks where it cannot", () => {
    expect(syncInBackground([99_999])).toBeNull();
  });
});

describe("a file in memory", () => {
  it("holds what it was given, by no name", () => {
    const bytes = Buffer.from("one\0two\0");
    const file = starter.memory(bytes);
    expect(readFileSync(`/proc/self/fd/${file}`)).toEqual(bytes);
    closeSync(file);
  });
});
