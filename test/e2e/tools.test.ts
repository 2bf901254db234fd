import { describe, expect, it } from "vitest";
import { onStage, people } from "../stage/index.ts";

/** Whole programs that must work with nothing granted: their caches go to the private home. */
const jobs: readonly { readonly name: string; readonly script: string; readonly prints: RegExp }[] = [
  {
    name: "python3",
    script: `python3 -c 'import ssl, json, multiprocessing; print(multiprocessing.Pool(2).map(abs, [-1, -2]))'`,
    prints: /\[1, 2\]/,
  },
  {
    name: "python3 -m venv and pip",
    script: `python3 -m venv --without-pip .venv && .venv/bin/python -c 'print("venv")' && python3 -m pip --version`,
    prints: /venv\npip/,
  },
  {
    name: "node",
    script: `node -e 'const { execSync } = require("child_process"); console.log(execSync("echo from-child") + require("os").homedir())'`,
    prints: /from-child/,
  },
  { name: "npm", script: `npm init -y >/dev/null && npm pkg get name && npm config get cache`, prints: /project/ },
  {
    name: "git init, commit, clone",
    script: `git init -q sub && cd sub && echo x > f && git add f && git commit -qm one && git log --format=%an && cd .. && git clone -q sub copy && ls copy`,
    prints: /Test Person\nf/,
  },
  {
    name: "gcc",
    script: `printf '#include <stdio.h>\\nint main(void){puts("compiled");}' > a.c && gcc a.c -o a && ./a`,
    prints: /compiled/,
  },
  {
    name: "a shell with pipes, jobs and substitution",
    script: `bash -c 'set -m; sleep 0.1 & wait %1; cat <(echo sub) | tr a-z A-Z'`,
    prints: /SUB/,
  },
];

describe.each(people)("as %s", (person) => {
  it.each(jobs)("$name works", ({ script, prints }) =>
    onStage(person, (stage) => {
      const { stdout, stderr, status } = stage.sh(script, [], { timeout: 60_000 });
      expect(status, stderr).toBe(0);
      expect(stdout).toMatch(prints);
    }),
  );

  it("git commit works in a repository and in a linked work tree of it", () =>
    onStage(person, (stage) => {
      stage.repository();
      stage.git("worktree", "add", "-q", "../linked", "-b", "side");
      for (const [cwd, branch] of [
        [stage.workspace, "main"],
        [`${stage.home}/work/linked`, "side"],
      ] as const) {
        const { status, stderr } = stage.sh(`echo more >> README.md && git commit -qam "from inside ${branch}"`, [], {
          cwd,
        });
        expect(status, stderr).toBe(0);
        expect(stage.git("log", "-1", "--format=%s", branch).trim()).toBe(`from inside ${branch}`);
      }
    }));

  it("what a program keeps in its home is there again, and not in the host's", () =>
    onStage(person, (stage) => {
      stage.sh(`mkdir -p ~/.cache && echo kept > ~/.cache/thing`);
      expect(stage.sh(`cat ~/.cache/thing`).stdout).toBe("kept\n");
      expect(stage.read(`${stage.home}/.cache/thing`)).toBeNull();
    }));
});
