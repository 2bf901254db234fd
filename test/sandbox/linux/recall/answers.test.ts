import {
  mkdirSync,
  mkdtempSync,
  realpathSync,
  renameSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { absolutePath } from "../../../../src/policy/index.ts";
import { notingDisk } from "../../../../src/sandbox/linux/recall/index.ts";
import { saysTheSame } from "../../../../src/sandbox/linux/recall/answers.ts";
import type { Answers } from "../../../../src/sandbox/linux/recall/answers.ts";

const changes: readonly (readonly [what: string, change: (folder: string) => void])[] = [
  ["a name comes", (folder) => writeFileSync(join(folder, "new"), "")],
  ["a name goes", (folder) => rmSync(join(folder, "file"))],
  ["a name is exchanged for another", (folder) => renameSync(join(folder, "file"), join(folder, "other"))],
  ["a file becomes a folder", becomeFolder],
  ["another folder stands there", exchange],
  ["a name comes, and the folder's times are set back", comeUnseen],
];

function becomeFolder(folder: string): void {
  rmSync(join(folder, "file"));
  mkdirSync(join(folder, "file"));
}

function exchange(folder: string): void {
  renameSync(folder, `${folder}.old`);
  mkdirSync(folder);
}

function comeUnseen(folder: string): void {
  writeFileSync(join(folder, "new"), "");
  utimesSync(folder, 0, 0);
}

function answersTo(folder: string): Answers {
  const { disk, answers } = notingDisk();
  disk.list(absolutePath(folder));
  const found = answers([]);
  if (found === null) throw new Error("too much was asked");
  return found;
}

const make = (place: string, name: string): string => {
  const folder = join(place, name);
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, "file"), "");
  return folder;
};

/** After that the time of a folder's last change is relied upon. */
const SETTLED_MS = 3_100;

let place: string;
beforeAll(async () => {
  place = realpathSync(mkdtempSync(join(tmpdir(), "sandboxed-answers-")));
  for (const name of ["same", ...changes.map(([what]) => what)]) make(place, name);
  mkdirSync(join(place, "empty"));
  symlinkSync("same", join(place, "link"));
  await new Promise((resolve) => setTimeout(resolve, SETTLED_MS));
});
afterAll(() => rmSync(place, { recursive: true }));

describe("what a directory held", () => {
  it.each(changes)("is another answer when %s", (what, change) => {
    const settled = join(place, what);
    const fresh = make(place, `${what}, just made`);
    for (const folder of [settled, fresh]) {
      const answers = answersTo(folder);
      expect(saysTheSame(answers)).toBe(true);
      change(folder);
      expect(saysTheSame(answers)).toBe(false);
    }
  });

  it("is not listed again while nothing changed it, unless that was just now or nothing was found", () => {
    const misled = (folder: string): readonly (readonly [relies: boolean, same: boolean])[] => {
      const answers = answersTo(folder);
      return answers.lists.map(([path, stamp]) => [
        stamp !== null,
        saysTheSame({ ...answers, lists: [[path, stamp, "something else"]] }),
      ]);
    };
    // Where temporary files lie in memory, everything is listed again.
    const [[relies, same] = []] = misled(join(place, "same"));
    expect(same).toBe(relies);
    expect(misled(make(place, "just made"))).toEqual([[false, false]]);
    expect(misled(join(place, "empty"))).toEqual([[false, false]]);
    // A link says nothing about the folder that it leads to.
    expect(misled(join(place, "link"))).toEqual([[false, false]]);
  });

  it.each(["/proc", "/sys/kernel"])("is listed again where the file system keeps no times: %s", (folder) => {
    expect(answersTo(folder).lists.map(([path, stamp]) => [path, stamp])).toEqual([[folder, null]]);
  });
});
