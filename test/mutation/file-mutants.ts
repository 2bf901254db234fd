import { mkdirSync, readdirSync, rmSync } from "node:fs";
import { basename } from "node:path";
import { absolutePath } from "../../src/policy/index.ts";
import type { Stage } from "../stage/index.ts";
import { inPlan, prints, shell, withoutMounts } from "./mutant.ts";
import type { PlanMutant, SwitchOff } from "./mutant.ts";

const planted = (stage: Stage): boolean => stage.read(".git/hooks/post-checkout") !== null;
const overwritten = (stage: Stage): boolean => stage.read(`${stage.outside}/victim`) === "owned\n";
const configured = (stage: Stage): boolean => stage.read(".vscode/tasks.json") !== null;

const noLandlock = (): SwitchOff => inPlan(() => ({ landlock: false }));
const noWatch = (): SwitchOff => (prepared) => ({
  ...prepared,
  survey: () => {
    const found = prepared.survey();
    return found === null ? null : { ...found, protection: { ...found.protection, paths: [] } };
  },
});
const noSweep = (): SwitchOff => inPlan(() => ({ missing: [] }));

/** The mount a person granted, with write access after all. */
const writable = ({ outside }: Stage): SwitchOff =>
  inPlan(({ mounts, expectations }) => ({
    mounts: mounts.map((step) => (step.do === "bind" && step.to === outside ? { ...step, access: "write" } : step)),
    expectations: expectations.filter(({ path }) => path !== outside),
  }));

export const fileMutants: readonly PlanMutant[] = [
  {
    protection: "the read-only mount of a protected folder",
    prepare: (stage) => void stage.repository(),
    attack: () => shell("echo '#!/bin/sh' >.git/hooks/post-checkout"),
    effect: planted,
    off: ({ workspace }) => withoutMounts(`${workspace}/.git/hooks`),
  },
  {
    protection: "the pin above a protected folder",
    prepare: (stage) => void stage.repository(),
    attack: () => shell("mv .git .old && cp -r .old .git && echo '#!/bin/sh' >.git/hooks/post-checkout"),
    effect: planted,
    off: ({ workspace }) =>
      inPlan(({ mounts, expectations }) => ({
        mounts: mounts.filter(({ to }) => to !== `${workspace}/.git`),
        expectations: expectations.filter(({ path }) => path !== `${workspace}/.git`),
      })),
    redundant: { heldBy: "the watch over what is mounted", off: () => inPlan(() => ({ rebind: [] })) },
  },
  {
    protection: "the mask of a denied file",
    prepare: (stage) => stage.write("secret.txt", "s3cret\n"),
    attack: ({ workspace }) => shell("cat secret.txt", { grants: { entries: [["deny", `${workspace}/secret.txt`]] } }),
    effect: prints("s3cret"),
    off: ({ workspace }) => withoutMounts(`${workspace}/secret.txt`),
  },
  {
    protection: "the mask of a denied folder",
    prepare: (stage) => stage.write("vault/key", "s3cret\n"),
    attack: ({ workspace }) => shell("cat vault/key", { grants: { entries: [["deny", `${workspace}/vault`]] } }),
    effect: prints("s3cret"),
    off: ({ workspace }) => withoutMounts(`${workspace}/vault`),
  },
  {
    protection: "the private home",
    attack: ({ home }) => shell(`cat ${home}/.ssh/id_ed25519; echo owned >>${home}/diary.txt`),
    effect: (stage, { stdout }) =>
      stage.read(`${stage.home}/diary.txt`)?.includes("owned") === true && stdout.includes("PRIVATE KEY"),
    off: ({ home }) =>
      inPlan(({ mounts }) => ({
        mounts: mounts.map((step) =>
          step.do === "bind" && step.to.startsWith(home) ? { ...step, from: step.to } : step,
        ),
      })),
  },
  {
    protection: "the private /tmp",
    attack: ({ folder }) => shell(`echo here >/tmp/${basename(folder)}`),
    effect: ({ folder }) => {
      const found = readdirSync("/tmp").includes(basename(folder));
      rmSync(`/tmp/${basename(folder)}`, { force: true });
      return found;
    },
    off: () =>
      inPlan(({ mounts }) => ({
        mounts: mounts.map((step) =>
          step.do === "tmpfs" && step.to === "/tmp"
            ? { do: "bind", from: step.to, to: step.to, access: "write" }
            : step,
        ),
      })),
  },
  {
    protection: "the empty root, sealed",
    attack: () => shell("mkdir /made && echo made"),
    effect: prints("made"),
    off: () => inPlan(({ mounts }) => ({ mounts: mounts.filter((step) => step.do !== "seal") })),
    redundant: { heldBy: "Landlock", off: noLandlock },
  },
  {
    protection: "a read-only grant",
    attack: ({ outside }) => shell(`echo owned >${outside}/victim`, { grants: { entries: [["read", outside]] } }),
    effect: overwritten,
    off: writable,
    redundant: { heldBy: "Landlock", off: noLandlock },
  },
  {
    protection: "Landlock",
    attack: ({ outside }) => shell(`echo owned >${outside}/victim`, { grants: { entries: [["read", outside]] } }),
    effect: overwritten,
    off: noLandlock,
    redundant: { heldBy: "the read-only mount", off: writable },
  },
  {
    protection: "the check that what was mounted is what was planned",
    prepare: (stage) => {
      mkdirSync(`${stage.folder}/elsewhere`);
      stage.write(`${stage.folder}/elsewhere/victim`, "s3cret\n");
    },
    attack: ({ outside }) => shell(`cat ${outside}/victim`, { grants: { entries: [["read", outside]] } }),
    beforehand: ({ folder, outside }) =>
      inPlan(({ mounts }) => ({
        mounts: mounts.map((step) =>
          step.do === "bind" && step.to === outside ? { ...step, from: absolutePath(`${folder}/elsewhere`) } : step,
        ),
      })),
    effect: prints("s3cret"),
    off: () => inPlan(() => ({ expectations: [] })),
  },
  {
    protection: "the names the launcher watches",
    attack: () => shell("mkdir .vscode && echo '{}' >.vscode/tasks.json"),
    effect: configured,
    off: noWatch,
    redundant: { heldBy: "the guard's last sweep", off: noSweep },
  },
  {
    protection: "the names the guard sweeps",
    attack: () => shell("mkdir .vscode && echo '{}' >.vscode/tasks.json"),
    effect: configured,
    off: noSweep,
    redundant: {
      heldBy: "the launcher's watch",
      off: noWatch,
    },
  },
];
