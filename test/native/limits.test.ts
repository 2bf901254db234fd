import { execFileSync, spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { everybody, remove, run, somebody, workFolder } from "./launch.ts";
import type { Outcome, Who, Words } from "./launch.ts";
import { Tool } from "./tool-process.ts";

const MIB = 1024 * 1024;

/** What a program of a few lines can do to a machine; each takes a size in MiB, a number of processes, or nothing. */
const HOG = `
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/shm.h>
#include <sys/wait.h>
#include <unistd.h>
#include <fcntl.h>
#include <pthread.h>
static void *nap(void *x) { sleep(30); return x; }
int main(int n, char **a) {
  size_t size = n > 2 ? (size_t)atol(a[2]) << 20 : 0;
  if (!strcmp(a[1], "heap")) memset(malloc(size), 1, size);
  else if (!strcmp(a[1], "shared")) memset(mmap(0, size, 3, MAP_SHARED | MAP_ANONYMOUS, -1, 0), 1, size);
  else if (!strcmp(a[1], "memfd")) {
    int fd = memfd_create("x", 0); static char block[1 << 20];
    memset(block, 1, sizeof block);
    for (size_t i = 0; i < size >> 20; i++) if (write(fd, block, sizeof block) < 0) return 9;
  } else if (!strcmp(a[1], "segment")) memset(shmat(shmget(IPC_PRIVATE, size, 0600), 0, 0), 1, size);
  else if (!strcmp(a[1], "children")) { for (int i = 0; i < 8; i++) if (!fork()) { memset(malloc(size / 8), 1, size / 8); sleep(3); _exit(0); } sleep(2); }
  else if (!strcmp(a[1], "file")) {
    int fd = open("/tmp/big", O_CREAT | O_WRONLY, 0600); static char block[1 << 20];
    for (size_t i = 0; i < size >> 20; i++) if (write(fd, block, sizeof block) < 0) return 9;
  } else if (!strcmp(a[1], "bomb")) for (;;) fork();
  else if (!strcmp(a[1], "threads")) { pthread_t t; for (long i = 0; i < atol(a[2]); i++) pthread_create(&t, 0, nap, 0); }
  else if (!strcmp(a[1], "waiting")) { for (long i = 0; i < atol(a[2]); i++) if (!fork()) { if (!vfork()) { sleep(30); _exit(0); } _exit(0); } sleep(20); }
  else if (!strcmp(a[1], "processes")) for (long i = 0; i < atol(a[2]); i++) if (!fork()) { sleep(30); _exit(0); }
  usleep(800000);
  puts("survived");
  return 0;
}`;

let work = "";
beforeAll(() => {
  work = workFolder(somebody);
  execFileSync("gcc", ["-O1", "-w", "-x", "c", "-", "-o", join(work, "hog"), "-pthread"], { input: HOG });
});
afterAll(() => remove(work));

function hog(words: Words, init: readonly Words[], who: Who = somebody): Promise<Outcome> {
  return run({ who, work, run: [join(work, "hog"), ...words], init });
}

describe("memory", () => {
  const limit: readonly Words[] = [
    ["memory", String(150 * MIB)],
    ["counted", "/tmp"],
  ];

  it.each(["heap", "shared", "memfd", "segment", "children", "file"])(
    "as %s over the limit ends the run, and below it does not",
    async (kind) => {
      const [over, below] = await Promise.all([hog([kind, "300"], limit), hog([kind, "80"], limit)]);
      expect(over.lines).toHaveLength(3);
      expect(over.lines[2]).toMatch(/^limit memory \d+$/);
      const used = Number(over.lines[2]?.split(" ")[2]);
      expect(used).toBeGreaterThan(150 * MIB);
      expect(used).toBeLessThan(320 * MIB);
      expect(over.out).toBe("");
      expect(below.lines.at(-1)).toBe("exit 0");
    },
  );

  it.each(everybody)("that only a descriptor holds is found, started by $name", async (who) => {
    const { lines } = await hog(["memfd", "300"], limit, who);
    expect(lines.at(-1)).toMatch(/^limit memory \d+$/);
  });

  it("that another process of the machine takes is not counted", async () => {
    const [mine, other] = await Promise.all([hog(["memfd", "60"], limit), hog(["memfd", "400"], [])]);
    expect([mine.lines.at(-1), other.lines.at(-1)]).toEqual(["exit 0", "exit 0"]);
  });

  it("is watched for less than a twentieth of a processor", async () => {
    const { out } = await run({
      who: somebody,
      work,
      run: "for i in $(seq 100); do sleep 5 & done; sleep 2; cut -d' ' -f14,15 /proc/1/stat",
      init: [
        ["memory", String(500 * MIB)],
        ["tasks", "200"],
      ],
    });
    const ticks = out.trim().split(" ").map(Number);
    expect((ticks[0] ?? 0) + (ticks[1] ?? 0)).toBeLessThanOrEqual(10 + 5);
  });
});

describe("tasks", () => {
  // More than a machine has processors by far, and few enough for others to have their turns meanwhile.
  const most: readonly Words[] = [
    ["tasks", "1024"],
    ["limit", "nproc", "1024"],
    ["pidmax", "1025"],
  ];

  it.each(everybody)("of a fork bomb end the run soon, started by $name", async (who) => {
    const { lines, milliseconds } = await hog(["bomb"], most, who);
    expect(lines[2]).toMatch(/^limit tasks \d+$/);
    expect(milliseconds).toBeLessThan(90_000);
  });

  it("of one in a terminal, whose share of the processors it has in common with the tool, as well", () => {
    const tool = new Tool();
    const note = join(work, "note");
    const command = tool.command({ who: somebody, work, run: [join(work, "hog"), "bomb"], init: most, note });
    spawnSync("script", ["--quiet", "--command", command.join(" "), "/dev/null"], { stdio: "ignore", timeout: 15_000 });
    tool.remove();
    expect(readFileSync(note, "utf8")).toMatch(/^ready\nstarted\nlimit tasks \d+\n$/);
  });

  it.each(["threads", "processes"])("as %s over the limit end the run, and below it do not", async (kind) => {
    const [over, below] = await Promise.all([
      hog([kind, "300"], [["tasks", "200"]]),
      hog([kind, "100"], [["tasks", "200"]]),
    ]);
    expect(over.lines[2]).toMatch(/^limit tasks \d+$/);
    expect(below.lines.at(-1)).toBe("exit 0");
  });

  // Two each, one of which waits for the other in the kernel, where no signal reaches it.
  it("that no signal reaches end the run when they are a crowd, below the limit too", async () => {
    const crowd = 200 * availableParallelism() + 50;
    const limit: readonly Words[] = [["tasks", String(crowd * 3)]];
    const [waiting, asleep] = await Promise.all([
      hog(["waiting", String(crowd)], limit),
      hog(["processes", String(crowd * 2)], limit),
    ]);
    expect(waiting.lines[2]).toMatch(/^limit tasks \d+$/);
    expect(Number(waiting.lines[2]?.split(" ")[2])).toBeLessThan(crowd * 3 * 0.9);
    expect(asleep.lines.at(-1)).toBe("exit 0");
  });

  it("are held by the kernel too, for an ordinary user", async () => {
    const { lines, out } = await run({
      who: somebody,
      work,
      run: ["/usr/bin/python3", "-c", FORK_UNTIL],
      init: [["limit", "nproc", "20"]],
    });
    expect([lines.at(-1), Number(out)]).toEqual(["exit 0", 19]);
  });
});

const FORK_UNTIL = `
import os, time
n = 0
try:
  while n < 100:
    if os.fork() == 0:
      time.sleep(5); os._exit(0)
    n += 1
except BlockingIOError: pass
print(n)`;

it("the temporary directory is as large as it was made", async () => {
  const { out } = await run({
    who: somebody,
    work,
    run: "df -B1 --output=size /tmp | tail -1; dd if=/dev/zero of=/tmp/x bs=1M count=600 2>/dev/null; stat -c %s /tmp/x",
  });
  expect(out.trim().split("\n").map(Number)).toEqual([512 * MIB, 512 * MIB]);
});
