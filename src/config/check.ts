import { basename, dirname, resolve } from "node:path";
import { parseDocument } from "./document.ts";
import type { Document } from "./document.ts";
import { namedDocument, readLayer, userConfigFile } from "./layers.ts";
import type { ConfigLayer } from "./layers.ts";
import { readConfigFile } from "./read.ts";
import { readMcpServers } from "./mcp-servers.ts";
import { selectProfiles } from "./select.ts";
import { checkProjectKeys } from "./project-keys.ts";

/**
 * Checks one file by itself: shape, meaning, and that every profile in it can be selected. In a directory called
 * `.sandboxed` it is a project's. Errors: those of `loadConfig`.
 */
export async function checkConfigFile(path: string): Promise<void> {
  const file = resolve(path);
  const isProject = basename(dirname(file)) === ".sandboxed";
  const text = isProject ? readConfigFile(file, "anyone") : null;
  const document = text === null ? namedDocument(file, path) : parseDocument(text, file, "project", "the project");
  const layer = await readLayer(document);
  if (isProject) {
    checkProjectKeys(document, userConfigFile(new Map(), "~"), true);
    selectProfiles({ own: [], project: layer, managed }, null);
  } else checkMeaning(layer);
}

/** The same of a document with the user's authority. */
export async function checkConfigText(document: Document): Promise<void> {
  checkMeaning(await readLayer(document));
}

const managed = { profiles: new Map(), defaultPermissions: null };

function checkMeaning(layer: ConfigLayer): void {
  selectProfiles({ own: [layer], project: null, managed }, null);
  readMcpServers([layer]);
}
