import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { tmpdir } from "node:os";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { absolutePath } from "../../../../src/policy/index.ts";
import type { AbsolutePath } from "../../../../src/policy/index.ts";
import { openDisk } from "../../../../src/sandbox/linux/facts/index.ts";
import { findToolchains, searchPath } from "../../../../src/sandbox/linux/toolchains/index.ts";

let root: AbsolutePath;
beforeEach(() => {
  root = absolutePath(realpathSync(mkdtempSync(`${tmpdir()}/toolchains-`)));
  mkdirSync(`${root}/home/work`, { recursive: true });
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

/** Files below the test's root; `-> x` makes a symlink, a name ending in `/` a directory. */
function put(files: Readonly<Record<string, string>>): void {
  for (const [name, content] of Object.entries(files)) {
    const path = `${root}/${name}`;
    mkdirSync(name.endsWith("/") ? path : dirname(path), { recursive: true });
    if (name.endsWith("/")) continue;
    if (content.startsWith("-> ")) symlinkSync(content.slice(3).replaceAll("@", root), path);
    else writeFileSync(path, content.replaceAll("@", root), { mode: 0o755 });
  }
}

interface Ask {
  readonly path: string;
  readonly variables?: Readonly<Record<string, string>>;
  readonly cwd?: string;
}

function find({ path, variables = {}, cwd = "home/work" }: Ask) {
  const here = (text: string): string => text.replaceAll("@", root);
  const environment = new Map(
    Object.entries({ HOME: "@/home", PATH: path, ...variables }).map(([name, value]) => [name, here(value)]),
  );
  const toolchains = findToolchains({
    environment,
    home: absolutePath(`${root}/home`),
    cwd: absolutePath(`${root}/${cwd}`),
    workspace: absolutePath(`${root}/home/work`),
    platform: [absolutePath("/usr")],
    platformLinks: [absolutePath("/bin")],
    disk: openDisk(),
  });
  const short = (text: string): string => text.replaceAll(root, "@");
  return {
    shown: toolchains.flatMap(({ roots }) => roots).map(short),
    names: toolchains.map(({ name }) => name),
    path: searchPath(environment.get("PATH"), toolchains).map(short),
    environment: toolchains.flatMap((toolchain) => toolchain.environment),
  };
}

const pyenv = {
  "home/.pyenv/libexec/pyenv": "",
  "home/.pyenv/version": "3.11.7\n",
  "home/.pyenv/shims/python3": "",
  "home/.pyenv/versions/3.11.7/bin/python3": "",
  "home/.pyenv/versions/3.12.1/bin/python3": "",
  "home/.pyenv/versions/3.12.10/bin/python3": "",
  "home/.pyenv/versions/3.13.0rc1/bin/python3": "",
  "home/.pyenv/versions/mine": "-> 3.12.1",
  "home/.pyenv/versions/out": "-> @/home/elsewhere",
  "home/elsewhere/bin/python3": "",
  "home/.pyenv/.git/config": "token",
};
const shims = "@/home/.pyenv/shims:/usr/bin";
const version = (name: string): string => `@/home/.pyenv/versions/${name}/bin`;

describe("a manager with version files", () => {
  const cases: readonly (readonly [string, ask: Ask, files: Record<string, string>, real: readonly string[]])[] = [
    ["the manager's own choice", { path: shims }, {}, [version("3.11.7")]],
    ["the project's", { path: shims }, { "home/work/.python-version": "3.12.1\n" }, [version("3.12.1")]],
    [
      "the nearest upwards",
      { path: shims, cwd: "home/work/a/b" },
      { "home/work/a/b/": "", "home/work/a/.python-version": "3.12.1", "home/work/.python-version": "3.11.7" },
      [version("3.12.1")],
    ],
    [
      "a variable before files",
      { path: shims, variables: { PYENV_VERSION: "3.12.1:3.11.7" } },
      { "home/work/.python-version": "3.12.10" },
      [version("3.12.1"), version("3.11.7")],
    ],
    [
      "several, with a comment",
      { path: shims },
      { "home/work/.python-version": "# both\n3.12.1 # new\n3.11.7\n" },
      [version("3.12.1"), version("3.11.7")],
    ],
    [
      "the beginning of a version means its newest",
      { path: shims },
      { "home/work/.python-version": "3.12" },
      [version("3.12.10")],
    ],
    [
      "with the tool's name before it",
      { path: shims },
      { "home/work/.python-version": "python-3.12.1" },
      [version("3.12.1")],
    ],
    ["a link to an installed one", { path: shims }, { "home/work/.python-version": "mine" }, [version("3.12.1")]],
    ["a link out of what is installed", { path: shims }, { "home/work/.python-version": "out" }, []],
    ["a way out of what is installed", { path: shims }, { "home/work/.python-version": "../../elsewhere" }, []],
    ["the system's own", { path: shims }, { "home/work/.python-version": "system" }, []],
    ["one that is not installed", { path: shims }, { "home/work/.python-version": "2.7" }, []],
  ];
  it.each(cases)("%s", (_, ask, files, real) => {
    put({ ...pyenv, ...files });
    const found = find(ask);
    expect(found.shown).toEqual(["@/home/.pyenv/versions"]);
    expect(found.path).toEqual([...(real.length === 0 ? ["@/home/.pyenv/shims"] : real), "/usr/bin"]);
    expect(found.environment).toEqual(["PYENV_ROOT"]);
  });

  it("keeps the order of PATH: what stood before the shims still does", () => {
    put(pyenv);
    expect(find({ path: "/usr/bin:@/home/.pyenv/shims:bin::." }).path).toEqual(["/usr/bin", version("3.11.7")]);
  });

  it("is not there when PATH does not lead to it", () => {
    put(pyenv);
    expect(find({ path: "/usr/bin:/bin" }).names).toEqual([]);
  });

  it("a version file that is a FIFO or huge does not stop anybody", () => {
    put({ ...pyenv, "home/work/.python-version": "3".repeat(200_000) });
    expect(find({ path: shims }).path[0]).toBe(version("3.11.7"));
  });
});

interface Home {
  readonly name: string;
  readonly files: Readonly<Record<string, string>>;
  readonly ask: Ask;
  readonly shown: readonly string[];
  readonly path: readonly string[];
}

const node = (folder: string) => ({ [`${folder}/bin/node`]: "", [`${folder}/include/node/node_version.h`]: "" });

const homes: readonly Home[] = [
  {
    name: "nvm",
    files: { "home/.nvm/nvm.sh": "", "home/.nvm/versions/node/v20.1.0/bin/node": "", "home/.nvm/.npmrc": "secret" },
    ask: { path: "@/home/.nvm/versions/node/v20.1.0/bin:/usr/bin" },
    shown: ["@/home/.nvm/versions"],
    path: ["@/home/.nvm/versions/node/v20.1.0/bin", "/usr/bin"],
  },
  {
    name: "fnm, through a directory of the shell's own",
    files: {
      ...node("home/.local/share/fnm/node-versions/v20/installation"),
      "run/fnm/1_2": "-> @/home/.local/share/fnm/node-versions/v20/installation",
    },
    ask: { path: "@/run/fnm/1_2/bin:/usr/bin" },
    shown: ["@/home/.local/share/fnm/node-versions"],
    path: ["@/home/.local/share/fnm/node-versions/v20/installation/bin", "/usr/bin"],
  },
  {
    name: "volta, its default and the project's",
    files: {
      "home/.volta/bin/node": "",
      "home/.volta/tools/image/node/20.1.0/bin/node": "",
      "home/.volta/tools/image/node/18.0.0/bin/node": "",
      "home/.volta/tools/image/yarn/1.22.0/bin/yarn": "",
      "home/.volta/tools/user/platform.json": `{"node":{"runtime":"20.1.0","npm":null},"yarn":"1.22.0"}`,
      "home/work/package.json": `{"volta":{"node":"18.0.0"}}`,
    },
    ask: { path: "@/home/.volta/bin" },
    shown: ["@/home/.volta/tools/image"],
    path: ["@/home/.volta/tools/image/yarn/1.22.0/bin", "@/home/.volta/tools/image/node/18.0.0/bin"],
  },
  {
    name: "asdf",
    files: {
      "home/.asdf/installs/nodejs/20.1.0/bin/node": "",
      "home/.asdf/installs/golang/1.22.0/go/bin/go": "",
      "home/.asdf/installs/python/3.12.1/bin/python3": "",
      "home/.asdf/shims/node": "",
      "home/.tool-versions": "golang 1.22.0\nnodejs 18\n",
      "home/work/.tool-versions": "nodejs 20.1.0 # here\n",
    },
    ask: { path: "@/home/.asdf/shims:/usr/bin", variables: { ASDF_PYTHON_VERSION: "3.12.1" } },
    shown: ["@/home/.asdf/installs"],
    path: [
      "@/home/.asdf/installs/golang/1.22.0/go/bin",
      "@/home/.asdf/installs/nodejs/20.1.0/bin",
      "@/home/.asdf/installs/python/3.12.1/bin",
      "/usr/bin",
    ],
  },
  {
    name: "mise",
    files: {
      "home/.local/share/mise/installs/node/20.1.0/bin/node": "",
      "home/.local/share/mise/installs/node/20": "-> 20.1.0",
      "home/.local/share/mise/installs/python/3.12.1/bin/python3": "",
      "home/.local/share/mise/installs/ruby/3.3.0/bin/ruby": "",
      "home/.local/share/mise/shims/node": "",
      "home/.config/mise/config.toml": "[settings]\nruby = '3.3.0'\n[tools]\nnode = '18'\n",
      "home/work/mise.toml": `[env]\nTOKEN = "x"\n[tools]\nnodejs = "20"\npython = ["3.12", "3.11"]\n`,
    },
    ask: { path: "@/home/.local/share/mise/shims:/usr/bin" },
    shown: ["@/home/.local/share/mise/installs"],
    path: [
      "@/home/.local/share/mise/installs/node/20.1.0/bin",
      "@/home/.local/share/mise/installs/python/3.12.1/bin",
      "/usr/bin",
    ],
  },
  {
    name: "cargo and rustup, without the credentials beside them",
    files: {
      "home/.cargo/bin/cargo": "",
      "home/.cargo/credentials.toml": "token",
      "home/.cargo/config.toml": "token",
      "home/.cargo/registry/x": "",
      "home/.rustup/settings.toml": "",
      "home/.rustup/toolchains/stable/bin/cargo": "",
    },
    ask: { path: "@/home/.cargo/bin:/usr/bin" },
    shown: ["@/home/.cargo/bin", "@/home/.rustup"],
    path: ["@/home/.cargo/bin", "/usr/bin"],
  },
  {
    name: "sdkman",
    files: {
      "home/.sdkman/candidates/java/21/bin/java": "",
      "home/.sdkman/candidates/java/current": "-> 21",
      "home/.sdkman/etc/config": "",
    },
    ask: { path: "@/home/.sdkman/candidates/java/current/bin" },
    shown: ["@/home/.sdkman/candidates"],
    path: ["@/home/.sdkman/candidates/java/current/bin"],
  },
  {
    name: "bun and deno",
    files: {
      "home/.bun/bin/bun": "",
      "home/.bun/install/cache/x": "",
      "home/.bun/install/global/x": "",
      "home/.deno/bin/deno": "",
    },
    ask: { path: "@/home/.deno/bin:@/home/.bun/bin" },
    shown: ["@/home/.deno/bin", "@/home/.bun/bin", "@/home/.bun/install/global"],
    path: ["@/home/.deno/bin", "@/home/.bun/bin"],
  },
  {
    name: "uv and its interpreters, not what else lies in ~/.local/bin",
    files: {
      "home/.local/bin/uv": "",
      "home/.local/bin/deploy": "password=x",
      "home/.local/share/uv/python/.lock": "",
      "home/.local/share/uv/python/cpython-3.12/bin/python3": "",
      "home/.local/share/uv/credentials/x": "secret",
    },
    ask: { path: "@/home/.local/bin" },
    shown: ["@/home/.local/bin/uv", "@/home/.local/share/uv/python"],
    path: ["@/home/.local/bin"],
  },
  {
    name: "conda, without its configuration",
    files: {
      "home/miniconda3/conda-meta/x": "",
      "home/miniconda3/bin/python": "",
      "home/miniconda3/lib/x": "",
      "home/miniconda3/.condarc": "token",
      "home/miniconda3/pkgs/x": "",
    },
    ask: { path: "@/home/miniconda3/bin" },
    shown: ["@/home/miniconda3/bin", "@/home/miniconda3/lib", "@/home/miniconda3/conda-meta"],
    path: ["@/home/miniconda3/bin"],
  },
  {
    name: "a virtual environment elsewhere, and the interpreter behind it",
    files: {
      ...pyenv,
      "home/envs/e/bin/python": "",
      "home/envs/e/pyvenv.cfg": "home = @/home/.pyenv/versions/3.12.1/bin\n",
    },
    ask: { path: "@/home/envs/e/bin:/usr/bin" },
    shown: ["@/home/envs/e", "@/home/.pyenv/versions"],
    path: ["@/home/envs/e/bin", "/usr/bin"],
  },
  {
    name: "the interpreter behind the workspace's own environment, which stays writable",
    files: {
      ...pyenv,
      "home/work/.venv/bin/python": "",
      "home/work/.venv/pyvenv.cfg": "home = @/home/.pyenv/versions/3.12.1/bin\n",
    },
    ask: { path: "@/home/work/.venv/bin:/usr/bin" },
    shown: ["@/home/.pyenv/versions"],
    path: ["@/home/work/.venv/bin", "/usr/bin"],
  },
  {
    name: "unpacked by hand: Go and Node",
    files: {
      "opt/go/VERSION": "go1.22",
      "opt/go/bin/go": "",
      "opt/go/pkg/tool/x": "",
      "opt/go/src/runtime/x": "",
      ...node("home/node-v20"),
      "home/node-v20/.npmrc": "token",
    },
    ask: { path: "@/opt/go/bin:@/home/node-v20/bin" },
    shown: ["@/opt/go", "@/home/node-v20/bin", "@/home/node-v20/include"],
    path: ["@/opt/go/bin", "@/home/node-v20/bin"],
  },
  {
    name: "what go install made",
    files: { "home/go/bin/gopls": "", "home/go/pkg/mod/x": "" },
    ask: { path: "@/home/go/bin" },
    shown: ["@/home/go/bin"],
    path: ["@/home/go/bin"],
  },
];

describe("what is shown of a home", () => {
  it.each(homes)("$name", ({ files, ask, shown, path }) => {
    put(files);
    const found = find(ask);
    expect(found.shown).toEqual(shown);
    expect(found.path).toEqual(path);
  });
});

describe("a variable is no way to show other things", () => {
  const secrets = { "home/.ssh/id": "key", "home/.config/x": "y" };
  const cases: readonly (readonly [
    string,
    variables: Record<string, string>,
    files: Record<string, string>,
    path: string,
  ])[] = [
    [
      "a root without the manager's signature",
      { PYENV_ROOT: "@/home/.ssh" },
      { "home/.ssh/versions/x": "" },
      "@/home/.ssh/shims",
    ],
    ["the home as a root", { CARGO_HOME: "@/home" }, { "home/bin/cargo": "", "home/settings.toml": "" }, "@/home/bin"],
    [
      "a root above the home",
      { RUSTUP_HOME: "@" },
      { settings: "", "settings.toml": "", "toolchains/": "" },
      "@/toolchains",
    ],
    [
      "a shown name that links to the home",
      { PYENV_ROOT: "@/p" },
      { "p/libexec/pyenv": "", "p/versions": "-> @/home" },
      "@/p/shims",
    ],
    ["a relative root", { PYENV_ROOT: "home/.pyenv" }, { "home/.ssh/versions/x": "" }, "@/home/.ssh"],
    ["a directory of programs without more", {}, { "home/.ssh/bin/x": "" }, "@/home/.ssh/bin"],
    [
      "an environment's file that names a secret place",
      {},
      { "home/work/.venv/pyvenv.cfg": "home = @/home/.ssh\n" },
      "/usr/bin",
    ],
  ];
  it.each(cases)("%s", (_, variables, files, path) => {
    put({ ...secrets, ...files });
    const { shown } = find({ path, variables });
    for (const place of shown) expect(["@/home", "@", "@/home/.ssh"]).not.toContain(place);
    expect(shown.filter((place) => place.startsWith("@/home/.ssh") || "@/home/.ssh".startsWith(`${place}/`))).toEqual(
      [],
    );
  });

  it("and shows a root of one's own that is one", () => {
    put({ "p/libexec/pyenv": "", "p/version": "3.9", "p/shims/": "", "p/versions/3.9.1/bin/python": "" });
    const found = find({ path: "@/p/shims", variables: { PYENV_ROOT: "@/p" } });
    expect(found).toMatchObject({ shown: ["@/p/versions"], path: ["@/p/versions/3.9.1/bin"] });
  });
});
