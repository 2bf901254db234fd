import type { AbsolutePath } from "../../policy/index.ts";
import type { SessionContext } from "../context.ts";
import type { Json } from "../json.ts";
import type { Call, MethodDefinition } from "../method.ts";
import type { Authority } from "./authority.ts";
import { applyChanges } from "./change/apply.ts";
import { globFiles, patternBelow } from "./glob.ts";
import { patchParams, patchSubjects, pathIn, patternIn, readParams, writeParams } from "./parameters.ts";
import { parsePatch } from "./patch/parse.ts";
import { planPatch } from "./patch/plan.ts";
import type { PatchPlan } from "./patch/plan.ts";
import type { ChangeSummary } from "./patch/summary.ts";
import { Places } from "./places.ts";
import { decodeText, readFile, statFile } from "./read.ts";
import { Seen } from "./seen.ts";
import { planWrite } from "./write.ts";

export interface FilesOptions {
  readonly workspaceRoots: readonly AbsolutePath[];
  /** Files that the policy denies by name: their other names are denied as well. */
  readonly denied: () => readonly AbsolutePath[];
  /** The tool's own directories: closed to every grant, whatever leads to them. */
  readonly own: readonly AbsolutePath[];
}

/** The file methods; `close` lets go of the directories that they hold. */
export interface SessionFiles {
  readonly methods: readonly MethodDefinition[];
  close(): void;
}

/** `session.read`, `glob`, `stat`, `write` and `apply_patch`. Errors: where a workspace cannot be held. */
export function sessionFiles(options: FilesOptions): SessionFiles {
  const places = new Places(options.workspaceRoots, options.own);
  const files = new Files(places, options.denied);
  return {
    methods: [
      {
        name: "session.read",
        capability: "fs.read",
        subjectsOf: (params, context) => [context.locate(readParams(params).path)],
        handle: async (call, context) => files.read(call, context),
      },
      {
        name: "session.glob",
        capability: "fs.read",
        subjectsOf(params) {
          patternIn(params);
          return [];
        },
        handle: async (call, context) => files.glob(call, context),
      },
      {
        name: "session.stat",
        capability: "fs.read",
        subjectsOf: (params, context) => [context.locate(pathIn("session.stat", params))],
        handle: async (call, context) => files.stat(call, context),
      },
      {
        name: "session.write",
        capability: "fs.write",
        asksItself: true,
        acts: "durable",
        subjectsOf: (params, context) => [context.locate(writeParams(params).path)],
        handle: async (call, context) => files.write(call, context),
      },
      {
        name: "session.apply_patch",
        capability: "patch",
        toolName: "apply_patch",
        asksItself: true,
        acts: "durable",
        subjectsOf: patchSubjects,
        handle: async (call, context) => files.patch(call, context),
      },
    ],
    close: () => places.close(),
  };
}

/** Holders whose sights are kept; of others the oldest are forgotten. */
const MOST_HOLDERS = 256;

class Files {
  readonly #places: Places;
  readonly #denied: () => readonly AbsolutePath[];
  readonly #seen = new Map<string, Seen>();

  constructor(places: Places, denied: () => readonly AbsolutePath[]) {
    this.#places = places;
    this.#denied = denied;
  }

  read(call: Call, context: SessionContext): Json {
    const { path: shown, isText, range } = readParams(call.params);
    const asked = this.#places.at(context.locate(shown), shown);
    const file = readFile(this.#authority(call, context, "fs.read"), asked, range);
    this.#seenBy(call).note(file);
    const { offset = 0 } = range;
    const text = isText ? decodeText(file, offset, shown) : null;
    return {
      path: shown,
      content: text?.text ?? file.bytes.toString("base64"),
      encoding: isText ? "utf-8" : "base64",
      offset,
      bytes: text?.bytes ?? file.bytes.length,
      size: file.size,
      sha256: file.sha256,
    };
  }

  async glob(call: Call, context: SessionContext): Promise<Json> {
    const pattern = patternIn(call.params);
    const isAbsolute = pattern.startsWith("/");
    // The names before the first wildcard tell which held directory is meant.
    const start = isAbsolute ? pattern.replace(/[*?[{\\].*$/s, "").replace(/[^/]*$/, "") : ".";
    const root = this.#places.rootOf(context.locate(start));
    const below = isAbsolute ? patternBelow(root, pattern) : pattern;
    const authority = this.#authority(call, context, "fs.read");
    const found = below === null ? [] : await globFiles(authority, root, below, { signal: call.signal });
    const prefix = root.path === "/" ? "/" : `${root.path}/`;
    return { paths: isAbsolute ? found.map((name) => prefix + name) : found };
  }

  stat(call: Call, context: SessionContext): Json {
    const shown = pathIn("session.stat", call.params);
    const asked = this.#places.at(context.locate(shown), shown);
    const { kind, size, mode, modified } = statFile(this.#authority(call, context, "fs.read"), asked);
    return { path: shown, kind, size, mode, modified };
  }

  async write(call: Call, context: SessionContext): Promise<Json> {
    const { path: shown, bytes } = writeParams(call.params);
    const asked = this.#places.at(context.locate(shown), shown);
    const authority = this.#authority(call, context, "fs.write");
    const planned = planWrite(authority, asked, bytes, this.#seenBy(call));
    await this.#carryOut(call, authority, planned);
    const [file] = planned.files;
    return { path: shown, created: file?.change === "add", bytes: bytes.length, sha256: file?.after ?? null };
  }

  async patch(call: Call, context: SessionContext): Promise<Json> {
    const { patch, path } = patchParams(call.params);
    const authority = this.#authority(call, context, "patch");
    const locate = (name: string): ReturnType<Places["at"]> => this.#places.at(context.locate(name), name);
    const planned = planPatch(authority, parsePatch(patch, path), { locate, seen: this.#seenBy(call) });
    await this.#carryOut(call, authority, planned);
    return { files: planned.files.map((file) => ({ ...file })), summary: planned.files.map(lineOf).join("\n") };
  }

  /** Shows what would be done where the capability wants that, and does what was shown or nothing. */
  async #carryOut(call: Call, authority: Authority, { changes, files, diff }: PatchPlan): Promise<void> {
    const [first] = files;
    const title = files.length === 1 && first !== undefined ? lineOf(first) : `Change ${files.length} files`;
    await call.approve({ title, data: files.map((file) => ({ ...file })), diff });
    call.requireOpen();
    const seen = this.#seenBy(call);
    applyChanges(authority, changes);
    for (const { path, after } of changes) {
      if (after === null) seen.forget(path);
      else seen.note({ path, sha256: after.sha256, version: "" });
    }
  }

  #authority(call: Call, context: SessionContext, kind: string): Authority {
    return {
      kind,
      decide: (query) => context.decide(query),
      covers: (path) => call.covers(path),
      denied: this.#denied,
    };
  }

  #seenBy({ holder: { id } }: Call): Seen {
    const known = this.#seen.get(id) ?? new Seen();
    this.#seen.delete(id);
    this.#seen.set(id, known);
    if (this.#seen.size > MOST_HOLDERS)
      for (const oldest of [...this.#seen.keys()].slice(0, 1)) this.#seen.delete(oldest);
    return known;
  }
}

const verbs: Readonly<Record<ChangeSummary["change"], string>> = {
  add: "Add",
  update: "Change",
  delete: "Delete",
  move: "Move",
};

/** `Change src/a.ts (+1 -2)`. */
function lineOf({ change, path, from, added, removed }: ChangeSummary): string {
  const what = from === null ? path : `${from} to ${path}`;
  return `${verbs[change]} ${what} (+${added} -${removed})`;
}
