import { chmodSync, chownSync, mkdirSync, mkdtempSync, realpathSync, renameSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { loadRequirements } from "../../src/requirements/index.ts";
import { put, refusal } from "../config/stage.ts";
import { encode, required } from "./stage.ts";

/** Each line is refused where it stands in the middle of a file that is right without it. */
const lines: readonly (readonly [name: string, line: string, code: string, message: RegExp])[] = [
  ["no TOML", "audit required", "requirements_parse", /:2:/],
  ["a key twice", 'audit = "required"\naudit = "required"', "requirements_parse", /audit is defined twice/],
  [
    "a key twice, dotted and as a table",
    "network.enabled = true\n[network]\nenabled = false",
    "requirements_parse",
    /:3:/,
  ],
  ["a table twice", "[network]\n[network]", "requirements_parse", /network is defined twice/],
  ["__proto__", "__proto__ = 1", "requirements_parse", /:2:1: this key is not allowed/],
  ["__proto__ as a profile", "[permissions.__proto__]", "requirements_parse", /:2:/],
  ["constructor", "constructor = 1", "requirements_parse", /:2:1: this key is not allowed/],
  [
    "an unknown key, with the nearest",
    "[permissions.filesystem]\ndenyread = []",
    "requirements_schema",
    /:3:1: unknown key denyread; did you mean "deny_read"/,
  ],
  [
    "an unknown key at the top",
    'alowed_sandbox_modes = ["read-only"]',
    "requirements_schema",
    /did you mean "allowed_sandbox_modes"/,
  ],
  [
    "an unknown key below a synonym",
    "[experimental_network]\ndenied_domain = []",
    "requirements_schema",
    /:3:1: unknown key denied_domain; did you mean "denied_domains"/,
  ],
  ["a table and its synonym", "[network]\n[experimental_network]", "requirements_schema", /are the same table/],
  ["the wrong kind", 'network.enabled = "yes"', "requirements_schema", /must be true or false, not "yes"/],
  [
    "an unknown word",
    'allowed_sandbox_modes = ["read-only", "readonly"]',
    "requirements_schema",
    /did you mean "read-only"/,
  ],
  ["an empty set", "allowed_sandbox_modes = []", "requirements_schema", /allowed_sandbox_modes cannot be empty/],
  [
    "an empty set of policies",
    "allowed_approval_policies = []",
    "requirements_schema",
    /:2: allowed_approval_policies cannot be empty/,
  ],
  [
    "a set of names that are all false",
    'allowed_permission_profiles = { ":isolated" = false }',
    "requirements_schema",
    /cannot be empty/,
  ],
  [
    "modes without read-only",
    'allowed_sandbox_modes = ["workspace-write"]',
    "requirements_schema",
    /must list "read-only"/,
  ],
  [
    "modes of a host without read-only",
    '[[remote_sandbox_config]]\nhostname_patterns = ["x"]\nallowed_sandbox_modes = ["workspace-write"]',
    "requirements_schema",
    /:4: .*must list "read-only"/,
  ],
  ["a relative path", '[permissions.filesystem]\ndeny_read = ["./secret"]', "requirements_schema", /:3:/],
  [
    "a pattern of what is not written",
    '[permissions.filesystem]\ndeny_write = ["/srv/**/*.lock"]',
    "requirements_schema",
    /:3:.*is a pattern, and deny_write takes none/,
  ],
  [
    "a pattern below the home of what is not written",
    '[permissions.filesystem]\ndeny_write = ["~/su?"]',
    "requirements_schema",
    /:3:.*is a pattern, and deny_write takes none/,
  ],
  [
    "a pattern of hosts that covers all",
    'network.denied_domains = ["*"]',
    "requirements_schema",
    /:2:.*covers every host/,
  ],
  [
    "both forms of domains",
    "network.domains = {}\nnetwork.allowed_domains = []",
    "requirements_schema",
    /cannot both be set/,
  ],
  [
    "a profile that nobody defines",
    'allowed_permission_profiles = { "ci" = true }',
    "requirements_schema",
    /:2:.*no profile "ci"/,
  ],
  [
    "a profile that extends nothing known",
    '[permissions.ci]\nextends = "cj"',
    "requirements_schema",
    /extends an unknown profile/,
  ],
  ["a built-in profile defined anew", '[permissions.":isolated"]', "requirements_schema", /belongs to sandboxed-run/],
  [
    "a default that is not allowed",
    'default_permissions = ":workspace"\nallowed_permission_profiles = { ":isolated" = true }',
    "requirements_conflict",
    /not among/,
  ],
  ["a version that is none", 'tool.min_version = "new"', "requirements_schema", /is no version/],
  ["a version of the future", 'tool.min_version = "99.0"', "requirements_conflict", /older than 99.0/],
  ["a version of the past", 'tool.max_version = "0.0.1"', "requirements_conflict", /newer than 0.0.1/],
  [
    "a time without a zone",
    '[[exceptions]]\nid = "e"\nreason = "r"\napprover = "a"\nexpires = 2027-01-01',
    "requirements_schema",
    /no point in time/,
  ],
  [
    "an exception without an end",
    '[[exceptions]]\nid = "e"\nreason = "r"\napprover = "a"',
    "requirements_schema",
    /expires/,
  ],
  [
    "a rule that allows",
    '[[rules.prefix_rules]]\npattern = ["git"]\ndecision = "allow"',
    "requirements_schema",
    /decision cannot be "allow"/,
  ],
  [
    "a rule about nothing",
    '[[rules.prefix_rules]]\npattern = []\ndecision = "prompt"',
    "requirements_schema",
    /at least one word/,
  ],
  ["a bundle's key in a file", "serial = 3", "requirements_schema", /:2:1: serial counts only in a signed bundle/],
  [
    "something on trial that is allowed",
    '[network.domains]\n"a.test" = { access = "allow", report_only_until = 2999-01-01T00:00:00Z }',
    "requirements_schema",
    /:3: only what is denied can be on trial/,
  ],
  [
    "a rule on trial until no time",
    '[permissions.filesystem]\ndeny_read = [\n{ path = "/srv", report_only_until = "soon" }]',
    "requirements_schema",
    /:4:.*no point in time/,
  ],
  ["a limit that is none", 'limits.memory = "much"', "requirements_schema", /:2: "much" is not a size/],
  [
    "a public key that is none",
    'requirements_source = { url = "https://x.test", public_key = "abc" }',
    "requirements_schema",
    /is no public key/,
  ],
];

const comment = 'support_contact = "it@example.com"\n';

describe("requirements that are wrong", () => {
  it.each(lines)("%s", async (_, line, code, message) => {
    const error = await refusal(() => required({ system: comment + line }));
    expect([error.code, error.message]).toEqual([code, expect.stringMatching(message)]);
    await expect(required({ system: comment })).resolves.toMatchObject({ supportContact: "it@example.com" });
  });

  it.each([
    ["not base64", "####"],
    ["not UTF-8", Buffer.from([0xff, 0xfe]).toString("base64")],
    ["no TOML", encode("a b")],
    ["no TOML because of a byte order mark", encode('\u{feff}audit = "required"')],
  ])("a variable that is %s", async (_, value) => {
    const environment = new Map([["SANDBOXED_REQUIREMENTS_BASE64", value]]);
    expect((await refusal(() => required({}, { environment }))).code).toBe("requirements_parse");
  });
});

describe("what a user gives", () => {
  const widening = [
    'support_contact = "me"',
    'default_permissions = ":danger-full-access"',
    "[permissions.mine]",
    'network.allowed_domains = ["a.test"]',
    "network.managed_allowed_domains_only = true",
    '[[exceptions]]\nid = "e"\nreason = "r"\napprover = "me"\nexpires = 2999-01-01T00:00:00Z',
    "permissions.filesystem.report_only_until = 2999-01-01T00:00:00Z",
    'permissions.filesystem.deny_write = [{ path = "/srv", report_only_until = 2999-01-01T00:00:00Z }]',
    'network.denied_domains = [{ domain = "a.test", report_only_until = 2999-01-01T00:00:00Z }]',
    'requirements_source = { url = "https://x.test", public_key = "ed25519:AAAA" }',
    "min_serial = 0",
    "[hooks]",
    "features.use_legacy_landlock = true",
    'otel.endpoint = "https://x.test"',
  ];
  it.each(widening)("cannot widen: %s", async (text) => {
    for (const texts of [{ file: text }, { variable: text }]) {
      const error = await refusal(() => required(texts));
      expect([error.code, error.message]).toEqual(["requirements_schema", expect.stringMatching(/counts only in/)]);
    }
    if (!text.startsWith("requirements_source")) await expect(required({ system: text })).resolves.toBeDefined();
  });

  it("narrows", async () => {
    const { layers, sources } = await required({
      file: 'permissions.filesystem.deny_read = ["/srv"]',
      variable: "network.enabled = false\nfeatures.use_legacy_landlock = false",
    });
    expect(sources.map(({ kind, owner }) => [kind, owner])).toEqual([
      ["file", "you"],
      ["variable", "you"],
    ]);
    expect(layers.map(({ enforced }) => enforced.length)).toEqual([1, 1]);
  });
});

describe.skipIf(process.geteuid?.() !== 0)("the system's file", () => {
  const staged = (act: (file: string, folder: string) => void): Promise<unknown> => {
    const root = realpathSync(mkdtempSync(join(tmpdir(), "system-")));
    onTestFinished(() => rmSync(root, { recursive: true, force: true }));
    const folder = join(root, "etc");
    mkdirSync(folder);
    const file = join(folder, "requirements.toml");
    put(file, 'audit = "required"');
    act(file, folder);
    return loadRequirements({ environment: new Map(), home: root, file: null, systemFile: file });
  };
  /** The folder is moved, and a link put in its place; `isThere`: the link leads to where it is now. */
  const linked = (folder: string, to: string, isThere: boolean): void => {
    const place = isThere ? join(folder, "..", to) : `${folder}.moved`;
    mkdirSync(dirname(place), { recursive: true });
    renameSync(folder, place);
    symlinkSync(to, folder);
  };
  const cases: readonly (readonly [name: string, act: (file: string, folder: string) => void, message: RegExp])[] = [
    ["belongs to somebody else", (file) => chownSync(file, 65534, 65534), /belongs to user 65534, not to root/],
    ["can be written by others", (file) => chmodSync(file, 0o666), /can be written by others/],
    ["can be written by its group", (file) => chmodSync(file, 0o664), /can be written by others/],
    [
      "stands in a folder of somebody else's",
      (_, folder) => chownSync(folder, 65534, 65534),
      /can be changed by others than root/,
    ],
    [
      "stands in a folder that others can write",
      (_, folder) => chmodSync(folder, 0o777),
      /can be changed by others than root/,
    ],
    [
      "is missing from a folder that others can write",
      (file, folder) => (rmSync(file), chmodSync(folder, 0o777)),
      /can be changed by others than root/,
    ],
    [
      "is a symbolic link",
      (file, folder) => (rmSync(file), put(join(folder, "x"), ""), symlinkSync("x", file)),
      /is a symbolic link/,
    ],
    ["leads nowhere", (file) => (rmSync(file), symlinkSync("nowhere", file)), /is a symbolic link/],
    ["is a directory", (file) => (rmSync(file), mkdirSync(file)), /is not a regular file/],
    [
      "stands where its folder should be",
      (file, folder) => (rmSync(file), rmSync(folder, { recursive: true }), put(folder, 'audit = "required"')),
      /etc is not a folder/,
    ],
    ["has a folder that is a link to nowhere", (_, folder) => linked(folder, "nowhere", false), /etc leads nowhere/],
    [
      "is in a folder behind a link that others can change",
      (_, folder) => (linked(folder, "open/there", true), chmodSync(join(folder, "../open"), 0o777)),
      /open can be changed by others than root/,
    ],
    [
      "is behind two links of which somebody else can change the second",
      (_, folder) => {
        linked(folder, "theirs/link", false);
        mkdirSync(join(folder, "../theirs"));
        renameSync(`${folder}.moved`, join(folder, "../there"));
        symlinkSync("../there", join(folder, "../theirs/link"));
        chownSync(join(folder, "../theirs"), 65534, 65534);
      },
      /theirs can be changed by others than root/,
    ],
  ];
  it.each(cases)("is refused when it %s", async (_, act, message) => {
    const error = await refusal(() => staged(act));
    expect([error.code, error.message]).toEqual(["requirements_permissions", expect.stringMatching(message)]);
    expect(error.hint).toMatch(/that is up to the administrator, and nothing runs before$/);
    await expect(staged(() => {})).resolves.toMatchObject({ sources: [{ kind: "system" }] });
  });

  it("may be in a folder behind a link where nobody else can change anything", async () => {
    await expect(staged((_, folder) => linked(folder, "there/it/is", true))).resolves.toMatchObject({
      sources: [{ kind: "system" }],
    });
  });

  it("does not have to be there, and binds nobody then", async () => {
    await expect(staged((file) => rmSync(file))).resolves.toMatchObject({ sources: [] });
  });
});

describe("a file given by name", () => {
  it("has to be there, and is no symbolic link", async () => {
    const root = realpathSync(mkdtempSync(join(tmpdir(), "given-")));
    onTestFinished(() => rmSync(root, { recursive: true, force: true }));
    const file = join(root, "given.toml");
    const load = () => required({}, { file });
    expect((await refusal(load)).code).toBe("requirements_permissions");
    put(join(root, "x"), "");
    symlinkSync("x", file);
    expect((await refusal(load)).code).toBe("requirements_permissions");
    rmSync(file);
    put(file, "");
    await expect(load()).resolves.toMatchObject({ sources: [{ kind: "file" }] });
  });
});
