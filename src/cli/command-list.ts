import type { Command } from "./command.ts";

/** A command before it is needed: its code is loaded when it is called. */
export interface CommandEntry {
  /** One word, or two: `policy show`. */
  readonly name: string;
  readonly summary: string;
  readonly load: () => Promise<Command>;
}

/** Every `sandboxed` command but `run`, which is `sandboxed-run` itself. */
export const commandList: readonly CommandEntry[] = [
  {
    name: "init",
    summary: "write a first configuration; never overwrites",
    load: async () => (await import("./commands/init.ts")).init,
  },
  {
    name: "doctor",
    summary: "show what this host can enforce",
    load: async () => (await import("./commands/doctor.ts")).doctor,
  },
  {
    name: "explain",
    summary: "ask whether a run may do something, and why",
    load: async () => (await import("./commands/explain.ts")).explain,
  },
  {
    name: "policy show",
    summary: "show the policy in force, with the file and line of every value",
    load: async () => (await import("./commands/policy-show.ts")).policyShow,
  },
  {
    name: "policy check",
    summary: "check a configuration file, or all that are read here",
    load: async () => (await import("./commands/policy-check.ts")).policyCheck,
  },
  {
    name: "policy test",
    summary: "compare a policy with a table of expected answers",
    load: async () => (await import("./commands/policy-test.ts")).policyTest,
  },
  {
    name: "trust",
    summary: "let a project's configuration count like your own, as it is now",
    load: async () => (await import("./commands/trust.ts")).trust,
  },
  {
    name: "requirements show",
    summary: "show what the organisation insists on here, and who says so",
    load: async () => (await import("./commands/requirements-show.ts")).requirementsShow,
  },
  {
    name: "requirements check",
    summary: "check a file of requirements",
    load: async () => (await import("./commands/requirements-check.ts")).requirementsCheck,
  },
  {
    name: "requirements sign",
    summary: "make a signed bundle of requirements",
    load: async () => (await import("./commands/requirements-sign.ts")).requirementsSign,
  },
  {
    name: "requirements keygen",
    summary: "make the key that bundles are signed with",
    load: async () => (await import("./commands/requirements-keygen.ts")).requirementsKeygen,
  },
  {
    name: "schema",
    summary: "print the JSON Schema of config.toml",
    load: async () => (await import("./commands/schema.ts")).schema,
  },
  {
    name: "completion",
    summary: "print a completion script for bash, zsh or fish",
    load: async () => (await import("./commands/completion.ts")).completion,
  },
  {
    name: "session list",
    summary: "list sessions: running, ended, interrupted",
    load: async () => (await import("./commands/session/list.ts")).sessionList,
  },
  {
    name: "session show",
    summary: "show a session, and of an open one its grants, questions and summaries",
    load: async () => (await import("./commands/session/show.ts")).sessionShow,
  },
  {
    name: "session grant",
    summary: "make one more token for an open session",
    load: async () => (await import("./commands/session/grant.ts")).sessionGrant,
  },
  {
    name: "session reply",
    summary: "answer a question that a session waits for",
    load: async () => (await import("./commands/session/reply.ts")).sessionReply,
  },
  {
    name: "session revoke",
    summary: "take a grant back",
    load: async () => (await import("./commands/session/end.ts")).sessionRevoke,
  },
  {
    name: "session cancel",
    summary: "end an open session and its program",
    load: async () => (await import("./commands/session/end.ts")).sessionCancel,
  },
  {
    name: "session archive",
    summary: "move an ended session out of the list",
    load: async () => (await import("./commands/session/keep.ts")).sessionArchive,
  },
  {
    name: "session resume",
    summary: "close what a session left open whose tool died",
    load: async () => (await import("./commands/session/keep.ts")).sessionResume,
  },
  {
    name: "audit show",
    summary: "list sessions, or show what one did",
    load: async () => (await import("./commands/audit-show.ts")).auditShow,
  },
  {
    name: "audit verify",
    summary: "check that journals are as they were written",
    load: async () => (await import("./commands/audit-verify.ts")).auditVerify,
  },
  {
    name: "mcp list",
    summary: "list MCP servers and whether they may be used",
    load: async () => (await import("./commands/mcp-list.ts")).mcpList,
  },
  {
    name: "mcp get",
    summary: "show an MCP server, and its tools",
    load: async () => (await import("./commands/mcp-get.ts")).mcpGet,
  },
  {
    name: "mcp add",
    summary: "add an MCP server to your configuration",
    load: async () => (await import("./commands/mcp-add.ts")).mcpAdd,
  },
  {
    name: "mcp remove",
    summary: "take an MCP server out of your configuration",
    load: async () => (await import("./commands/mcp-remove.ts")).mcpRemove,
  },
  {
    name: "mcp login",
    summary: "log in to an MCP server",
    load: async () => (await import("./commands/mcp-login.ts")).mcpLogin,
  },
  {
    name: "mcp logout",
    summary: "forget the login to an MCP server",
    load: async () => (await import("./commands/mcp-logout.ts")).mcpLogout,
  },
  {
    name: "mcp gateway",
    summary: "stand between an MCP client and a server in a sandbox",
    load: async () => (await import("./commands/mcp-gateway.ts")).mcpGateway,
  },
  {
    name: "mcp-server",
    summary: "serve runs, explanations and sessions to an MCP client",
    load: async () => (await import("./commands/mcp-server.ts")).mcpServer,
  },
  {
    name: "mcp approve",
    summary: "look at changed tools of an MCP server, and approve them",
    load: async () => (await import("./commands/mcp-approve.ts")).mcpApprove,
  },
];
