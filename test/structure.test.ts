import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { describe, expect, it } from "vitest";

const source = new URL("../src/", import.meta.url).pathname;

/** What each folder may know; a file that stands in no folder puts the folders together and may know all. */
const arrows: Readonly<Record<string, readonly string[]>> = {
  generated: ["policy", "config"],
  policy: ["generated"],
  config: ["policy", "generated"],
  requirements: ["config", "policy", "generated"],
  gate: ["requirements", "config", "policy", "generated"],
  reload: ["sandbox", "gate", "requirements", "config", "policy", "generated"],
  audit: ["policy", "generated"],
  client: [],
  network: ["policy", "generated"],
  sandbox: ["policy", "config", "generated"],
  mcp: ["policy", "gate", "reload", "config", "requirements", "network", "sandbox", "session", "run", "generated"],
  "mcp-server": ["policy", "network", "session", "generated"],
  session: ["policy", "gate", "requirements", "audit", "network", "sandbox", "generated"],
  cli: [
    "policy",
    "gate",
    "config",
    "requirements",
    "mcp",
    "mcp-server",
    "audit",
    "reload",
    "sandbox",
    "session",
    "generated",
    "network",
    "run",
  ],
  run: ["policy", "config", "gate", "reload", "sandbox", "network", "session", "generated"],
  library: ["policy", "gate", "config", "audit", "reload", "sandbox", "session", "run", "generated"],
};

interface Import {
  readonly from: string;
  readonly to: string;
  readonly isLate: boolean;
}

const files = readdirSync(source, { recursive: true, encoding: "utf8" }).filter((name) => name.endsWith(".ts"));
const texts = new Map(files.map((name) => [name, readFileSync(join(source, name), "utf8")]));

const imports: readonly Import[] = [...texts].flatMap(([from, text]) =>
  [...text.matchAll(/(from|import\()\s*"(\.[^"]+)"/g)].map(([, how, path = ""]) => ({
    from,
    to: relative(source, resolve(source, dirname(from), path)),
    isLate: how !== "from",
  })),
);

/** What is imported late may be one file, so that no more than that is loaded; these besides, for the same reason. */
const doors = new Set(["policy/read/schema.ts", "sandbox/doctor/index.ts", "session/questions/index.ts"]);

const folderOf = (path: string): string => (path.includes("/") ? (path.split("/")[0] ?? "") : ".");
const between = imports.filter(({ from, to }) => folderOf(from) !== folderOf(to) && folderOf(from) !== ".");

describe("the folders of the source", () => {
  it("are all drawn here", () => {
    expect([...new Set(files.map(folderOf))].toSorted()).toEqual([".", ...Object.keys(arrows)].toSorted());
    expect(between.length).toBeGreaterThan(100);
  });

  it("know each other in one direction", () => {
    expect(between.filter(({ from, to }) => arrows[folderOf(from)]?.includes(folderOf(to)) !== true)).toEqual([]);
  });

  it("are entered by their index alone", () => {
    const inside = between.filter(({ to }) => folderOf(to) !== "generated" && folderOf(to) !== ".");
    const early = inside.filter(({ to, isLate }) => !isLate && !doors.has(to));
    expect(early.filter(({ to }) => to !== `${folderOf(to)}/index.ts`)).toEqual([]);
  });

  it("but one start no process", () => {
    const starting = [...texts].filter(([, text]) => text.includes('"node:child_process"')).map(([name]) => name);
    expect(starting.filter((name) => folderOf(name) !== "sandbox")).toEqual([]);
    expect(starting.length).toBeGreaterThan(0);
  });

  it("hold files that one can read at once", () => {
    const long = [...texts].filter(([name, text]) => folderOf(name) !== "generated" && text.split("\n").length > 301);
    expect(long.map(([name]) => name)).toEqual([]);
  });
});
