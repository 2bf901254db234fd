import { execFileSync } from "node:child_process";
import {
  chmodSync,
  cpSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { Stage } from "../stage/index.ts";
import type { Person } from "../stage/index.ts";
import { allowAll } from "../native/launch.ts";

/** One exact piece of the sources of the native programs or of the door, or of the built command, and what stands there instead. */
export interface Edit {
  readonly file: string;
  readonly find: string;
  readonly instead: string;
}

/** What is switched off in a copy of the tool. */
export interface Off {
  readonly edits?: readonly Edit[];
  /** A seccomp filter that allows every call. */
  readonly everyCall?: true;
}

const checkout = join(import.meta.dirname, "../..");
const sources = "native/linux";
const door = "src/network";
const command = "dist/bin/run.cjs";

/** An edit of the built command, where names are short but words are kept. */
export const inCommand = (find: string, instead = ""): Edit => ({ file: command, find, instead });
export const inDoor = (file: string, find: string, instead = ""): Edit => ({ file: join(door, file), find, instead });
export const inNative = (file: string, find: string, instead = "(void)0;"): Edit => ({
  file: join(sources, file),
  find,
  instead,
});

/** Copies of the tool with something switched off, each made once. */
export class Tools {
  readonly #folder = mkdtempSync("/var/tmp/sandboxed-mutants-");
  readonly #made = new Map<string, string>();

  constructor() {
    chmodSync(this.#folder, 0o755);
  }

  /** The installed tool itself where nothing is off. Errors: when a piece to be edited is no longer there. */
  without(offs: readonly Off[]): string {
    const installed = process.env["SANDBOXED_TEST_TOOL"] ?? "";
    const edits = offs.flatMap((off) => off.edits ?? []);
    const everyCall = offs.some((off) => off.everyCall);
    if (edits.length === 0 && !everyCall) return installed;
    const key = JSON.stringify([edits, everyCall]);
    const place = this.#made.get(key) ?? join(this.#folder, String(this.#made.size));
    if (!this.#made.has(key)) make(installed, place, edits, everyCall);
    this.#made.set(key, place);
    return place;
  }

  remove(): void {
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

function make(installed: string, place: string, edits: readonly Edit[], everyCall: boolean): void {
  // With their times: only what is edited is built again.
  const copy = (from: string, name: string): void =>
    cpSync(join(from, name), join(place, name), { recursive: true, preserveTimestamps: true });
  for (const name of ["package.json", "dist"]) copy(installed, name);
  // What was made of the text as it was is nothing a reader of the edited one should meet.
  rmSync(join(place, "dist/bin/run.cache"), { force: true });
  const isOfDoor = edits.some(({ file }) => file.startsWith(door));
  for (const name of [sources, "scripts/build-native", ...(isOfDoor ? DOOR_NEEDS : [])]) copy(checkout, name);
  for (const { file, find, instead } of edits) {
    const text = readFileSync(join(place, file), "utf8");
    const parts = text.split(find);
    if (parts.length !== 2) throw new Error(`${file} holds ${parts.length - 1} times: ${find}`);
    writeFileSync(join(place, file), parts.join(instead));
  }
  if (isOfDoor) bundleDoor(place);
  if (edits.some(({ file }) => file.startsWith(sources))) {
    execFileSync(join(place, "scripts/build-native"), [join(place, "dist/native")], { stdio: "pipe" });
  }
  if (!everyCall) return;
  for (const name of readdirSync(join(place, "dist/seccomp")))
    writeFileSync(join(place, "dist/seccomp", name), allowAll);
}

const DOOR_NEEDS = ["src", "scripts/bundle.mjs"];
const BUNDLE = `import { bundle } from "./scripts/bundle.mjs";
await bundle({ entryPoints: { network: "src/network/index.ts" }, outdir: "dist/bin", minify: true });`;

/** The door of a copy, from its own sources, in the place of the installed one. */
function bundleDoor(place: string): void {
  const modules = join(place, "node_modules");
  symlinkSync(join(checkout, "node_modules"), modules);
  execFileSync(process.execPath, ["--input-type=module", "-e", BUNDLE], { cwd: place, stdio: "pipe" });
  unlinkSync(modules);
}

/** A stage where another copy of the tool runs. */
export class ToolStage extends Stage {
  readonly place: string;

  constructor(person: Person, place: string, enter?: (cwd: string) => readonly string[]) {
    super(person, enter);
    this.place = place;
  }

  override tool(name: string): string {
    return join(this.place, "dist/bin", `${name}.cjs`);
  }
}
