import { lstatSync, readFileSync } from "node:fs";
import { homedir, hostname } from "node:os";
import { at, codeOf, compileGlob, escapeText, SandboxedError } from "../policy/index.ts";
import { assemble } from "./assemble.ts";
import { idleKeys } from "./idle.ts";
import type { Requirements } from "./model.ts";
import { readSource } from "./source.ts";
import type { Source, SourceKind, SourceText } from "./source.ts";
import { membersOf, trialsOf } from "./trial.ts";
import type { DeniedList } from "./trial.ts";

export interface Checked {
  readonly requirements: Requirements;
  /** What is allowed, and probably not meant. */
  readonly warnings: readonly string[];
}

/**
 * Checks a file by itself, as a source of that kind; who may write it does not matter yet. Errors: `usage` for a file
 * that is not there, `requirements_parse`, `requirements_schema`, `requirements_conflict`.
 */
export async function checkRequirements(file: string, kind: SourceKind): Promise<Checked> {
  const text = readText(file);
  const written: SourceText = { kind, name: file, text };
  const requirements = await assemble([written], { hostname: hostname(), user: "" }, Date.now());
  const source = await readSource(written, requirements.supportContact);
  return { requirements, warnings: warningsOf(requirements, source) };
}

function warningsOf(requirements: Requirements, source: Source): readonly string[] {
  return [
    ...uselessPaths(source, "permissions.filesystem.deny_read"),
    ...uselessPaths(source, "permissions.filesystem.deny_write"),
    ...uselessDestinations(requirements),
    ...uselessTimes(source),
    ...uselessExceptions(requirements),
    ...uselessServers(requirements),
    ...wideQuestions(requirements),
    ...idleIn(source),
  ];
}

/** Nothing on this machine, which need not be the one it is for. */
function uselessPaths(source: Source, key: DeniedList): readonly string[] {
  return membersOf(source, key).flatMap(({ text: path, place }) => {
    const whole = path.startsWith("~/") ? homedir() + path.slice(1) : path;
    const isPattern = /[*?[{]/.test(whole);
    const base = isPattern ? `/${compileGlob(whole).base.join("/")}` : whole;
    if (!base.startsWith("/") || exists(base)) return [];
    return [`${at(place)}${escapeText(JSON.stringify(path))} matches nothing on this machine`];
  });
}

function uselessDestinations(requirements: Requirements): readonly string[] {
  const { domains } = requirements.network;
  const only = requirements.merged("network.managed_allowed_domains_only");
  const alone = only?.value === true && domains.length === 0 ? only.from.slice(0, 1) : [];
  const denied = new Set(
    requirements.layers.flatMap(({ enforced }) =>
      enforced.flatMap(({ profile }) =>
        profile.network.domains.filter(({ access }) => access === "deny").map(({ pattern }) => pattern.toLowerCase()),
      ),
    ),
  );
  return [
    ...alone.map((place) => `${at(place)}no destination is left: none is listed in allowed_domains`),
    ...domains
      .filter(({ pattern }) => denied.has(pattern.toLowerCase()))
      .map(
        ({ pattern, provenance }) => `${at(provenance)}${JSON.stringify(pattern)} is denied as well, and denied it is`,
      ),
  ];
}

function uselessTimes(source: Source): readonly string[] {
  return trialsOf(source)
    .filter(([, until]) => Date.parse(until) <= Date.now())
    .map(([place, until]) => `${at(place)}${until} is past: what was on trial holds`);
}

function uselessExceptions(requirements: Requirements): readonly string[] {
  return requirements.kept("exceptions").flatMap(({ value, places }) =>
    value.flatMap(({ id, expires, permissions, network }, index) => {
      const place = places(index);
      const opens =
        permissions?.filesystem?.allow_read ?? permissions?.filesystem?.allow_write ?? network?.allowed_domains ?? [];
      if (Date.parse(expires) <= Date.now()) return [`${at(place)}exception ${JSON.stringify(id)} is past`];
      return opens.length === 0 ? [`${at(place)}exception ${JSON.stringify(id)} opens nothing`] : [];
    }),
  );
}

function uselessServers(requirements: Requirements): readonly string[] {
  return requirements
    .kept("mcp_server_allowlist")
    .filter(({ value }) => Object.keys(value).length === 0)
    .map(({ place }) => `${at(place)}the table is empty: no MCP server runs`);
}

/** What is asked of each run fails where somebody wants less, as with `--network off`. */
function wideQuestions({ tests }: Requirements): readonly string[] {
  return tests
    .filter(({ expect }) => expect === "allow")
    .map(
      ({ query, provenance }) =>
        `${at(provenance)}${escapeText(JSON.stringify(query))} is asked of each run: one that asks for less is refused`,
    );
}

function idleIn({ get, place }: Source): readonly string[] {
  return [...idleKeys]
    .filter((key) => get(key) !== undefined)
    .map((key) => `${at(place(key))}nothing in this version acts on ${key}: it is checked, combined and shown`);
}

function exists(path: string): boolean {
  try {
    return lstatSync(path, { throwIfNoEntry: false }) !== undefined;
  } catch {
    return true; // what may not be looked at may be there
  }
}

function readText(file: string): string {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(readFileSync(file));
  } catch (cause) {
    const code = codeOf(cause) ?? "unknown error";
    throw new SandboxedError("usage", `${escapeText(file)} cannot be read as text (${code})`, {
      hint: "check the path",
      cause,
    });
  }
}
