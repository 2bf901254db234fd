import type { Option } from "./option.ts";

/** What a run may do; also taken by the commands that answer questions about a policy. */
export const policyOptions = [
  {
    id: "permissions",
    long: "permissions",
    short: "P",
    argument: "NAME",
    help: "the profile to start from: a built-in one (:isolated, :workspace, :read-only) or one of yours",
    example: "-P :workspace",
    completes: "profile",
  },
  {
    id: "read",
    long: "read",
    short: "r",
    argument: "PATH",
    help: "let it read a file, or a directory and all below",
    example: "-r ~/data",
    completes: "file",
  },
  {
    id: "write",
    long: "write",
    short: "w",
    argument: "PATH",
    help: "let it read and change a file, or a directory and all below",
    example: "-w ./out",
    completes: "file",
  },
  {
    id: "deny",
    long: "deny",
    short: null,
    argument: "PATH",
    help: "keep it from a path or pattern that would be allowed",
    example: "--deny '**/.env'",
    completes: "file",
  },
  {
    id: "network",
    long: "network",
    short: null,
    argument: "off|restricted|full",
    help: "off: none; restricted: what the policy names; full: the host's network",
    example: "--network off",
    choices: ["off", "restricted", "full"],
  },
  {
    id: "cd",
    long: "cd",
    short: "C",
    argument: "DIR",
    help: "act as if started in DIR",
    example: "-C ~/project",
    completes: "directory",
  },
  {
    id: "env",
    long: "env",
    short: "e",
    argument: "NAME[=VALUE]",
    help: "hand on a variable of yours, or set one",
    example: "-e GITHUB_TOKEN -e LEVEL=2",
  },
  {
    id: "timeout",
    long: "timeout",
    short: null,
    argument: "DUR",
    help: "end it after that time, with status 124",
    example: "--timeout 10m",
  },
  {
    id: "memory",
    long: "memory",
    short: null,
    argument: "SIZE",
    help: "end it when all its processes together use more",
    example: "--memory 2GiB",
  },
  {
    id: "processes",
    long: "processes",
    short: null,
    argument: "N",
    help: "processes and threads it may have at once",
    example: "--processes 256",
  },
  {
    id: "config",
    long: "config",
    short: null,
    argument: "FILE",
    help: "one more configuration file, above your own",
    example: "--config ci.toml",
    completes: "file",
  },
  {
    id: "override",
    long: null,
    short: "c",
    argument: "KEY=VALUE",
    help: "set one key of the configuration",
    example: "-c permissions.ci.network.mode=off",
  },
  {
    id: "backend",
    long: "backend",
    short: null,
    argument: "NAME",
    help: "the rung of the fallback ladder to use, or to fail",
    example: "--backend bwrap-outer-proc",
    choices: ["bwrap", "bwrap-outer-proc", "landlock"],
  },
  {
    id: "enable",
    long: "enable",
    short: null,
    argument: "FEATURE",
    help: "switch a feature on",
    example: "--enable use_legacy_landlock",
  },
  {
    id: "disable",
    long: "disable",
    short: null,
    argument: "FEATURE",
    help: "switch a feature off",
    example: "--disable use_legacy_landlock",
  },
] as const satisfies readonly Option[];

export const outputOptions = [
  { id: "json", long: "json", short: null, argument: null, help: "say it as JSON", example: "--json" },
  { id: "help", long: "help", short: "h", argument: null, help: "show this help", example: "--help" },
] as const satisfies readonly Option[];

/** How a run is carried out. */
const executionOptions = [
  {
    id: "tty",
    long: "tty",
    short: null,
    argument: "auto|always|never",
    help: "a terminal of its own (always), yours (auto), or none",
    example: "--tty never",
    choices: ["auto", "always", "never"],
  },
  {
    id: "report",
    long: "report",
    short: null,
    argument: "FILE",
    help: "write outcome, timing, refusals and files to look at as JSON",
    example: "--report run.json",
    completes: "file",
  },
  {
    id: "dry-run",
    long: "dry-run",
    short: null,
    argument: null,
    help: "print the plan and start nothing",
    example: "--dry-run",
  },
  {
    id: "ephemeral",
    long: "ephemeral",
    short: null,
    argument: null,
    help: "keep no journal",
    example: "--ephemeral",
  },
  {
    id: "quiet",
    long: "quiet",
    short: "q",
    argument: null,
    help: "say only what failed",
    example: "-q",
  },
  {
    id: "verbose",
    long: "verbose",
    short: "v",
    argument: null,
    help: "say what the environment lost and what this host holds only in part",
    example: "-v",
  },
  { id: "version", long: "version", short: "V", argument: null, help: "show the version", example: "--version" },
] as const satisfies readonly Option[];

/** Everything `sandboxed-run` takes. */
export const runOptions = [...policyOptions, ...executionOptions, ...outputOptions] as const;

export type PolicyOption = (typeof policyOptions)[number]["id"];
export type RunOption = (typeof runOptions)[number]["id"];
