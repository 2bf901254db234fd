import { chmodSync, chownSync } from "node:fs";
import { inPlan, listener, prints, python, shell, withoutMounts } from "./mutant.ts";
import type { PlanMutant } from "./mutant.ts";

const MiB = 1024 * 1024;
const connect = (kind: string, address: string): string =>
  `import socket\nsocket.socket(socket.${kind}).connect(${address})`;
/** Starts so many sleepers, and tells when all have been there for a while: root's are counted only now and then. */
const crowd = (count: number): string =>
  `import os, time\nfor _ in range(${count}):\n  if os.fork() == 0:\n    os.execvp("sleep", ["sleep", "3"])\ntime.sleep(1)\nprint("all there")`;

export const reachMutants: readonly PlanMutant[] = [
  {
    protection: "the network of its own",
    host: () => listener(),
    attack: (_, { address }) => python(connect("AF_INET", `("127.0.0.1", ${address})`)),
    effect: (_stage, _attempted, host) => host.heard(),
    off: () => inPlan(() => ({ network: "full" })),
  },
  {
    protection: "the mask of a socket of the host",
    host: ({ workspace }) => listener(`${workspace}/control.sock`),
    attack: (_, { address }) => python(connect("AF_UNIX", `"${address}"`)),
    effect: (_stage, _attempted, host) => host.heard(),
    off: ({ workspace }) => withoutMounts(`${workspace}/control.sock`),
  },
  {
    protection: "the /proc of its own",
    attack: () => shell(`cat /proc/${process.pid}/status`),
    effect: (_, { stdout }) => stdout.includes(`Pid:\t${process.pid}`),
    off: () =>
      inPlan(({ mounts }) => ({
        mounts: mounts.map((step) => (step.do === "proc" ? { do: "outer-proc", to: step.to } : step)),
        // Of its own namespace, and out of reach through the host's /proc.
        pidMax: null,
      })),
  },
  {
    protection: "the environment that is passed on",
    attack: () => shell("env", { hostEnvironment: { AWS_SECRET_ACCESS_KEY: "c4nary" } }),
    effect: prints("c4nary"),
    off: () => inPlan(({ environment }) => ({ environment: [...environment, ["AWS_SECRET_ACCESS_KEY", "c4nary"]] })),
  },
  {
    protection: "the ids of whoever owns the workspace",
    needsRoot: "only root may become somebody",
    prepare: (stage) => {
      chownSync(stage.workspace, NOBODY, NOBODY);
      chownSync(`${stage.outside}/victim`, 0, 0);
      chmodSync(`${stage.outside}/victim`, 0o600);
    },
    attack: ({ outside }) => shell(`cat ${outside}/victim`, { grants: { entries: [["read", outside]] } }),
    effect: prints("untouched"),
    off: () => inPlan(() => ({ ids: { uid: 0, gid: 0 } })),
  },
];

const NOBODY = 65_534;
const limits = (more: Partial<Parameters<Parameters<typeof inPlan>[0]>[0]["limits"]>): ReturnType<PlanMutant["off"]> =>
  inPlan((plan) => ({ limits: { ...plan.limits, ...more } }));

export const limitMutants: readonly PlanMutant[] = [
  {
    protection: "the limit of memory",
    attack: () =>
      python(`import time\nx = b"x" * ${200 * MiB}\ntime.sleep(1)\nprint("had it")`, {
        grants: { limits: { memory: 100 * MiB } },
      }),
    effect: prints("had it"),
    off: () => limits({ memory: null }),
  },
  {
    protection: "the limit of processes",
    attack: () => python(crowd(150), { grants: { limits: { processes: 60 } } }),
    effect: prints("all there"),
    off: () => limits({ processes: 1_000 }),
  },
  {
    protection: "the limit of process numbers",
    attack: () => python(crowd(330), { grants: { limits: { processes: 60 } } }),
    effect: prints("all there"),
    off: () => inPlan(() => ({ pidMax: null })),
    redundant: { heldBy: "the limit of processes", off: () => limits({ processes: 1_000 }) },
  },
  {
    protection: "the limit of open files",
    attack: () =>
      python(`import os\nfor _ in range(60): os.dup(0)\nprint("all open")`, { grants: { limits: { openFiles: 50 } } }),
    effect: prints("all open"),
    off: () => limits({ openFiles: 100 }),
  },
  {
    protection: "the limit of data of one process",
    attack: () => python(`x = b"x" * ${200 * MiB}\nprint("had it")`, { grants: { limits: { data: 100 * MiB } } }),
    effect: prints("had it"),
    off: () => limits({ data: null }),
  },
  {
    protection: "the size of /tmp",
    attack: () => shell(`head -c 8M /dev/zero >/tmp/big && echo filled`, { grants: { limits: { tmpSize: 4 * MiB } } }),
    effect: prints("filled"),
    off: () =>
      inPlan(({ mounts }) => ({
        mounts: mounts.map((step) => (step.do === "tmpfs" && step.to === "/tmp" ? { ...step, size: 16 * MiB } : step)),
      })),
  },
  {
    protection: "the size of the private home",
    attack: () =>
      shell("head -c 8M /dev/zero >~/big; sleep 3; echo kept", { grants: { limits: { homeSize: 4 * MiB } } }),
    effect: prints("kept"),
    off: () => limits({ homeSize: 16 * MiB }),
  },
  {
    protection: "the limit of time",
    attack: () => shell("sleep 1; echo late", { grants: { limits: { wallTime: 300 } } }),
    effect: prints("late"),
    off: () => limits({ wallTime: null }),
  },
];
