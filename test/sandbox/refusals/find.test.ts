import { describe, expect, it } from "vitest";
import { brief, find, open } from "./scene.ts";

/** Lines as real programs print them, and what they tell under the policy of the scene. */
const table: readonly (readonly [tool: string, text: string, expected: readonly string[]])[] = [
  ["cat", "cat: /srv/data/x: Permission denied", ["read /srv/data/x EACCES"]],
  ["cat, hidden", "cat: /srv/data/x: No such file or directory", ["read /srv/data/x ENOENT"]],
  ["cat, a quoted name", "cat: '/srv/a b': No such file or directory", ["read /srv/a b ENOENT"]],
  [
    "cat, private home",
    "cat: /home/u/notes/todo.txt: No such file or directory",
    ["read /home/u/notes/todo.txt ENOENT"],
  ],
  ["cat, home by ~", "cat: ~/notes/todo.txt: No such file or directory", ["read /home/u/notes/todo.txt ENOENT"]],
  [
    "cat, credentials",
    "cat: /home/u/.ssh/id_ed25519: No such file or directory",
    ["read /home/u/.ssh/id_ed25519 ENOENT"],
  ],
  ["rm", "rm: cannot remove '/ro/f': Read-only file system", ["move /ro/f EROFS"]],
  ["mkdir", "mkdir: cannot create directory ‘/ro/sub’: Read-only file system", ["create /ro/sub EROFS"]],
  [
    "mkdir below what is hidden",
    "mkdir: cannot create directory ‘/srv/data/new’: No such file or directory",
    ["create /srv/data/new ENOENT"],
  ],
  [
    "touch",
    "touch: cannot touch '.git/hooks/pre-commit': Read-only file system",
    ["create /home/u/ws/.git/hooks/pre-commit EROFS"],
  ],
  ["mv", "mv: cannot move '.git/hooks' to 'h': Device or resource busy", ["move /home/u/ws/.git/hooks EBUSY"]],
  ["mv of a mount", "mv: cannot move '/ro' to '/ro2': Read-only file system", ["move /ro EROFS", "move /ro2 EROFS"]],
  ["cp", "cp: cannot create regular file '/ro/passwd': Permission denied", ["create /ro/passwd EACCES"]],
  ["chmod", "chmod: changing permissions of '/etc/passwd': Operation not permitted", ["write /etc/passwd EPERM"]],
  ["ls", "ls: cannot open directory '/srv': Permission denied", ["list /srv EACCES"]],
  [
    "tar",
    "tar: /ro/x.tar: Cannot open: Read-only file system\ntar: Error is not recoverable: exiting now",
    ["create /ro/x.tar EROFS"],
  ],
  ["awk", "awk: cannot open /srv/data/x (Permission denied)", ["read /srv/data/x EACCES"]],
  ["make", "make: *** /srv: Permission denied.  Stop.", ["read /srv EACCES"]],
  ["sed", "sed: couldn't open temporary file /ro/sedCwAn8a: Permission denied", ["create /ro/sedCwAn8a EACCES"]],
  ["perl", "Cannot open /srv/data/x: Permission denied at -e line 1.", ["read /srv/data/x EACCES"]],
  ["perl, script", 'Can\'t open perl script "/opt/tool": No such file or directory', ["read /opt/tool ENOENT"]],
  ["dash, redirection", "sh: 1: cannot create /ro/new: Read-only file system", ["create /ro/new EROFS"]],
  ["dash, a bare name", "sh: 1: cannot create new: Read-only file system", ["create /ro/new EROFS"]],
  ["bash, redirection", "bash: line 1: /ro/new: Read-only file system", ["create /ro/new EROFS"]],
  ["bash, cd", "bash: line 1: cd: /srv: Permission denied", ["list /srv EACCES"]],
  ["bash, program", "bash: line 1: /opt/tool: No such file or directory", ["read /opt/tool ENOENT"]],
  ["dash, program of PATH", "sh: 1: helper: not found", ["exec /home/u/bin/helper ENOENT"]],
  ["bash, program of PATH", "bash: line 1: helper: command not found", ["exec /home/u/bin/helper ENOENT"]],
  ["env, program of PATH", "env: ‘helper’: No such file or directory", ["exec /home/u/bin/helper ENOENT"]],
  ["Go, program of PATH", 'exec: "helper": executable file not found in $PATH', ["exec /home/u/bin/helper ENOENT"]],
  ["dash, variable", "sh: 1: GITHUB_TOKEN: parameter not set", ["env GITHUB_TOKEN null"]],
  ["bash, variable", "bash: line 1: GITHUB_TOKEN: unbound variable", ["env GITHUB_TOKEN null"]],
  [
    "Python, variable",
    "  File \"<frozen os>\", line 679, in __getitem__\nKeyError: 'GITHUB_TOKEN'",
    ["env GITHUB_TOKEN null"],
  ],
  [
    "Python",
    "Traceback (most recent call last):\n  File \"/ro/f\", line 1, in <module>\nPermissionError: [Errno 13] Permission denied: '/srv/data/x'",
    ["read /srv/data/x EACCES"],
  ],
  ["Python, writing", "OSError: [Errno 30] Read-only file system: '/ro/new'", ["create /ro/new EROFS"]],
  [
    "Python, rename",
    "OSError: [Errno 30] Read-only file system: '/ro/f' -> '/ro/g h'",
    ["move /ro/f EROFS", "move /ro/g h EROFS"],
  ],
  [
    "Python, a name with an arrow",
    "PermissionError: [Errno 30] Read-only file system: '/ro/a -> b'",
    ["write /ro/a -> b EROFS"],
  ],
  [
    "Python, an apostrophe",
    'FileNotFoundError: [Errno 2] No such file or directory: "/srv/it\'s here"',
    ["read /srv/it's here ENOENT"],
  ],
  ["Python, escaped bytes", String.raw`cat: '/srv/\303\251': No such file or directory`, ["read /srv/é ENOENT"]],
  [
    "Python, script",
    "/usr/bin/python3: can't open file '/opt/tool': [Errno 2] No such file or directory",
    ["read /opt/tool ENOENT"],
  ],
  [
    "Node",
    "node:fs:573\n\nError: EACCES: permission denied, open '/srv/data/x'\n    at Object.openSync (node:fs:573:18)",
    ["read /srv/data/x EACCES"],
  ],
  [
    "Node, rename",
    "Error: EROFS: read-only file system, rename '/ro/f' -> '/ro/g'",
    ["move /ro/f EROFS", "move /ro/g EROFS"],
  ],
  ["Node, copy", "Error: EROFS: read-only file system, copyfile '/etc/passwd' -> '/ro/p'", ["create /ro/p EROFS"]],
  ["Node, mkdir", "Error: ENOENT: no such file or directory, mkdir '/srv/data/d'", ["create /srv/data/d ENOENT"]],
  [
    "Node, spawn",
    "Error: spawnSync /opt/tool ENOENT\n    at Object.spawnSync (node:internal/child_process:1123:20)",
    ["exec /opt/tool ENOENT"],
  ],
  ["Node, spawn by name", "Error: spawn helper ENOENT", ["exec /home/u/bin/helper ENOENT"]],
  ["Node, module", "Error: Cannot find module '/opt/tool'\nRequire stack:\n- /x/[eval]", ["read /opt/tool ENOENT"]],
  ["Node, socket", "Error: connect ENOENT /var/run/docker.sock", ["connect_unix /var/run/docker.sock ENOENT"]],
  [
    "Node, address",
    "Error: connect ENETUNREACH 203.0.113.1:443 - Local (0.0.0.0:0)",
    ["connect 203.0.113.1:443 ENETUNREACH"],
  ],
  [
    "Node, name",
    "Error: getaddrinfo EAI_AGAIN example.com\n    at GetAddrInfoReqWrap.onlookupall",
    ["dns example.com EAI"],
  ],
  ["Go", "open /srv/data/x: no such file or directory", ["read /srv/data/x ENOENT"]],
  ["Go, log", "2026/11/21 05:10:20 failed: open /srv/data/x: permission denied", ["read /srv/data/x EACCES"]],
  ["Go, rename", "rename /ro/f /ro/g: read-only file system", ["move /ro/f EROFS", "move /ro/g EROFS"]],
  ["Go, exec", "fork/exec /opt/tool: no such file or directory", ["exec /opt/tool ENOENT"]],
  [
    "Go, name",
    'Get "https://example.com/": dial tcp: lookup example.com on 10.255.255.53:53: dial udp 10.255.255.53:53: connect: network is unreachable',
    ["connect example.com:443 EAI"],
  ],
  ["Go, address", "dial tcp 203.0.113.1:80: connect: network is unreachable", ["connect 203.0.113.1:80 ENETUNREACH"]],
  ["Go, IPv6", "dial tcp [2001:db8::1]:443: connect: network is unreachable", ["connect 2001:db8::1:443 ENETUNREACH"]],
  [
    "Go, socket",
    "dial unix /var/run/docker.sock: connect: permission denied",
    ["connect_unix /var/run/docker.sock EACCES"],
  ],
  ["Rust, with a path", "could not write /ro/f: Read-only file system (os error 30)", ["write /ro/f EROFS"]],
  [
    "Rust, a path nearby",
    "Error: failed to open /srv/data/x\n\nCaused by:\n    Permission denied (os error 13)",
    ["read /srv/data/x EACCES"],
  ],
  [
    "Java",
    'Exception in thread "main" java.io.FileNotFoundException: /srv/data/x (Permission denied)',
    ["read /srv/data/x EACCES"],
  ],
  [
    "Java, writing",
    'Exception in thread "main" java.io.FileNotFoundException: /ro/new (Read-only file system)',
    ["create /ro/new EROFS"],
  ],
  ["Java, NIO", "java.nio.file.NoSuchFileException: /srv/data/x", ["read /srv/data/x ENOENT"]],
  ["Java, NIO denied", "java.nio.file.AccessDeniedException: /srv/data/x", ["read /srv/data/x EACCES"]],
  ["Java, name", "java.net.UnknownHostException: example.com", ["dns example.com EAI"]],
  [
    "gcc",
    "/usr/bin/ld: cannot open output file /ro/out: Permission denied\ncollect2: error: ld returned 1 exit status",
    ["create /ro/out EACCES"],
  ],
  [
    "gcc, source",
    "cc1: fatal error: /srv/data/x: No such file or directory\ncompilation terminated.",
    ["read /srv/data/x ENOENT"],
  ],
  [
    "git, config",
    "error: could not lock config file .git/config: Read-only file system",
    ["write /home/u/ws/.git/config EROFS"],
  ],
  ["git, clone to", "fatal: could not create work tree dir '/ro/r2': Read-only file system", ["create /ro/r2 EROFS"]],
  [
    "git, name",
    "Cloning into 'y'...\nfatal: unable to access 'https://github.com/x/y.git/': Could not resolve host: github.com",
    ["connect github.com:443 EAI"],
  ],
  [
    "git, ssh",
    "ssh: Could not resolve hostname github.com: Temporary failure in name resolution",
    ["connect github.com:22 EAI"],
  ],
  ["ssh", "ssh: connect to host 203.0.113.1 port 22: Network is unreachable", ["connect 203.0.113.1:22 ENETUNREACH"]],
  ["curl, name", "curl: (6) Could not resolve host: example.com", ["dns example.com EAI"]],
  [
    "curl, address",
    "curl: (7) Failed to connect to 127.0.0.1 port 9 after 0 ms: Couldn't connect to server",
    ["connect 127.0.0.1:9 ECONNREFUSED"],
  ],
  [
    "wget",
    "--2026-11-21 05:08:44--  https://example.com/\nResolving example.com (example.com)... failed: Temporary failure in name resolution.\nwget: unable to resolve host address ‘example.com’",
    ["dns example.com EAI"],
  ],
  [
    "wget, address",
    "Connecting to 203.0.113.1:80... failed: Network is unreachable.",
    ["connect 203.0.113.1:80 ENETUNREACH"],
  ],
  [
    "bash, /dev/tcp",
    "bash: connect: Network is unreachable\nbash: line 1: /dev/tcp/203.0.113.1/80: Network is unreachable",
    ["connect 203.0.113.1:80 ENETUNREACH"],
  ],
  ["bash, /dev/tcp name", "bash: line 1: example.com: Temporary failure in name resolution", ["dns example.com EAI"]],
  [
    "npm",
    "npm error code EAI_AGAIN\nnpm error syscall getaddrinfo\nnpm error request to https://registry.npmjs.org/left-pad failed, reason: getaddrinfo EAI_AGAIN registry.npmjs.org",
    ["connect registry.npmjs.org:443 EAI"],
  ],
  [
    "urllib3",
    "urllib3.exceptions.MaxRetryError: HTTPSConnectionPool(host='pypi.org', port=443): Max retries exceeded with url: /simple/ (Caused by NameResolutionError(\"<HTTPSConnection object>: Failed to resolve 'pypi.org' ([Errno -3] Temporary failure in name resolution)\"))",
    ["dns pypi.org EAI"],
  ],
  ["cargo", "  [6] Could not resolve hostname (Could not resolve host: index.crates.io)", ["dns index.crates.io EAI"]],
  [
    "docker",
    "Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?",
    ["connect_unix /var/run/docker.sock EACCES"],
  ],
  [
    "Python, no host",
    "socket.gaierror: [Errno -3] Temporary failure in name resolution",
    ["connect unnamed.invalid:443 EAI"],
  ],
  [
    "Python, no host, unreachable",
    "urllib.error.URLError: <urlopen error [Errno 101] Network is unreachable>",
    ["connect unnamed.invalid:443 ENETUNREACH"],
  ],
];

const here: ReadonlyMap<string, string> = new Map([["dash, a bare name", "/ro"]]);

describe("findRefusals", () => {
  it.each(table)("reads %s", (tool, text, expected) => {
    expect(brief(text, undefined, here.get(tool))).toEqual(expected);
    // Where the policy allows it, the cause lies elsewhere and nothing is blamed.
    expect(brief(text, open, here.get(tool))).toEqual([]);
  });

  it.each([
    ["a file missing for everybody", "cat: /srv/absent/x: No such file or directory"],
    ["a file missing in the workspace", "cat: nothing.txt: No such file or directory"],
    ["host permissions where the policy allows", "cat: data.bin: Permission denied"],
    ["a program nobody has", "bash: line 1: nosuchcmd: command not found"],
    ["a program that is visible", "bash: line 1: cat: command not found"],
    ["a variable nobody set", "KeyError: 'NOT_THERE'"],
    ["a variable that passes", "KeyError: 'LANG'"],
    ["no error at all", "All 12 tests passed in /srv/data/x\n"],
    ["an error without a name", "Error: Permission denied"],
    ["a program's name before it", "kill: (1) - Operation not permitted"],
    ["frames around it", '  File "/srv/data/x", line 3, in f\nPermissionError: [Errno 13] Permission denied'],
    ["FileNotFoundError, which is no ENOTFOUND", "FileNotFoundError: [Errno 2] No such file or directory: 'x'"],
    ["a host only talked about", "visit https://example.com/ for more"],
    ["nothing", ""],
  ])("blames nothing for %s", (_name, text) => expect(brief(text)).toEqual([]));

  it("keeps the order of appearance, what is named before what is guessed, a network without a host last", () => {
    const text = [
      "socket.gaierror: [Errno -3] Temporary failure in name resolution",
      "Error: failed to open /srv/data/x",
      "Caused by: Permission denied",
      "cat: /opt/tool: Permission denied",
      "rm: cannot remove '/ro/f': Read-only file system",
    ].join("\n");
    expect(brief(text)).toEqual([
      "read /opt/tool EACCES",
      "move /ro/f EROFS",
      "read /srv/data/x EACCES",
      "connect unnamed.invalid:443 EAI",
    ]);
  });

  it("tells each thing once, a host with its port rather than without, twenty at most", () => {
    expect(
      brief("cat: /srv/data/x: Permission denied\nls: cannot access '/srv/data/x': Permission denied"),
    ).toHaveLength(1);
    const host =
      "curl: (6) Could not resolve host: example.com\nfatal: unable to access 'https://example.com/': Could not resolve host: example.com";
    expect(brief(host)).toEqual(["connect example.com:443 EAI"]);
    const many = Array.from({ length: 60 }, (_, index) => `touch: cannot touch '/ro/${index}': Read-only file system`);
    expect(brief(many.join("\n"))).toHaveLength(20);
  });

  it("says hidden by what, with a decision that allows a private place", () => {
    const [refusal] = find("cat: /home/u/notes/todo.txt: No such file or directory");
    expect(refusal?.decision).toMatchObject({ effect: "allow", where: "private" });
  });

  it("gives the line as evidence, escaped and short", () => {
    const [refusal] = find("\u001b[31mcat: /srv/data/x: Permission denied\u001b[0m \u202e\u0007");
    expect(refusal?.evidence).toBe("cat: /srv/data/x: Permission denied \\u{202e}\\x07");
    const [long] = find(`${"x".repeat(600)} cat: /srv/data/x: Permission denied`);
    expect(long?.evidence.length ?? 0).toBeLessThanOrEqual(200);
  });

  it("sees through colours, links, carriage returns and bytes that are no text", () => {
    expect(brief("10%\r20%\rcat: \u001b]8;;file:///x\u0007/srv/data/x\u001b]8;;\u001b\\: Permission denied")).toEqual([
      "read /srv/data/x EACCES",
    ]);
    expect(
      brief(Buffer.concat([Buffer.from([0xff, 0xfe, 0x0a]), Buffer.from("cat: /srv/data/x: Permission denied")])),
    ).toHaveLength(1);
    expect(brief("cat: /srv/data/\0x: Permission denied")).toEqual([]);
  });

  it("reads both ends of a long line and of a long text", () => {
    const line = "cat: /srv/data/x: Permission denied";
    expect(brief(`${"x".repeat(9000)} ${line}`)).toHaveLength(1);
    expect(brief(`${line} ${"x".repeat(9000)}`)).toHaveLength(1);
    expect(brief(`${line}\n${"noise\n".repeat(100_000)}`)).toHaveLength(1);
    expect(brief(`${"noise\n".repeat(100_000)}${line}\n`)).toHaveLength(1);
  });
});
