import { symlinkSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { RequiringMachine, startHost } from "../stage/required.ts";
import type { Result } from "../stage/index.ts";

let machine: RequiringMachine;

beforeAll(() => {
  machine = new RequiringMachine();
});

beforeEach(() => {
  machine.require(null);
  machine.configure(null);
});

afterAll(() => machine.remove());

describe("a host that is closed by its name", () => {
  it("is not reached by its address where the name says which address that is", async () => {
    const { server, port } = await startHost();
    try {
      const fetched = (): string =>
        machine.stage.sh(`curl -s -m 5 http://127.0.0.1:${port}/`, ["--host-port", String(port)]).stdout;
      machine.require('network.denied_domains = ["localhost"]\n');
      expect(fetched()).not.toContain("reached");
      machine.require('network.denied_domains = ["localhost.example"]\n');
      expect(fetched()).toBe("reached\n");
    } finally {
      server.kill();
    }
  });
});

describe("a file that is closed to programs", () => {
  it("is not read for them as a credential, which a server would hand them", async () => {
    const { server, port } = await startHost();
    const [token, link] = [join(machine.stage.outside, "token"), join(machine.stage.home, "token")];
    const bound = (path: string, name: string): string =>
      `${name} = { host = "http://127.0.0.1:${port}", header = "X-Token: {}", from = "file:${path}" }\n`;
    machine.stage.write(token, "a token of somebody's\n");
    symlinkSync(token, link);
    const asked = (path: string): Result => {
      machine.configure(
        `default_permissions = "p"\n[permissions.p]\nextends = ":isolated"\nnetwork.domains = { "127.0.0.1:${port}" = "allow" }\n[permissions.p.network.credentials]\n${bound(path, "TOKEN")}`,
      );
      return machine.stage.sh(`curl -s -m 5 http://127.0.0.1:${port}/`);
    };
    try {
      for (const path of [token, link]) {
        machine.require(`[permissions.filesystem]\ndeny_read = ["${machine.stage.outside}"]\n`);
        const { stdout, stderr, status } = asked(path);
        expect([stdout, status]).toEqual(["", 125]);
        expect(stderr).toMatch(/is closed by deny_read ".*" \(\/etc\/sandboxed\/requirements\.toml:2\)/);
        machine.require(`[permissions.filesystem]\ndeny_read = ["${machine.stage.home}/other"]\n`);
        expect(asked(path).stdout).toBe("reached\n");
      }
      machine.require(
        `[permissions.filesystem]\ndeny_read = ["${machine.stage.outside}"]\n[network.header_injections]\n${bound(token, "OURS")}`,
      );
      machine.configure(null);
      expect(machine.stage.sh(`curl -s -m 5 http://127.0.0.1:${port}/`, ["--host-port", String(port)]).stdout).toBe(
        "reached\n",
      );
    } finally {
      server.kill();
    }
  });

  it("is not where a program starts without a word", () => {
    const here = { cwd: machine.stage.outside };
    machine.require(`[permissions.filesystem]\ndeny_read = ["${machine.stage.outside}"]\n`);
    const { stdout, stderr } = machine.stage.sh("ls", [], here);
    expect(stdout).not.toContain("victim");
    expect(stderr).toContain(`${machine.stage.outside} is not visible to the program, by deny_read`);
    machine.require(null);
    expect(machine.stage.sh("ls", [], here)).toMatchObject({ stdout: expect.stringContaining("victim\n"), stderr: "" });
  });
});

describe("a port that is offered", () => {
  it("is none where there is no network", () => {
    const publish = (): Result => machine.stage.sh("echo ran", ["--publish", "45872:3000"]);
    machine.require("network.enabled = false\n");
    const { stdout, stderr, status } = publish();
    expect([stdout, status]).toEqual(["", 125]);
    expect(stderr).toContain("the network is off (/etc/sandboxed/requirements.toml:1)");
    machine.require("network.enabled = true\nnetwork.dangerously_allow_non_loopback_proxy = true\n");
    expect(publish().stdout).toBe("ran\n");
    expect(machine.stage.sh("echo ran", ["--publish", "0.0.0.0:45872:3000"]).status).toBe(125);
  });
});

describe("an exception for a file in a closed folder of a private home", () => {
  it("opens it to who is granted it, and puts nothing else of that name there", () => {
    const known = join(machine.stage.home, ".ssh/known_hosts");
    const closed = `[permissions.filesystem]\ndeny_read = ["~/.ssh"]\n`;
    machine.stage.write(known, "host key\n");
    machine.require(
      `${closed}[[exceptions]]\nid = "EX-3"\nreason = "r"\napprover = "a"\nexpires = 2999-01-01T00:00:00Z\npermissions.filesystem.allow_read = ["~/.ssh/known_hosts"]\n`,
    );
    const script = "[ -d ~/.ssh/known_hosts ] && echo folder; cat ~/.ssh/known_hosts ~/.ssh/id_ed25519";
    expect(machine.stage.sh(script).stdout).toBe("");
    expect(machine.stage.sh(script, ["-r", known]).stdout).toBe("host key\n");
    machine.require(closed);
    expect(machine.stage.sh(script, ["-r", known]).stdout).toBe("");
  });
});

describe("a question that requirements have answered otherwise", () => {
  it("is told in one line, with who asks it", () => {
    const asking = (subject: string): string =>
      `support_contact = "it@example.com"\n[[test]]\nquery = "read ${subject}"\nexpect = "allow"\nbecause = "builds need it"\n`;
    machine.require(asking(join(machine.stage.outside, "victim")));
    const { stdout, stderr, status } = machine.stage.sh("echo ran");
    expect([stdout, status]).toEqual(["", 125]);
    expect(stderr).toMatch(/requirements\.toml:2: read .*: expected allow, is deny: .*; builds need it\n/);
    expect(stderr).toContain("or tell the administrator (it@example.com)");
    machine.require(asking(join(machine.stage.workspace, "README.md")));
    expect(machine.stage.sh("echo ran").stdout).toBe("ran\n");
  });
});
