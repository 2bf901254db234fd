import { spawnSync } from "node:child_process";
import { chmodSync, chownSync, mkdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { asRoot, everybody, inode, noMkdir, remove, run, somebody, workFolder } from "./launch.ts";
import type { Outcome, Words } from "./launch.ts";

describe.each(everybody)("the program, started by $name", (who) => {
  let work = "";
  beforeAll(() => {
    work = workFolder(who);
  });
  afterAll(() => remove(work));
  const shell = (script: string, more: Partial<Parameters<typeof run>[0]> = {}): Promise<Outcome> =>
    run({ who, work, run: script, ...more });

  it.each([
    { what: "exit status", script: "exit 7", last: "exit 7" },
    { what: "success", script: "true", last: "exit 0" },
    { what: "signal", script: "kill -TERM $$", last: "signal 15" },
    { what: "default signal dispositions", script: "kill -INT $$; exit 3", last: "signal 2" },
  ])("ends with its own $what", async ({ script, last }) => {
    const { lines } = await shell(script);
    expect(lines).toEqual(["ready", "started", last]);
  });

  it("is told apart from one that cannot be executed", async () => {
    writeFileSync(join(work, "data"), "no program");
    chmodSync(join(work, "data"), 0o644);
    expect((await shell("", { run: [join(work, "absent")] })).lines).toEqual(["ready", "noexec 2"]);
    expect((await shell("", { run: [join(work, "data")] })).lines).toEqual(["ready", "noexec 13"]);
    chmodSync(join(work, "data"), 0o755);
    expect((await shell("", { run: [join(work, "data")] })).lines).toEqual(["ready", "noexec 8"]);
  });

  it("runs as asked, writes with those ids, and reads nothing of another's", async () => {
    const { out } = await shell("id -u; id -G; touch made; stat -c '%u %g' made; cat /etc/shadow");
    const own = statSync(join(work, "made"));
    expect([own.uid, own.gid]).toEqual([who.runs, who.runs]);
    const [uid, groups, made, ...shadow] = out.trimEnd().split("\n");
    expect([uid, groups, made]).toEqual([`${who.runs}`, `${who.runs}`, `${who.runs} ${who.runs}`]);
    // Twin: root's own program may read root's file.
    expect(shadow.length > 0).toBe(who.runs === 0);
  });

  it("has no capability in any set, no way to new ones, and a filter", async () => {
    const { out } = await shell("grep -E '^(Cap|NoNewPrivs|Seccomp:)' /proc/self/status | tr -s '\\t0' ' 0'");
    expect(
      out
        .trimEnd()
        .split("\n")
        .map((line) => line.split(" ")[1]),
    ).toEqual(["0", "0", "0", "0", "0", "1", "2"]);
  });

  it("cannot undo what bwrap mounted, not even from a namespace of its own", async () => {
    const tries = [
      `umount ${work}`,
      "umount -l /proc/sys",
      "umount /proc/kcore",
      "mount -o remount,bind,rw /",
      "mount -t tmpfs none /tmp",
      `mount --bind /tmp ${work}`,
      `unshare -Urm mount -o remount,bind,rw / && echo rw`,
      "unshare -Urm umount /proc/sys && echo umounted",
      "touch /usr/here",
    ];
    const { out } = await shell(
      `for i in ${tries.map((one) => `'${one}'`).join(" ")}; do sh -c "$i" 2>/dev/null && echo "did $i"; done; touch ${work}/allowed && echo wrote`,
    );
    expect(out).toBe("wrote\n");
  });

  it("sees three descriptors and nothing of the init", async () => {
    const { out } = await shell(
      "ls /proc/self/fd | tr '\\n' ' '; cd /proc/1; for i in exe cwd maps mem environ fd/0 fd/3 fd/4; do cat $i; readlink $i; echo x >>$i; done 2>/dev/null; ls /proc/1/cwd/",
    );
    // `ls` itself opens the directory it lists.
    expect(out).toBe("0 1 2 3 ");
  });

  it("gets exactly the environment and directory it was given", async () => {
    const { out } = await run({ who, work, run: ["/usr/bin/env"], environment: ["A=1", "B=x y"] });
    expect(out).toBe("A=1\nB=x y\n");
    expect((await shell("pwd")).out).toBe(`${work}\n`);
  });

  it("finds kernel settings closed and the rest of /proc open", async () => {
    const { out } = await shell(
      `for i in sys/kernel/core_pattern sys/vm/overcommit_memory sysrq-trigger irq/default_smp_affinity; do
         [ -e /proc/$i ] && (echo x >/proc/$i) 2>/dev/null && echo "wrote $i"; done
       for i in kcore keys timer_list kallsyms; do [ -e /proc/$i ] && head -c 1 /proc/$i 2>/dev/null; done
       echo 600 >/proc/self/oom_score_adj && cat /proc/self/oom_score_adj`,
    );
    expect(out).toBe("600\n");
  });

  it("has its loopback up and no other network", async () => {
    const { out } = await shell(
      "cat /proc/net/dev | tail -n +3 | cut -d: -f1; cat /sys/class/net/lo/operstate >/dev/null; grep -c lo /proc/net/dev",
    );
    expect(out.trim().split(/\s+/)).toEqual(["lo", "1"]);
    const talk = `${process.execPath} -e 'const s=require("net").createServer(c=>c.end("hello")).listen(0,"127.0.0.1",()=>require("net").connect(s.address().port,"127.0.0.1").on("data",d=>{console.log(String(d));process.exit()}))'`;
    expect((await shell(talk)).out).toBe("hello\n");
  });

  it("is held by its limits", async () => {
    const init: Words[] = [
      ["limit", "nofile", "64"],
      ["limit", "nproc", "77"],
      ["limit", "data", "1000000000"],
    ];
    const { out } = await shell(
      "ulimit -n; ulimit -Hn; ulimit -c; grep -E 'processes' /proc/self/limits | tr -s ' ' | cut -d' ' -f3",
      { init },
    );
    expect(out).toBe("64\n64\n0\n77\n");
  });

  it("keeps pid_max for itself where the kernel has one a namespace", async () => {
    const host = readFileSync("/proc/sys/kernel/pid_max", "utf8");
    const { out, lines } = await shell("cat /proc/sys/kernel/pid_max; echo 9999 >/proc/sys/kernel/pid_max", {
      init: [["pidmax", "301"]],
    });
    expect(readFileSync("/proc/sys/kernel/pid_max", "utf8")).toBe(host);
    expect([out, lines[1]]).toEqual(["301\n", "started"]);
  });

  it("is refused what the filter refuses, and only that", async () => {
    expect((await shell("mkdir one; touch two; ls", { seccomp: noMkdir })).out).not.toMatch(/^one$/m);
    expect((await shell("mkdir one; ls")).out).toMatch(/^one$/m);
  });

  it("is held by Landlock where the mounts would let it write", async () => {
    const script = "touch /tmp/x && echo tmp; touch here && echo here; mkdir d e; touch d/f; mv d/f e/f && echo moved";
    const shut: Words[] = [["writable", work]];
    expect((await shell(script, { without: ["writable"], init: [["landlock", "yes"]] })).out).toBe("");
    expect((await shell(script)).out).toBe("tmp\nhere\nmoved\n");
    expect(
      (
        await shell("touch /tmp/x && echo tmp; touch here && echo here", {
          without: ["writable"],
          init: [["landlock", "no"], ...shut],
        })
      ).out,
    ).toBe("tmp\nhere\n");
  });

  it("cannot signal, trace or outlive the init", async () => {
    const { out, lines } = await shell(
      "kill -9 1 && echo killed; kill -STOP 1 && echo stopped; echo still; (sleep 100 &) ; exit 4",
    );
    expect(out.split("\n")).toContain("still");
    expect(lines.at(-1)).toBe("exit 4");
  });
});

describe("the file tree", () => {
  let work = "";
  beforeAll(() => {
    work = workFolder(somebody);
    mkdirSync(join(work, "kept"));
    writeFileSync(join(work, "kept/file"), "kept");
    mkdirSync(join(work, "hidden"));
    writeFileSync(join(work, "hidden/key"), "secret");
    writeFileSync(join(work, "empty"), "");
    symlinkSync("kept", join(work, "link"));
    if (asRoot)
      for (const name of ["kept", "kept/file", "hidden", "hidden/key", "empty"])
        chownSync(join(work, name), somebody.runs, somebody.runs);
  });
  afterAll(() => remove(work));

  const go = (init: readonly Words[]): Promise<Outcome> =>
    run({
      who: somebody,
      work,
      run: "cat kept/file; ls hidden; echo x >kept/file",
      mounts: [
        `--ro-bind ${work}/kept ${work}/kept --perms 0000 --size 4096 --tmpfs ${work}/hidden --bind ${work}/empty ${work}/empty`,
      ],
      init,
    });

  it("that is as expected lets the program start", async () => {
    const { lines, out } = await go([
      ["expect", "write", work, ...inode(work)],
      ["expect", "read", `${work}/kept`, ...inode(`${work}/kept`)],
      ["expect", "masked", `${work}/hidden`, "-", "-"],
      ["expect", "write", "/tmp", "-", "-"],
      ["expect", "masked", `${work}/empty`, ...inode(`${work}/empty`)],
    ]);
    expect(lines).toEqual(["ready", "started", "exit 2"]);
    expect(out).toBe("kept");
    expect(readFileSync(join(work, "kept/file"), "utf8")).toBe("kept");
  });

  it.each([
    { what: "another inode", record: (): Words => ["expect", "write", work, inode(work)[0] ?? "", "1"] },
    { what: "another device", record: (): Words => ["expect", "write", work, "1", inode(work)[1] ?? ""] },
    { what: "a writable place", record: (): Words => ["expect", "read", work, "-", "-"] },
    { what: "a read-only place", record: (): Words => ["expect", "write", `${work}/kept`, "-", "-"] },
    { what: "a missing path", record: (): Words => ["expect", "read", `${work}/absent`, "-", "-"] },
    { what: "a symlink instead", record: (): Words => ["expect", "read", `${work}/link`, ...inode(`${work}/kept`)] },
    {
      what: "a readable folder where a mask should be",
      record: (): Words => ["expect", "masked", `${work}/kept`, "-", "-"],
    },
    {
      what: "the very file, but no mount of its own",
      record: (): Words => ["expect", "read", `${work}/kept/file`, ...inode(`${work}/kept/file`)],
    },
  ])("with $what lets nothing run", async ({ record }) => {
    const { lines, out } = await go([record()]);
    expect(lines).toHaveLength(1);
    expect(lines[0]).toMatch(/^failed expect \d+ \//);
    expect(out).toBe("");
  });
});

describe("instructions", () => {
  let work = "";
  beforeAll(() => {
    work = workFolder(somebody);
  });
  afterAll(() => remove(work));

  it.each<{ what: string; init?: Words[]; without?: Words; seccomp?: Buffer }>([
    { what: "an unknown record", init: [["surprise"]] },
    { what: "an argument too few", init: [["limit", "core"]] },
    { what: "a relative path", init: [["writable", "tmp"]] },
    { what: "a number that is none", init: [["tasks", "1e3"]] },
    { what: "a number beyond all bounds", init: [["memory", "99999999999999999999999"]] },
    { what: "no program", without: ["exec"] },
    { what: "no id", without: ["id"] },
    { what: "an empty filter", seccomp: Buffer.alloc(0) },
    { what: "a torn filter", seccomp: Buffer.alloc(7) },
    { what: "an invalid filter", seccomp: Buffer.alloc(8, 0xff) },
    { what: "over a mebibyte", init: [["env", `A=${"x".repeat(1 << 20)}`]] },
    { what: "a writable path that is not there", init: [["writable", "/absent"]] },
    { what: "a directory that cannot be entered", without: ["cwd"], init: [["cwd", "/absent"]] },
  ])("with $what start nothing", async ({ init, without, seccomp }) => {
    const { lines, out } = await run({
      who: somebody,
      work,
      run: "echo ran",
      init: init ?? [],
      without: without ?? [],
      ...(seccomp && { seccomp }),
    });
    expect(lines.at(-1)).toMatch(/^failed /);
    expect(out).toBe("");
  });

  it.each<{ what: string; guard: Words[] }>([
    { what: "an unknown record", guard: [["surprise"]] },
    { what: "a wrong choice", guard: [["stderr", "maybe"]] },
    { what: "a relative path", guard: [["placeholder", "a"]] },
  ])("for the guard with $what start nothing", async ({ guard }) => {
    const outcome = await run({ who: somebody, work, run: "echo ran", guard });
    expect(outcome.guard[0]).toMatch(/^failed instructions /);
    expect([outcome.lines, outcome.out]).toEqual([[], ""]);
  });

  it("that were cut between two records start nothing", async () => {
    const request = { who: somebody, work, run: "echo ran", guard: [["stderr", "pass"]], init: [["tasks", "100"]] };
    expect((await run(request)).out).toBe("ran\n");
    const init = await run({ ...request, cut: "init" });
    expect([init.lines, init.out]).toEqual([[expect.stringMatching(/^failed instructions \d+ cut off/)], ""]);
    const guard = await run({ ...request, cut: "guard" });
    expect([guard.guard, guard.out]).toEqual([[expect.stringMatching(/^failed instructions \d+ cut off/)], ""]);
  });

  it("that bwrap cannot carry out are told in its words", async () => {
    const { guard, lines } = await run({ who: somebody, work, run: "echo ran", mounts: ["--ro-bind /absent /absent"] });
    expect(guard[0]).toMatch(/^bwrap-error bwrap: .*\/absent/);
    expect([lines, guard.at(-1)]).toEqual([[], "end 256"]);
  });
});

describe.each(everybody)("with the host's /proc, started by $name", (who) => {
  it("all else holds", async () => {
    const work = workFolder(who);
    const { lines, out } = await run({
      who,
      work,
      outerProc: true,
      run: "id -u; (echo x >/proc/sys/kernel/core_pattern) 2>/dev/null; (echo 1 >/proc/self/oom_score_adj) 2>/dev/null; cat /proc/$PPID/environ; umount /proc; touch made && echo made",
      init: [
        ["tasks", "500"],
        ["memory", "1000000000"],
        ["pidmax", "400"],
      ],
    });
    expect([lines, out]).toEqual([["ready", "started", "exit 0"], `${who.runs}\nmade\n`]);
    remove(work);
  });

  it("limits hold for the run alone", async () => {
    const work = workFolder(who);
    const init: Words[] = [
      ["memory", "100000000"],
      ["tasks", "60"],
    ];
    const hog = await run({ who, work, outerProc: true, run: "head -c 300000000 /dev/zero | tail", init });
    expect(hog.lines.at(-1)).toMatch(/^limit memory/);
    const crowd = await run({ who, work, outerProc: true, run: "for i in $(seq 70); do sleep 4 & done; wait", init });
    expect(crowd.lines.at(-1)).toMatch(/^limit tasks/);
    remove(work);
  });
});

// Root may choose ids; Landlock is all that holds.
describe.each(everybody)("without namespaces, started by $name", (who) => {
  let work = "";
  beforeAll(() => {
    work = workFolder(who);
  });
  afterAll(() => remove(work));
  const platform: Words[] = ["/usr", "/lib", "/lib64", "/bin", "/etc/ld.so.cache", "/proc", "/dev"].map((path) => [
    "readable",
    path,
  ]);

  it("Landlock alone keeps the program in", async () => {
    const script =
      "touch in && echo in; touch /tmp/out-$$ && echo out; cat /etc/passwd | head -1; id -u; grep CapEff /proc/self/status | tr -d '\\t'";
    const { out, lines } = await run({ who, work, run: script, direct: true, init: [...platform, ["readable", work]] });
    expect(out.trimEnd().split("\n")).toEqual(["in", `${who.runs}`, "CapEff:0000000000000000"]);
    expect(lines).toEqual(["ready", "started", "exit 0"]);
  });

  it("what a symlink was put in the way of is not granted", async () => {
    const elsewhere = workFolder(who);
    writeFileSync(join(elsewhere, "file"), "text\n");
    const read = async (path: string): Promise<string> => {
      const init: Words[] = [...platform, ["readable", work], ["readable", path], ["writable", "/dev/null"]];
      return (await run({ who, work, run: `cat ${elsewhere}/file 2>/dev/null || echo no`, direct: true, init })).out;
    };
    symlinkSync(elsewhere, join(work, "link"));
    symlinkSync(join(elsewhere, "file"), join(work, "leaf"));
    const found = [];
    for (const path of [`${work}/link/file`, `${work}/leaf`, `${work}/gone`, `${elsewhere}/file`])
      found.push(await read(path));
    expect(found).toEqual(["no\n", "no\n", "no\n", "text\n"]);
    remove(elsewhere);
  });

  it("TCP is closed and processes left behind end", async () => {
    const script =
      "(setsid sleep 4321 &); bash -c ': </dev/tcp/127.0.0.1/1' 2>&1 | grep -o 'Permission denied'; bash -c 'kill -9 $PPID'; echo still";
    const { out, lines } = await run({
      who,
      work,
      run: script,
      direct: true,
      init: [...platform, ["readable", work], ["writable", "/dev/null"]],
    });
    expect([out.split("\n")[0], lines.length]).toEqual(["Permission denied", 3]);
    expect(spawnSync("pgrep", ["-f", "^sleep 4321$"]).status).toBe(1);
  });
});
