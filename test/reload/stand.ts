import { mkdirSync, mkdtempSync, realpathSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished } from "vitest";
import { bindPolicy } from "../../src/gate/index.ts";
import type { Asking } from "../../src/gate/index.ts";
import { applyPatch, builtinProfile, compile, readProfile } from "../../src/policy/index.ts";
import type { JournalEvent, Policy, Provenance, ResolvedPolicy } from "../../src/policy/index.ts";
import { LiveTerms, latestOf, noting } from "../../src/reload/index.ts";
import type { FileAnswer, RequirementsChange, Terms } from "../../src/reload/index.ts";
import { openReload } from "../../src/reload/reload.ts";
import { put } from "../config/stage.ts";

export const denying = (...hosts: readonly string[]): string =>
  `[network]\ndenied_domains = ${JSON.stringify(hosts)}\n`;

/** In one step. */
export function swap(path: string, text: string): void {
  writeFileSync(`${path}.new`, text);
  renameSync(`${path}.new`, path);
}

/** Files of an administrator can be made by root alone. */
export const isRoot = process.geteuid?.() === 0;

const said: Provenance = { layer: "api", file: null, line: null, column: null, owner: "you" };

export interface LiveRunStand {
  readonly root: string;
  readonly system: string;
  readonly given: string;
  /** A folder that the run may write. */
  readonly data: string;
  readonly changes: readonly RequirementsChange[];
  readonly recorded: readonly JournalEvent[];
  /** Whether the run was ended. */
  isEnded(): boolean;
  /** What the door lets through now. */
  reaches(host: string): boolean;
  effects(): readonly string[];
  /** The run is over. */
  close(): Promise<void>;
  /** Until that came true; fails when it does not. */
  until(done: () => boolean, ms?: number): Promise<void>;
  /** Of every look that has to come: when nothing comes of it, too. */
  settled(): Promise<void>;
}

interface Standing {
  readonly system?: string | null;
  readonly given?: string;
  readonly root?: string;
  readonly program?: string;
}

/** A run that is held to its requirements: its files are real, and what is done to it is noted. It may reach two hosts. */
export async function liveRun({
  system = null,
  given,
  root: at,
  program = "sh",
}: Standing = {}): Promise<LiveRunStand> {
  const root = at ?? realpathSync(mkdtempSync(join(tmpdir(), "reload-")));
  if (at === undefined) onTestFinished(() => rmSync(root, { recursive: true, force: true }));
  const paths = {
    system: join(root, "etc/requirements.toml"),
    given: join(root, "given.toml"),
    data: join(root, "data"),
  };
  for (const folder of [join(root, "etc"), paths.data, join(root, "home")]) mkdirSync(folder, { recursive: true });
  if (system !== null) put(paths.system, system);
  if (given !== undefined) put(paths.given, given);

  const environment = new Map([
    ["HOME", join(root, "home")],
    ["PATH", "/usr/local/bin:/usr/bin:/bin"],
  ]);
  const decide = async ({ read, asking }: Asking): Promise<Terms> => {
    const { policy, managed, requirements } = await bindPolicy(asked(paths.data), {
      environment,
      cwd: root,
      systemFile: join(root, "etc/config.toml"),
      accountFile: null,
      systemRequirements: at === undefined ? paths.system : join(root, "requirements.toml"),
      requirementsFile: given === undefined ? null : paths.given,
      ...(read !== undefined && { read }),
      asking: { ...asking, stateFolder: join(root, "state") },
    });
    return { policy, managed, requirements };
  };
  const files: FileAnswer[] = [];
  const decided = Date.now();
  const terms = new LiveTerms(await decide({ read: noting(files) }));

  const changes: RequirementsChange[] = [];
  const recorded: JournalEvent[] = [];
  const doors: ResolvedPolicy[] = [];
  let isEnded = false;
  const reload = await openReload({
    running: {
      door: () => Promise.resolve({ update: (policy) => Promise.resolve(doors.push(policy) + 1) }),
      record: (event) => void recorded.push(event),
      revoke: () => (isEnded = true),
    },
    files: latestOf(files),
    decided,
    from: () =>
      Promise.resolve({
        terms,
        decide,
        request: {
          program,
          arguments: [],
          script: null,
          cwd: paths.data,
          environment,
          workspaceRoots: [],
          workspace: "cwd",
          backend: null,
          terminal: "never",
          session: { id: "live" },
        },
      }),
    tell: (change) => changes.push(change),
  });
  onTestFinished(() => reload.close());
  const until: LiveRunStand["until"] = (done, ms = 3000) => expect.poll(done, { timeout: ms, interval: 10 }).toBe(true);
  return {
    root,
    ...paths,
    changes,
    recorded,
    isEnded: () => isEnded,
    reaches(host) {
      const last = doors.at(-1);
      return last === undefined || compile(last).decide({ op: "connect", host, port: 443 }).effect === "allow";
    },
    close: () => reload.close(),
    effects: () => changes.map(({ effect }) => effect),
    until,
    settled: () => new Promise((resolve) => setTimeout(resolve, 750)),
  };
}

function asked(data: string): Policy {
  const base = builtinProfile(":isolated");
  if (base === null) throw new Error("no :isolated");
  const table = {
    filesystem: { [data]: "write" as const },
    network: {
      mode: "restricted" as const,
      domains: { "one.example": "allow" as const, "two.example": "allow" as const },
    },
  };
  const profile = applyPatch(
    base,
    readProfile(base.name, table, () => said),
  );
  return { layers: [{ layer: "api", profile }] };
}
