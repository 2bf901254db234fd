import { mkdtempSync, realpathSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import { readConfigFile } from "../../src/config/index.ts";
import type { Config, ConfigFlags, Trust } from "../../src/config/index.ts";
import { compile, resolve } from "../../src/policy/index.ts";
import type { Decision, Policy, Query } from "../../src/policy/index.ts";
import { bound, loadRequirements } from "../../src/requirements/index.ts";
import type { BoundConfig, Requirements, RequirementsRequest } from "../../src/requirements/index.ts";
import { put, stage } from "../config/stage.ts";
import type { Files } from "../config/stage.ts";
import { machine } from "../policy/machine.ts";

/** Texts of sources by where they come from. */
export interface Texts {
  readonly system?: string;
  readonly file?: string;
  readonly variable?: string;
}

/** The requirements of a machine with these sources; its files are removed when the test ends. */
export async function required(texts: Texts, how: Partial<RequirementsRequest> = {}): Promise<Requirements> {
  const root = realpathSync(mkdtempSync(join(tmpdir(), "requirements-")));
  onTestFinished(() => rmSync(root, { recursive: true, force: true }));
  const systemFile = join(root, "requirements.toml");
  const file = join(root, "given.toml");
  if (texts.system !== undefined) put(systemFile, texts.system);
  if (texts.file !== undefined) put(file, texts.file);
  const encoded =
    texts.variable === undefined ? [] : [["SANDBOXED_REQUIREMENTS_BASE64", encode(texts.variable)] as const];
  return loadRequirements({
    environment: new Map(encoded),
    home: root,
    file: texts.file === undefined ? null : file,
    systemFile,
    hostname: "build-7.example.com",
    read: asAdministrator,
    ...how,
  });
}

/** The system's file is root's, which only root's tests can make; others say that theirs is. */
export function asAdministrator(path: string, trust: Trust): string | null {
  return readConfigFile(path, trust === "administrator" && process.geteuid?.() !== 0 ? "given" : trust);
}

export function encode(text: string): string {
  return Buffer.from(text).toString("base64");
}

/** What a user with these files and options gets on a machine with these requirements. */
export async function boundBy(texts: Texts, files: Files = {}, flags: Partial<ConfigFlags> = {}): Promise<BoundConfig> {
  const requirements = await required(texts);
  return bound(await asked(files, flags), requirements);
}

export async function asked(files: Files = {}, flags: Partial<ConfigFlags> = {}): Promise<Config> {
  return stage(files).load(flags);
}

/** Answers of a policy on a machine with the home `/home/ada`. */
export function asking(policy: Policy): (query: Query) => Decision {
  const oracle = compile(resolve(policy, machine()));
  return (query) => oracle.decide(query);
}
