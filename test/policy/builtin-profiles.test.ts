import { describe, expect, it } from "vitest";
import { builtinProfileNames } from "../../src/policy/index.ts";
import type { Decision, Query } from "../../src/policy/index.ts";
import { builtin, machine, oracle, profile } from "./machine.ts";

type Row = readonly [op: Query["op"], subject: string, expected: string];

function ask(rows: readonly Row[], name: string): void {
  const asked = oracle(builtin(name));
  it.each(rows)(`${name}: %s %s is %s`, (op, subject, expected) => {
    expect(short(asked.decide(query(op, subject)))).toBe(expected);
  });
}

function query(op: Query["op"], subject: string): Query {
  const [host = "", port = "443"] = subject.split(" ");
  switch (op) {
    case "connect":
      return { op, host, port: Number(port) };
    case "dns":
    case "env":
      return { op, name: subject };
    case "bind":
      return { op, port: Number(subject) };
    default:
      return { op, path: subject };
  }
}

function short(decision: Decision): string {
  return `${decision.effect} ${decision.reason} ${decision.where}`;
}

describe(":isolated", () => {
  ask(
    [
      ["read", "/usr/bin/python3", "allow granted host"],
      ["exec", "/usr/bin/python3", "allow granted host"],
      ["write", "/usr/bin/python3", "deny read_only host"],
      ["read", "/etc/passwd", "allow granted host"],
      ["read", "/etc/shadow", "deny credential masked"],
      ["read", "/etc/hostname", "deny no_rule masked"],
      ["list", "/etc", "allow granted masked"],
      ["list", "/", "allow granted masked"],
      ["list", "/opt", "deny no_rule masked"],
      ["read", "/home/u/.pyenv/shims/python", "allow granted host"],
      ["write", "/home/u/.pyenv/shims/python", "deny read_only host"],
      ["read", "/home/other/x", "deny no_rule masked"],
      ["write", "/home/u/ws/a.txt", "allow granted host"],
      ["create", "/home/u/ws/new/a.txt", "allow granted host"],
      ["move", "/home/u/ws/a.txt", "allow granted host"],
      ["write", "/home/u/.cache/pip/x", "allow granted private"],
      ["read", "/home/u/.ssh/id_ed25519", "allow granted private"],
      ["write", "/tmp/x", "allow granted private"],
      ["write", "/dev/shm/x", "allow granted private"],
      ["write", "/dev/null", "allow granted private"],
      ["read", "/proc/self/status", "allow granted private"],
      ["write", "/proc/sys/kernel/core_pattern", "deny read_only private"],
      ["read", "/home/u/ws/.git/config", "allow granted host"],
      ["write", "/home/u/ws/.git/config", "deny protected_name host"],
      ["write", "/home/u/ws/.git/hooks/pre-commit", "deny protected_name host"],
      ["create", "/home/u/ws/.git/hooks/pre-commit", "deny protected_name host"],
      ["create", "/home/u/ws/.vscode", "deny protected_name host"],
      ["write", "/home/u/ws/.git/index", "allow granted host"],
      ["move", "/home/u/ws/.git/hooks", "deny protected_name host"],
      ["move", "/home/u/ws/.git", "deny pinned_ancestor host"],
      ["move", "/home/u/ws", "deny mount_root host"],
      ["move", "/home/u", "deny mount_root host"],
      ["read", "/home/u/.local/state/sandboxed/key", "deny tool_state masked"],
      ["connect", "example.com 443", "deny network_not_allowed host"],
      ["dns", "example.com", "deny network_not_allowed host"],
      ["bind", "8080", "allow granted private"],
      ["connect_unix", "/run/docker.sock", "deny unix_socket_not_allowed host"],
      ["connect_unix", "/tmp/own.sock", "allow granted private"],
      ["env", "PATH", "allow granted host"],
      ["env", "GITHUB_TOKEN", "deny environment_not_inherited masked"],
      ["read", "/home/u/ws\0/../../x", "deny unresolvable_path masked"],
    ],
    ":isolated",
  );
});

describe(":workspace", () => {
  ask(
    [
      ["read", "/etc/hostname", "allow granted host"],
      ["write", "/etc/hostname", "deny read_only host"],
      ["read", "/home/u/.ssh/id_ed25519", "deny credential masked"],
      ["list", "/home/u/.aws", "deny credential masked"],
      ["read", "/home/u/.yarnrc.yml", "deny credential masked"],
      ["read", "/etc/ssh/ssh_host_ed25519_key", "deny credential masked"],
      ["read", "/etc/ssh/ssh_config", "allow granted host"],
      ["write", "/home/u/ws/a", "allow granted host"],
      ["write", "/home/u/x", "deny read_only host"],
      ["write", "/tmp/x", "allow granted private"],
    ],
    ":workspace",
  );
});

describe(":read-only", () => {
  ask(
    [
      ["read", "/home/u/ws/a", "allow granted host"],
      ["write", "/home/u/ws/a", "deny read_only host"],
      ["read", "/home/u/.netrc", "deny credential masked"],
      ["connect", "example.com 443", "deny network_off host"],
      ["write", "/tmp/x", "allow granted private"],
    ],
    ":read-only",
  );
});

describe(":danger-full-access", () => {
  ask(
    [
      ["read", "/home/u/.ssh/id_ed25519", "allow unrestricted host"],
      ["write", "/home/u/ws/.git/hooks/pre-commit", "allow unrestricted host"],
      ["write", "/home/u/.local/state/sandboxed/key", "allow unrestricted host"],
      ["move", "/home/u/ws", "allow unrestricted host"],
      ["connect", "example.com 22", "allow granted host"],
      ["connect_unix", "/run/docker.sock", "allow granted host"],
      ["bind", "80", "allow granted host"],
      ["env", "GITHUB_TOKEN", "allow granted host"],
    ],
    ":danger-full-access",
  );
});

describe("every restricted built-in profile", () => {
  const restricted = builtinProfileNames.filter((name) => name !== ":danger-full-access");
  it.each(restricted)("%s hides the tool's own state, whatever is granted", (name) => {
    const wide = profile({ extends: name, filesystem: { "~/.local/state/sandboxed": "write", "~": "write" } });
    const decision = oracle(wide, machine()).decide({ op: "read", path: "/home/u/.local/state/sandboxed/keys/a" });
    expect(decision).toMatchObject({ effect: "deny", reason: "tool_state", suggestion: { argv: [] } });
    expect(oracle(wide).decide({ op: "write", path: "/home/u/.local/state/other" }).effect).toBe("allow");
  });

  it.each(restricted)("%s names the line of its list where a credential is refused", (name) => {
    const wide = profile({ extends: name, filesystem: { "~": "read" } });
    const { provenance, rule } = oracle(wide).decide({ op: "read", path: "/home/u/.ssh/id" });
    expect(rule).toEqual({ kind: "credential", text: '"~/.ssh" = "deny"' });
    expect(provenance).toMatchObject({ layer: "builtin", file: "sandbox-profiles/credentials.toml", line: 6 });
  });
});
