import type { Result, RunOptions, Stage } from "../stage/index.ts";

/** What one attack does, how its effect is seen, and how the same act is allowed. */
export interface Attack {
  /** Of the list of attacks: F.. files, P.. processes, N.. network, C.. files the host executes. */
  readonly id: string;
  readonly title: string;
  readonly prepare?: (stage: Stage) => void;
  readonly language?: "sh" | "python";
  readonly script: (stage: Stage) => string;
  readonly words?: (stage: Stage) => readonly string[];
  readonly options?: (stage: Stage) => RunOptions;
  /** True when the act had its effect. */
  readonly effect: (stage: Stage, result: Result) => boolean;
  /** Options under which the act must succeed; "outside" runs it without the tool. */
  readonly allowed: "outside" | ((stage: Stage) => readonly string[]);
}

const prints = (text: string) => (_: Stage, result: Result) => result.stdout.includes(text);

export const fileAttacks: readonly Attack[] = [
  {
    id: "F01",
    title: "a symlink in the workspace leads a write outside",
    script: ({ outside }) => `ln -sfn ${outside}/victim link; echo owned > link`,
    effect: (stage) => stage.read(`${stage.outside}/victim`) === "owned\n",
    allowed: ({ outside }) => ["--write", outside],
  },
  {
    id: "F02",
    title: "a dangling symlink lets the target be made",
    script: ({ outside }) => `ln -sfn ${outside}/new link; echo owned > link`,
    effect: (stage) => stage.read(`${stage.outside}/new`) !== null,
    allowed: ({ outside }) => ["--write", outside],
  },
  {
    id: "F03",
    title: "a protected name that does not exist yet is made",
    script: () => `mkdir -p .vscode && echo '{}' > .vscode/tasks.json; sleep 0.2`,
    effect: (stage) => stage.read(".vscode/tasks.json") !== null,
    allowed: () => [
      "-c",
      'permissions.loose.extends=":isolated"',
      "-c",
      'permissions.loose.protect.off=[".vscode"]',
      "-P",
      "loose",
    ],
  },
  {
    id: "F03b",
    title: "an editor folder is prepared elsewhere and moved into place",
    script: () => `mkdir -p sub/x && echo '{}' > sub/x/tasks.json && mv sub/x .vscode; sleep 0.2`,
    effect: (stage) => stage.read(".vscode/tasks.json") !== null,
    allowed: "outside",
  },
  {
    id: "F04",
    title: "the parent of a protected folder is moved away and made anew",
    prepare: (stage) => void stage.repository(),
    script: () => `mv .git .git2 && mkdir -p .git/hooks && echo '#!/bin/sh' > .git/hooks/pre-commit`,
    effect: (stage) => stage.read(".git/hooks/pre-commit") !== null,
    allowed: "outside",
  },
  {
    id: "F06",
    title: "a denied file is moved to an allowed name",
    prepare: (stage) => stage.write("secret.txt", "s3cret\n"),
    words: () => ["--deny", "secret.txt"],
    script: () => `mv secret.txt open.txt; cat open.txt secret.txt`,
    effect: prints("s3cret"),
    allowed: () => [],
  },
  {
    id: "F06b",
    title: "a folder is moved over a denied name",
    prepare: (stage) => stage.write("vault/key", "s3cret\n"),
    words: () => ["--deny", "vault"],
    script: () => `mkdir mine; mv vault old 2>/dev/null; mv -T mine vault 2>/dev/null; cat old/key vault/key`,
    effect: prints("s3cret"),
    allowed: () => [],
  },
  {
    id: "F07",
    title: "a hard link to a denied file is made inside",
    prepare: (stage) => stage.write("secret.txt", "s3cret\n"),
    words: () => ["--deny", "secret.txt"],
    script: () => `ln secret.txt copy.txt; cat copy.txt`,
    effect: prints("s3cret"),
    allowed: () => [],
  },
  {
    id: "F12",
    title: "the home directory as working directory becomes writable",
    options: ({ home }) => ({ cwd: home }),
    script: ({ home }) => `echo owned >> ${home}/diary.txt`,
    effect: (stage) => stage.read(`${stage.home}/diary.txt`)?.includes("owned") === true,
    allowed: ({ home }) => ["--write", `${home}/diary.txt`],
  },
  {
    id: "F27",
    title: "names in the home directory are listed",
    script: ({ home }) => `ls -a ${home}`,
    effect: prints("diary.txt"),
    allowed: ({ home }) => ["--read", `${home}/diary.txt`],
  },
  {
    id: "F31",
    title: "a sibling whose name begins alike is written",
    prepare: (stage) => stage.write(`${stage.workspace}-evil/file`, "untouched\n"),
    script: ({ workspace }) => `echo owned > ${workspace}-evil/file`,
    effect: (stage) => stage.read(`${stage.workspace}-evil/file`) === "owned\n",
    allowed: ({ workspace }) => ["--write", `${workspace}-evil`],
  },
  {
    id: "F43",
    title: "the mode of a file that is only readable is changed",
    words: ({ outside }) => ["--read", outside],
    script: ({ outside }) =>
      `chmod 777 ${outside}/victim; touch -d 2001-01-01 ${outside}/victim; stat -c %a ${outside}/victim`,
    effect: prints("777"),
    allowed: ({ outside }) => ["--write", outside],
  },
  {
    id: "F44",
    title: "a new user namespace lifts the masks",
    prepare: (stage) => stage.write("secret.txt", "s3cret\n"),
    words: () => ["--deny", "secret.txt"],
    script: ({ workspace }) =>
      `unshare -Urm sh -c 'umount ${workspace}/secret.txt; cat ${workspace}/secret.txt'; umount ${workspace}/secret.txt; cat secret.txt`,
    effect: prints("s3cret"),
    allowed: () => [],
  },
  {
    id: "F-home",
    title: "a private key in the home is read",
    script: ({ home }) => `cat ${home}/.ssh/id_ed25519`,
    effect: prints("PRIVATE KEY"),
    allowed: ({ home }) => ["--read", `${home}/.ssh/id_ed25519`],
  },
  {
    id: "C17",
    title: "a git hook is planted",
    prepare: (stage) => void stage.repository(),
    script: () => `printf '#!/bin/sh\\n' > .git/hooks/post-checkout`,
    effect: (stage) => stage.read(".git/hooks/post-checkout") !== null,
    allowed: () => ["--write", ".git/hooks"],
  },
  {
    id: "C18",
    title: "git configuration that executes is set",
    prepare: (stage) => void stage.repository(),
    script: () => `git config core.fsmonitor ./evil; echo '[core]fsmonitor=./evil' >> .git/config`,
    effect: (stage) => stage.read(".git/config")?.includes("fsmonitor") === true,
    allowed: () => ["--write", ".git/config"],
  },
  {
    id: "C19",
    title: "a filter is put on files that git reads",
    prepare: (stage) => void stage.repository(),
    script: () => `mkdir -p .git/info; echo '* filter=evil' > .git/info/attributes; sleep 0.2`,
    effect: (stage) => stage.read(".git/info/attributes") !== null,
    allowed: "outside",
  },
  {
    id: "C20",
    title: "a repository is exchanged for a file that names another one",
    prepare: (stage) => void stage.repository(),
    script: () => `mv .git other; echo 'gitdir: other' > .git; sleep 0.2`,
    effect: (stage) => stage.read("other/HEAD") !== null || stage.read(".git/HEAD") === null,
    allowed: "outside",
  },
  {
    id: "C20b",
    title: "a repository is told to borrow from another one",
    prepare: (stage) => void stage.repository(),
    script: ({ outside }) =>
      `echo ${outside} > .git/commondir; echo ${outside} > .git/objects/info/alternates; sleep 0.2`,
    effect: (stage) => [".git/commondir", ".git/objects/info/alternates"].some((path) => stage.read(path) !== null),
    allowed: "outside",
  },
  {
    id: "C25",
    title: "a file that the person's shell reads on entering the folder is made",
    script: () => `echo 'touch owned' > .envrc; sleep 0.2`,
    effect: (stage) => stage.read(".envrc") !== null,
    allowed: "outside",
  },
  {
    id: "C26",
    title: "a start-up file of the person's shell is changed",
    script: ({ home }) => `echo owned >> ${home}/.bashrc`,
    effect: (stage) => stage.read(`${stage.home}/.bashrc`)?.includes("owned") === true,
    allowed: "outside",
  },
];

export const processAttacks: readonly Attack[] = [
  {
    id: "P04",
    title: "a user namespace is made",
    script: () => `unshare -Ur echo inside`,
    effect: prints("inside"),
    allowed: "outside",
  },
  {
    id: "P08",
    title: "a process of the host is signalled",
    script: ({ folder }) => `kill -0 $(cat ${folder}/pid) 2>&1 | grep -q "No such process" || echo reached`,
    prepare: (stage) => stage.write(`${stage.folder}/pid`, `${process.pid}\n`),
    words: ({ folder }) => ["--read", `${folder}/pid`],
    effect: prints("reached"),
    allowed: "outside",
  },
  {
    id: "P14",
    title: "start-up variables of interpreters reach the program",
    options: ({ outside }) => ({
      environment: { BASH_ENV: `${outside}/x`, PERL5OPT: "-Mx", PYTHONSTARTUP: `${outside}/x` },
    }),
    script: () => `env`,
    effect: (_, { stdout }) => /BASH_ENV|PERL5OPT|PYTHONSTARTUP/.test(stdout),
    allowed: () => ["-e", "PERL5OPT"],
  },
  {
    id: "P15",
    title: "a secret of the environment is read",
    options: () => ({ environment: { AWS_SECRET_ACCESS_KEY: "c4nary", SSH_AUTH_SOCK: "/run/c4nary" } }),
    script: () => `env; cat /proc/*/environ | tr '\\0' '\\n'`,
    effect: prints("c4nary"),
    allowed: () => ["-e", "AWS_SECRET_ACCESS_KEY"],
  },
  {
    id: "P16",
    title: "processes of the host are seen",
    script: () => `cat /proc/*/cmdline | tr '\\0' ' '; ls /proc | grep -c '^[0-9]'`,
    effect: (_, { stdout }) => stdout.includes("vitest"),
    allowed: "outside",
  },
  {
    id: "P29",
    title: "the first process's executable is opened",
    language: "python",
    script: () =>
      `import os\nos.close(os.open("/proc/1/exe" if os.path.exists("/dev/sandbox-init") else "/proc/self/exe", os.O_RDONLY))\nprint("opened")`,
    effect: prints("opened"),
    allowed: "outside",
  },
  {
    id: "P36",
    title: "a raw packet socket is opened",
    language: "python",
    script: () =>
      `import socket\ntry:\n  socket.socket(socket.AF_PACKET, socket.SOCK_RAW)\nexcept PermissionError:\n  print("asked the kernel")\nelse:\n  print("asked the kernel")`,
    effect: prints("asked the kernel"),
    allowed: "outside",
  },
];
