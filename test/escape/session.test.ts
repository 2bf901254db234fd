import type { ChildProcess } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { connectControl } from "../../src/session/index.ts";
import { onStage, people } from "../stage/index.ts";
import type { Stage } from "../stage/index.ts";
import { aSecond } from "../stage/a-second.ts";

/** The status of a call over HTTP, by whatever token and to whatever port the environment says. */
const call = (method: string, body = "{}", more = ""): string =>
  `curl -s -m 5 --noproxy '*' -o /dev/null -w '%{http_code} ' -X POST -H 'content-type: application/json' ` +
  `-H "authorization: Bearer $SANDBOXED_TOKEN" ${more} "http://\${SANDBOXED_CHANNEL#tcp://}/v1/${method}" -d '${body}'`;
const modes = ["restricted", "off", "full"] as const;
const grant = ["--grant", "memory=notes"];

const sessionsOf = (stage: Stage): string => join(stage.home, ".local/state/sandboxed/sessions");

async function firstLine(child: ChildProcess): Promise<string> {
  let text = "";
  child.stdout?.on("data", (chunk: Buffer) => (text += chunk.toString()));
  for (let i = 0; i < 500 && !text.includes("\n"); i++) await sleep(10);
  return text.trim();
}

function exitOf(child: ChildProcess): Promise<number | null> {
  return new Promise((resolve) => child.once("exit", (code) => resolve(code)));
}

describe.each(modes)("the channel of a run, network %s", (mode) => {
  const words = ["--network", mode];

  it.each(people)("is there for who was granted something, as %s", (person) =>
    onStage(person, (stage) => {
      expect(stage.sh(call("session.ping"), [...words, ...grant]).stdout).toBe("200 ");
    }),
  );

  it("is not there without a grant", () =>
    onStage("self", (stage) => {
      const script = `env | grep -E 'TOKEN|CHANNEL'; SANDBOXED_CHANNEL=tcp://127.0.0.1:61128; ${call("session.ping")}`;
      expect(stage.sh(script, words).stdout).toBe("000 ");
    }));

  it("knows no other run's token (B01)", () =>
    onStage("self", async (stage) => {
      const other = stage.start([...words, ...grant, "--", "sh", "-c", "echo $SANDBOXED_TOKEN; sleep 20"]);
      const token = await firstLine(other);
      expect(token).toMatch(/^sbx_/);
      const script = `${call("session.ping")}; SANDBOXED_TOKEN=${token}; ${call("session.ping")}`;
      expect(stage.sh(script, [...words, ...grant]).stdout).toBe("200 401 ");
      other.kill("SIGKILL");
    }));

  it("serves no page of the web, and no name that leads here (B06)", () =>
    onStage("self", (stage) => {
      const script = [
        call("session.ping"),
        call("session.ping", "{}", "-H 'origin: http://127.0.0.1'"),
        call("session.ping", "{}", "-H 'host: evil.example.com'"),
        call("session.ping", "{}", "-H 'content-type: text/plain'"),
      ].join("; ");
      const [good, ...bad] = stage
        .sh(script, [...words, ...grant])
        .stdout.trim()
        .split(" ");
      expect(good).toBe("200");
      expect(bad.filter((status) => status.startsWith("2"))).toEqual([]);
    }));
});

describe("a token", () => {
  it("stands in nothing that is written down (B04)", () =>
    onStage("self", (stage) => {
      const script = `${call("session.ping")}; ${call("session.nothing")}; printf %s "$SANDBOXED_TOKEN" >token; curl -s $SANDBOXED_CHANNEL`;
      const { stdout, stderr } = stage.sh(script, ["--grant", "checkpoint", "--report", "report.json", "-v"]);
      const token = stage.read("token") ?? "";
      expect(token).toMatch(/^sbx_/);
      const sessions = sessionsOf(stage);
      const [session = ""] = readdirSync(sessions);
      const kept = readdirSync(join(sessions, session)).map((name) => stage.read(join(sessions, session, name)) ?? "");
      expect(kept.join("")).toContain("grant.made");
      expect([stdout, stderr, stage.read("report.json") ?? "", ...kept].filter((text) => text.includes(token))).toEqual(
        [],
      );
    }));

  it("that is derived does no more than the first (B14)", () =>
    onStage("self", (stage) => {
      const mint = (caps: string): string =>
        `curl -s --noproxy '*' -X POST -H 'content-type: application/json' -H "authorization: Bearer $SANDBOXED_TOKEN" "http://\${SANDBOXED_CHANNEL#tcp://}/v1/session.grant" -d '{"capabilities":["${caps}"]}' | sed 's/.*"token":"\\([^"]*\\)".*/\\1/'`;
      const get = (key: string): string => call("session.memory.get", `{"key":"${key}"}`);
      const script = `FIRST=$SANDBOXED_TOKEN; ${get("notes")}; ${get("other")}; SANDBOXED_TOKEN=$(${mint("memory=*")}); ${get("notes")}; ${get("other")}; SANDBOXED_TOKEN=$FIRST; ${get("notes")}; ${get("notes")}`;
      const grants = ["--grant", "memory=notes:calls=3", "--grant", "delegate"];
      expect(stage.sh(script, grants).stdout).toBe("200 403 200 403 200 403 ");
    }));

  it("ends with its time (B15)", () =>
    onStage("self", (stage) => {
      const get = call("session.memory.get", '{"key":"notes"}');
      const script = `${get}; sleep 1.2; ${get}`;
      expect(stage.sh(script, ["--grant", "memory=notes:expires=1s"]).stdout).toBe("200 403 ");
      expect(stage.sh(script, ["--grant", "memory=notes:expires=1m"]).stdout).toBe("200 200 ");
    }));
});

describe("the owner's way in", () => {
  const waiting = ["--grant", "checkpoint", "--", "sh", "-c", "echo ready; sleep 30"];

  it("is closed to the program, and open outside (B46)", () =>
    onStage("self", async (stage) => {
      const run = stage.start(waiting);
      expect(await firstLine(run)).toBe("ready");
      const [session = ""] = readdirSync(sessionsOf(stage));
      const folder = join(sessionsOf(stage), session);
      const control = await connectControl(folder);
      expect(await control?.call("session.info")).toMatchObject({
        grants: [{ grant: "g1", capabilities: ["checkpoint"] }],
      });
      control?.close();
      // From every profile that keeps anything from a program, the widest among them.
      const look = stage.sh(
        `cat ${folder}/control.key; python3 -c "
import socket
socket.socket(socket.AF_UNIX).connect('${folder}/control.sock')
print('connected')"`,
        ["-P", ":workspace", "--network", "full"],
      );
      expect(look.stdout).toBe("");
      run.kill("SIGTERM");
      await exitOf(run);
      expect(existsSync(join(folder, "control.sock"))).toBe(false);
    }));

  it("ends the run within a second, and nothing of it goes on (B15)", () =>
    onStage("self", async (stage) => {
      const run = stage.start(waiting);
      expect(await firstLine(run)).toBe("ready");
      const [session = ""] = readdirSync(sessionsOf(stage));
      const control = await connectControl(join(sessionsOf(stage), session));
      const began = performance.now();
      const ended = exitOf(run);
      expect(await control?.call("control.revoke", { grant: "g1" })).toEqual({ revoked: true });
      expect(await ended).toBe(143);
      expect(performance.now() - began).toBeLessThan(aSecond);
      await expect(control?.call("session.info")).rejects.toMatchObject({ code: "cancelled" });
    }));

  it("answers a question, for which the run's clock waits", () =>
    onStage("self", async (stage) => {
      const ask = call("session.checkpoint", '{"question":"go on?"}');
      const run = stage.start([
        "--timeout",
        "2s",
        "--grant",
        "checkpoint",
        "--",
        "sh",
        "-c",
        `echo ready; ${ask}; sleep 0.3`,
      ]);
      let said = "";
      run.stdout?.on("data", (chunk: Buffer) => (said += chunk.toString()));
      while (!said.includes("ready")) await sleep(10);
      const [session = ""] = readdirSync(sessionsOf(stage));
      const control = await connectControl(join(sessionsOf(stage), session));
      await sleep(2600);
      const { questions } = Object(await control?.call("control.questions"));
      expect(questions).toMatchObject([{ text: "go on?", kind: "checkpoint" }]);
      const ended = exitOf(run);
      await control?.call("control.reply", { question: questions[0].id, approve: true });
      expect(await ended).toBe(0);
      expect(said).toContain("200");
    }));

  it("while the same run without a question is over when its time is", () =>
    onStage("self", (stage) => {
      expect(stage.sh("sleep 5", ["--timeout", "2s", "--grant", "checkpoint"]).status).toBe(124);
    }));
});
