import { chmodSync, mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { onTestFinished } from "vitest";
import { loadConfig, noFlags } from "../../src/config/index.ts";
import type { Config, ConfigFlags } from "../../src/config/index.ts";
import { SandboxedError } from "../../src/policy/index.ts";

/** Files of one machine, by layer. */
export interface Files {
  readonly system?: string;
  readonly user?: string;
  readonly project?: string;
  /** What `--config FILE` names. */
  readonly file?: string;
  /** The user's by the account database, where the environment names another home. */
  readonly account?: string;
}

export interface Stage {
  readonly root: string;
  readonly paths: {
    readonly system: string;
    readonly user: string;
    readonly project: string;
    readonly file: string;
    readonly account: string;
  };
  readonly load: (flags?: Partial<ConfigFlags>, environment?: Readonly<Record<string, string>>) => Promise<Config>;
}

/** A home, a workspace and a system directory of their own, with the files given; removed when the test ends. */
export function stage(files: Files = {}): Stage {
  const root = realpathSync(mkdtempSync(join(tmpdir(), "config-")));
  onTestFinished(() => rmSync(root, { recursive: true, force: true }));
  const paths = {
    system: join(root, "etc/config.toml"),
    user: join(root, "home/.config/sandboxed/config.toml"),
    project: join(root, "home/work/.sandboxed/config.toml"),
    file: join(root, "home/work/extra.toml"),
    account: join(root, "account/.config/sandboxed/config.toml"),
  };
  mkdirSync(join(root, "home/work"), { recursive: true });
  for (const layer of ["system", "user", "project", "file", "account"] as const) {
    const text = files[layer];
    if (text !== undefined) put(paths[layer], text);
  }
  const load: Stage["load"] = (flags = {}, environment = {}) =>
    loadConfig({
      environment: new Map(Object.entries(environment)),
      home: join(root, "home"),
      cwd: join(root, "home/work"),
      workspace: join(root, "home/work"),
      systemFile: paths.system,
      accountFile: files.account === undefined ? null : paths.account,
      flags: { ...noFlags, ...(files.file !== undefined && { file: "extra.toml" }), ...flags },
    });
  return { root, paths, load };
}

export function put(path: string, text: string | Uint8Array, mode = 0o644): void {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
  chmodSync(path, mode);
}

/** The refusal that `act` ends in; anything else fails the test. */
export async function refusal(act: () => unknown): Promise<SandboxedError> {
  try {
    await act();
  } catch (error) {
    if (error instanceof SandboxedError) return error;
    throw error;
  }
  throw new Error("nothing was refused");
}
