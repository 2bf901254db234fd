import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  type SeccompVariant,
  seccompFileName,
  seccompVariants,
  writeSeccompPrograms,
} from "../../src/sandbox/linux/seccomp/index.ts";
import { buildProbe } from "./seccomp-probe.ts";

const arch = process.arch === "x64" || process.arch === "arm64" ? process.arch : null;
const built = process.platform === "linux" && arch !== null ? buildProbe() : null;

/** What people run, and a word of what it prints when it works. */
interface Tool {
  readonly name: string;
  readonly argv: readonly [program: string, ...args: string[]];
  readonly prints: RegExp;
  /** Where it is refused, and the words it then uses. */
  readonly refused?: { readonly in: readonly SeccompVariant[]; readonly prints: RegExp };
}

/** The name begins with the program that has to be installed. */
const python = (name: string, code: string, prints: RegExp, refused?: Tool["refused"]): Tool => ({
  name: `python3: ${name}`,
  argv: ["python3", "-c", code],
  prints,
  ...(refused && { refused }),
});
const node = (name: string, code: string, prints: RegExp, refused?: Tool["refused"]): Tool => ({
  name: `node: ${name}`,
  argv: [process.execPath, "-e", code],
  prints,
  ...(refused && { refused }),
});
const shell = (name: string, script: string, prints: RegExp, refused?: Tool["refused"]): Tool => ({
  name,
  argv: ["bash", "-ec", script],
  prints,
  ...(refused && { refused }),
});

const noNamespaces: readonly SeccompVariant[] = ["landlock", "landlock-network"];
const tools: readonly Tool[] = [
  python(
    "threads",
    "import threading as t; x=[]; h=[t.Thread(target=x.append,args=(i,)) for i in range(8)]; [i.start() for i in h]; [i.join() for i in h]; print('sum',sum(x))",
    /sum 28/,
  ),
  python(
    "a pool of processes",
    "from multiprocessing import Pool\nwith Pool(2) as p: print(p.map(abs,[-1,-2]))",
    /\[1, 2\]/,
  ),
  python(
    "asyncio and a child",
    "import asyncio\nasync def f():\n p=await asyncio.create_subprocess_exec('echo','hello',stdout=-1)\n return (await p.communicate())[0]\nprint(asyncio.run(f()))",
    /hello/,
  ),
  python(
    "temporary files, copies and modes",
    "import tempfile,shutil,os\nd=tempfile.mkdtemp(dir='.'); open(d+'/a','w').close(); os.chmod(d+'/a',0o755); shutil.copytree(d,d+'2'); print(oct(os.stat(d+'2/a').st_mode))",
    /0o100755/,
  ),
  python("a Unix socket", "import socket\ns=socket.socket(socket.AF_UNIX); print('made')", /made/, {
    in: noNamespaces,
    prints: /PermissionError/,
  }),
  python(
    "a socket",
    "import socket\ns=socket.create_server(('127.0.0.1',0)); c=socket.create_connection(s.getsockname()); print('joined')",
    /joined/,
    { in: ["landlock"], prints: /PermissionError/ },
  ),
  node("workers", "new (require('worker_threads').Worker)('console.log(6*7)',{eval:true})", /42/),
  node(
    "child processes",
    "console.log(require('child_process').execFileSync('echo',['hello']).toString()); const f='child.js'; require('fs').writeFileSync(f,'process.send(7)'); require('child_process').fork(f).on('message',m=>console.log('got',m))",
    /hello[^]*got 7/,
  ),
  node("network interfaces", "console.log(Object.keys(require('os').networkInterfaces()).length > 0)", /true/, {
    in: ["landlock"],
    prints: /ERR_SYSTEM_ERROR|EPERM|operation not permitted/i,
  }),
  node(
    "a server and a request",
    "const h=require('http'); const s=h.createServer((q,r)=>r.end('served')).listen(0,'127.0.0.1',()=>fetch('http://127.0.0.1:'+s.address().port).then(r=>r.text()).then(t=>{console.log(t);process.exit()}))",
    /served/,
    { in: ["landlock"], prints: /EPERM|operation not permitted/i },
  ),
  shell(
    "git: a repository and a commit",
    "git init -q repository; cd repository; echo a > a; git add a; git -c user.name=a -c user.email=a@b commit -qm first; git clone -q . ../clone; git -C ../clone log --oneline",
    /first/,
  ),
  shell(
    "gcc: a program",
    "printf '#include <stdio.h>\\nint main(void){puts(\"compiled\");}' > a.c; gcc -o a a.c; ./a",
    /compiled/,
  ),
  shell(
    "gcc: sanitizers",
    "printf '#include <stdlib.h>\\nint main(void){free(malloc(9));}' > s.c; gcc -fsanitize=address,undefined -o s s.c; ./s && echo clean",
    /clean/,
    { in: noNamespaces, prints: /LeakSanitizer|ptrace/ },
  ),
  shell(
    "npm: a package",
    "mkdir -p package; cd package; npm init -y >/dev/null; npm ls; npm pack --silent",
    /package-1\.0\.0\.tgz/,
  ),
  shell("pip: a start", "python3 -m pip --version", /pip \d/),
  shell("cargo: a program", "cargo new -q --vcs none fresh; cd fresh; cargo run -q --offline", /Hello, world/),
  shell("go: a program", "printf 'package main\\nfunc main(){println(\"compiled\")}' > a.go; go run a.go", /compiled/),
  shell(
    "java: a program",
    "printf 'class A{public static void main(String[] a){System.out.println(\"compiled\");}}' > A.java; java A.java",
    /compiled/,
  ),
  shell(
    "tar: with xargs, find and flock",
    "mkdir -p t; echo a > t/a; tar cf - t | tar tf -; find t | xargs ls -l; flock t/a echo locked",
    /locked/,
  ),
  shell("bash: job control", "sleep 5 & kill %1; wait %1 || echo ended $?", /ended 143/),
];

describe.skipIf(built === null || arch === null)(
  "programs people run (skipped without Linux, x64 or arm64 and a C compiler)",
  () => {
    if (built === null || arch === null) return;
    const { folder, probe, remove } = built;
    const filters = join(folder, "filters");
    beforeAll(() => {
      writeSeccompPrograms(filters);
    });
    afterAll(remove);

    const run = (variant: SeccompVariant, argv: readonly string[]): { status: number | null; output: string } => {
      const place = mkdtempSync(join(folder, "run-"));
      const home = join(place, "home");
      mkdirSync(home);
      const result = spawnSync(probe, ["run", join(filters, seccompFileName(arch, variant)), ...argv], {
        cwd: place,
        encoding: "utf8",
        env: {
          PATH: process.env["PATH"],
          HOME: home,
          GOTOOLCHAIN: "local",
          GOCACHE: join(folder, "go-cache"),
          RUSTUP_HOME: process.env["RUSTUP_HOME"] ?? join(homedir(), ".rustup"),
          ...(process.env["PYENV_ROOT"] !== undefined && { PYENV_ROOT: process.env["PYENV_ROOT"] }),
        },
      });
      return { status: result.status, output: result.stdout + result.stderr };
    };

    describe.each(tools)("$name", ({ name, argv, prints, refused }) => {
      const [program = name] = name.split(":");

      it.skipIf(!works(program)).each(seccompVariants)(
        "under %s (skipped where the program is not installed)",
        (variant) => {
          const { status, output } = run(variant, argv);
          if (refused?.in.includes(variant)) {
            expect(status).not.toBe(0);
            expect(output).toMatch(refused.prints);
          } else {
            expect(output).toMatch(prints);
            expect(status).toBe(0);
          }
        },
      );
    });

    // A datagram pair is enough to send to any socket of the host that takes datagrams.
    it.skipIf(!works("python3"))(
      "lets no datagram out through a socket pair where the host's sockets are in reach (skipped without python3)",
      () => {
        const script = join(folder, "pair.py");
        writeFileSync(
          script,
          [
            "import os, socket, subprocess, sys",
            "if len(sys.argv) == 3:",
            "    a, b = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)",
            "    a.sendto(b'out', sys.argv[2])",
            "    sys.exit()",
            "s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)",
            "s.bind('host.sock')",
            "s.setblocking(False)",
            "subprocess.run([sys.argv[1].split(',')[0], 'run', sys.argv[1].split(',')[1], sys.executable, __file__, 'x', 'host.sock'], stderr=subprocess.DEVNULL)",
            "try: print('received', s.recv(9))",
            "except BlockingIOError: print('nothing came')",
          ].join("\n"),
        );
        const sent = (filter: string): string => {
          const place = mkdtempSync(join(folder, "pair-"));
          return spawnSync("python3", [script, `${probe},${filter}`], { cwd: place, encoding: "utf8" }).stdout;
        };
        expect(sent("-")).toMatch(/received/);
        expect(sent(join(filters, seccompFileName(arch, "namespaced")))).toMatch(/received/);
        for (const variant of noNamespaces)
          expect(sent(join(filters, seccompFileName(arch, variant)))).toMatch(/nothing came/);
      },
    );
  },
);

function works(program: string): boolean {
  return spawnSync("sh", ["-c", 'command -v "$0"', program]).status === 0;
}
