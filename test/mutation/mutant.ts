import { createServer } from "node:net";
import type { LaunchPlan, Prepared } from "../../src/sandbox/index.ts";
import type { Stage } from "../stage/index.ts";
import type { Attempt, Attempted } from "./attempt.ts";

/** What is decided before a start, with some of it switched off. */
export type SwitchOff = (prepared: Prepared) => Prepared;

/** One protection, the attack it is there for, and what is left when it is gone. */
export interface PlanMutant {
  readonly protection: string;
  readonly prepare?: (stage: Stage) => void;
  /** Something on the host that the attack may reach. */
  readonly host?: (stage: Stage) => Promise<Host>;
  readonly attack: (stage: Stage, host: Host) => Attempt;
  /** What an attacker had changed before the start; part of the attack. */
  readonly beforehand?: (stage: Stage) => SwitchOff;
  /** True when the attack had its effect. */
  readonly effect: (stage: Stage, attempted: Attempted, host: Host) => boolean;
  readonly off: (stage: Stage) => SwitchOff;
  /** Another layer that still stops the attack when this one is off; with both off it succeeds. */
  readonly redundant?: { readonly heldBy: string; readonly off: (stage: Stage) => SwitchOff };
  /** Why only root can try it. */
  readonly needsRoot?: string;
}

export interface Host {
  readonly address: string;
  readonly heard: () => boolean;
  readonly close: () => void;
}

export const nobody: Host = { address: "", heard: () => false, close: () => {} };

/** Somebody on the host who notices a visitor: at the path of a socket, or at a free port. */
export async function listener(path?: string): Promise<Host> {
  let visits = 0;
  const server = createServer((socket) => {
    visits++;
    socket.on("error", () => {}).end();
  });
  await new Promise<void>((resolve) => {
    if (path === undefined) server.listen(0, "127.0.0.1", resolve);
    else server.listen(path, resolve);
  });
  const at = server.address();
  return {
    address: typeof at === "object" && at !== null ? String(at.port) : (path ?? ""),
    heard: () => visits > 0,
    close: () => void server.close(),
  };
}

export const prints =
  (words: string) =>
  (_: unknown, { stdout }: Attempted): boolean =>
    stdout.includes(words);

export const shell = (script: string, more: Partial<Attempt> = {}): Attempt => ({ program: "sh", script, ...more });
export const python = (script: string, more: Partial<Attempt> = {}): Attempt => ({
  program: "python3",
  script,
  ...more,
});

/** Changes the plan and nothing else. */
export const inPlan =
  (change: (plan: LaunchPlan) => Partial<LaunchPlan>): SwitchOff =>
  (prepared) => ({ ...prepared, plan: { ...prepared.plan, ...change(prepared.plan) } });

/** Several at once. */
export const all =
  (...offs: readonly SwitchOff[]): SwitchOff =>
  (prepared) =>
    offs.reduce((changed, off) => off(changed), prepared);

/** Mounts at and below a path are left out, and whatever counts on them. */
export const withoutMounts = (path: string): SwitchOff => {
  const elsewhere = (place: string): boolean => place !== path && !place.startsWith(`${path}/`);
  return inPlan(({ mounts, expectations, rebind, remask }) => ({
    mounts: mounts.filter(({ to }) => elsewhere(to)),
    expectations: expectations.filter((expected) => elsewhere(expected.path)),
    rebind: rebind.filter(elsewhere),
    remask: remask.filter(elsewhere),
  }));
};
