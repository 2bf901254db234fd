import { describe, expect, it } from "vitest";
import { credentialPaths, handOffCategory, handOffLists, protectedNames } from "../../src/policy/index.ts";
import { machine, oracle, profile } from "./machine.ts";

describe("the credential list", () => {
  const wide = oracle(profile({ extends: ":workspace", filesystem: { "~": "write", "/etc": "read" } }), machine());
  const named = `.ssh/id .gnupg/x .aws/config .azure/x .kube/config .netrc .git-credentials .docker/config.json .npmrc .yarnrc .yarnrc.yml
    .pypirc .cargo/credentials .cargo/credentials.toml .gem/credentials .bundle/config .composer/auth.json .m2/settings.xml .m2/settings-security.xml
    .gradle/gradle.properties .nuget/NuGet/NuGet.Config .terraform.d/credentials.tfrc.json .vault-token .pgpass .my.cnf .databrickscfg
    .kaggle/kaggle.json .password-store/x .codex/auth.json .claude/.credentials.json .claude.json .gemini/oauth_creds.json .config/gcloud/x
    .config/gh/hosts.yml .config/glab-cli/x .config/op/x .config/rclone/rclone.conf .config/sops/age .config/github-copilot/x
    .config/pypoetry/auth.toml .config/pip/pip.conf .config/git/credentials .cache/huggingface/token .local/share/keyrings/x
    .local/share/uv/credentials/x .mozilla/firefox/x .config/google-chrome/Default/Cookies .config/chromium/x .bash_history .zsh_history
    .python_history .local/share/fish/fish_history`;
  it.each(named.split(/\s+/))("holds ~/%s", (name) => {
    for (const op of ["read", "write"] as const) {
      expect(wide.decide({ op, path: `/home/u/${name}` })).toMatchObject({ effect: "deny", reason: "credential" });
    }
  });

  it.each(["/etc/shadow", "/etc/krb5.keytab", "/etc/ssh/ssh_host_rsa_key"])("holds %s", (path) => {
    expect(wide.decide({ op: "read", path }).reason).toBe("credential");
  });

  it.each([
    ".sshx/a",
    ".docker/other",
    ".config/git/ignore",
    ".cargo/config.toml",
    "x/.npmrc",
    ".cache/pip/x",
    "notes",
  ])("leaves ~/%s alone", (name) => {
    expect(wide.decide({ op: "write", path: `/home/u/${name}` }).effect).toBe("allow");
  });

  it("knows the line of each", () => {
    for (const { pattern, provenance } of credentialPaths()) {
      expect(provenance.line, pattern).toBeGreaterThan(5);
      expect(provenance.owner).toBe("sandboxed-run");
    }
  });
});

describe("the protected names", () => {
  it("hold what the design lists", () => {
    const { git, tools } = protectedNames();
    const listed = `.sandboxed .codex .agents .claude .cursor .windsurf .gemini .continue .roo .kiro .opencode .mcp.json .vscode .idea .zed
      .devcontainer *.code-workspace .envrc .exrc .nvim.lua .dir-locals.el .gdbinit .bashrc .profile .zshrc`;
    expect(tools).toEqual(expect.arrayContaining(listed.split(/\s+/)));
    const gitListed = `.git/hooks .git/config .git/config.worktree .git/commondir .git/info/attributes .git/objects/info/alternates
      .git/worktrees/*/commondir .git/worktrees/*/gitdir .git/worktrees/*/config.worktree .git/modules/**/hooks .git/modules/**/config`;
    expect(git).toEqual(gitListed.split(/\s+/));
  });

  it("leave alone what somebody has to set off", () => {
    const { tools } = protectedNames();
    for (const name of ["package.json", "Makefile", "AGENTS.md", "CLAUDE.md", ".pre-commit-config.yaml"])
      expect(tools).not.toContain(name);
  });
});

describe("the hand-off list", () => {
  it.each([
    [".git/hooks/post-commit", "git hook"],
    ["vendor/lib/.git/config", "git settings"],
    [".pre-commit-config.yaml", "hook manager"],
    ["lefthook.yml", "hook manager"],
    [".lefthook-local.toml", "hook manager"],
    [".vscode/tasks.json", "editor or debugger"],
    ["AGENTS.md", "agent instructions"],
    ["docs/CLAUDE.md", "agent instructions"],
    [".cursor/rules/a.mdc", "agent instructions"],
    [".mise.toml", "shell or environment"],
    ["mise.local.toml", "shell or environment"],
    [".envrc", "shell or environment"],
    [".github/workflows/ci.yml", "continuous integration"],
    ["package.json", "package scripts"],
    ["packages/a/package.json", "package scripts"],
    [".yarnrc.yml", "package scripts"],
    ["uv.lock", "lock file"],
    ["Makefile", "build script"],
    ["GNUmakefile", "build script"],
    ["build.gradle.kts", "build script"],
    ["Dockerfile", "build script"],
    ["compose.override.yaml", "build script"],
    ["conftest.py", "test or tool configuration"],
    ["vite.config.ts", "test or tool configuration"],
    ["setup.py", "test or tool configuration"],
    ["site-packages/evil.pth", "interpreter start-up"],
    [".venv/bin/python", "interpreter start-up"],
    ["run.desktop", "desktop"],
  ])("%s: %s", (path, category) => {
    expect(handOffCategory(path)?.category).toBe(category);
  });

  it.each(["report.md", "src/main.py", "Makefile.txt", "package.json/x", "data.csv", "hooks.md", "src/makefiles/a"])(
    "%s is on none",
    (path) => {
      expect(handOffCategory(path)).toBeNull();
    },
  );

  it("says of each when it runs", () => {
    for (const { why, patterns } of handOffLists()) expect(why.length * patterns.length).toBeGreaterThan(0);
  });
});
