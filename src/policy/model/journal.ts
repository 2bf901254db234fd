import type { Denial } from "./decision.ts";

/** What ended a run before its program did. The last two are no amounts: a protected file, or the requirements, changed. */
export type LimitName = "wall_time" | "memory" | "processes" | "home_size" | "tampering" | "requirements";

/** What a session did; `kind` tells them apart. Other parts add members as they are built. */
export type JournalEvent = Apart &
  (
    | {
        readonly kind: "session.opened";
        readonly argv: readonly string[];
        readonly cwd: string;
        readonly version: string;
        /** The session whose program asked for it. */
        readonly parent?: string;
        /** Of the program of an MCP server: its name. */
        readonly mcpServer?: string;
      }
    | {
        readonly kind: "run.launching";
        readonly profile: string;
        readonly backend: string;
        /** SHA-256 of the launch plan without what belongs to one run alone, hex: the same for like runs. */
        readonly plan: string;
        readonly program: string;
        readonly argv: readonly string[];
        /** Guarantees this host could not give, by rule class. */
        readonly reduced: readonly string[];
      }
    | { readonly kind: "run.started" }
    | { readonly kind: "run.denied"; readonly denial: Denial }
    | {
        /** One decision of the run's door, or the end of a connection. No path, no query. */
        readonly kind: "network.allowed" | "network.refused" | "network.closed";
        readonly protocol: string;
        /** `host:port`, null where none could be told. */
        readonly target: string | null;
        readonly reason: string;
        /** The rule that decided; null where the door did by itself. */
        readonly rule: string | null;
        /** Bytes towards the world and back, of a connection that was closed. */
        readonly sent: number;
        readonly received: number;
        /** How many like it this one tells of, where they came faster than each could be written; one when absent. */
        readonly count?: number;
      }
    | {
        readonly kind: "run.repaired";
        readonly path: string;
        readonly action: "quarantined" | "reverted" | "rebound";
        readonly kept: string | null;
      }
    | {
        readonly kind: "run.ended";
        readonly exit: number | null;
        readonly signal: string | null;
        readonly limit: LimitName | null;
        readonly status: number;
      }
    | {
        /** A launch that came to nothing, or a run that ended because something it needs failed outside. */
        readonly kind: "run.failed";
        /** Of the `SandboxedError`; `stale` where the host changed meanwhile and the launch is prepared anew. */
        readonly code: string;
        readonly message: string;
      }
    | {
        /** Somebody got a token. It is on the disk before the token is told. */
        readonly kind: "grant.made";
        readonly grant: string;
        readonly parent: string | null;
        /** As `--grant` takes them. */
        readonly capabilities: readonly string[];
        /** The call in whose course it was made. */
        readonly call: string | null;
      }
    | { readonly kind: "grant.ended"; readonly grant: string; readonly reason: string; readonly message: string }
    | {
        /** A call that is about to change something outside the sandbox. */
        readonly kind: "session.calling";
        readonly call: string;
        readonly grant: string;
        readonly method: string;
        readonly subjects: readonly string[];
      }
    | {
        /** A call and what it came to: `ok`, or the code of its error. */
        readonly kind: "session.called";
        readonly call: string;
        readonly grant: string;
        readonly method: string;
        /** What of: paths, tools, hosts. */
        readonly subjects: readonly string[];
        readonly outcome: string;
        /** Milliseconds. */
        readonly took: number;
      }
    | {
        /** A question to a person, and what became of it. */
        readonly kind: "session.asked";
        readonly question: string;
        readonly call: string;
        readonly about: "checkpoint" | "approval";
        readonly text: string;
        /** SHA-256 of all that was shown, hex. */
        readonly shown: string;
      }
    | {
        readonly kind: "session.answered";
        readonly question: string;
        readonly outcome: "approved" | "denied" | "timed_out" | "aborted";
        readonly by: string;
      }
    | { readonly kind: "session.summarized"; readonly grant: string; readonly title: string; readonly bytes: number }
    | {
        /** A call starts a program in a sandbox of its own, which has a session and a journal of its own. */
        readonly kind: "session.spawning";
        readonly call: string;
        readonly grant: string;
        /** Its session. */
        readonly child: string;
        /** The grant that its token stands for; null where it has none. */
        readonly childGrant: string | null;
        readonly argv: readonly string[];
      }
    | {
        /** That program has ended, or never began. */
        readonly kind: "session.spawned";
        readonly call: string;
        readonly child: string;
        /** As of `run.ended`; null where nothing ran. */
        readonly status: number | null;
        /** Why it did not run, or not to its end. */
        readonly message: string | null;
      }
    | {
        /** Somebody came to the channel without a token that is good there. */
        readonly kind: "session.turned_away";
        readonly way: "lines" | "http" | "control";
        readonly reason: string;
      }
    | {
        /** Somebody went on with a session whose owner died: what ran then has no ending of its own. */
        readonly kind: "run.interrupted";
        readonly pid: number;
      }
    | {
        /** A crash left half a line at the end; it was moved to `kept` and the chain goes on without it. */
        readonly kind: "journal.recovered";
        readonly bytes: number;
        readonly sha256: string;
        readonly kept: string;
      }
    | {
        /**
         * Requirements changed during a run. `narrowed`: what they forbid holds for it, too. `ended`: it has what it could
         * not have been started with any more. `kept`: they cannot be used, and those of before stay in force.
         * `unchanged`: they forbid it no more than before, and what they allow is for later runs.
         */
        readonly kind: "requirements.reloaded";
        readonly effect: "narrowed" | "ended" | "kept" | "unchanged";
        readonly message: string;
        /** Of the door's policy; null where there is no door, or nothing of it changed. */
        readonly generation: number | null;
      }
    | {
        readonly kind: "requirements.applied";
        /** In use by this run. */
        readonly exceptions: readonly {
          readonly id: string;
          readonly reason: string;
          readonly approver: string;
          readonly expires: string;
        }[];
        /** `FILE:LINE` of what is on trial: recorded, and allowed. */
        readonly reportOnly: readonly string[];
      }
    | {
        /** A rule on trial would have refused it: a path that the run was granted, its full network, or `host:port`. */
        readonly kind: "requirements.would_deny";
        readonly target: string;
        readonly rule: string;
        /** `FILE:LINE`. */
        readonly place: string | null;
      }
    | {
        /** A call of an MCP server's tool, at the gateway. Its arguments are not kept. */
        readonly kind: "mcp.call";
        readonly server: string;
        /** Empty where a message that was refused could not be read. */
        readonly tool: string;
        /** Null when it passed. */
        readonly refused: string | null;
      }
    | {
        /** A tool that a gateway shows to its client has characters in its definition that a person does not see. */
        readonly kind: "mcp.hidden";
        readonly server: string;
        readonly tool: string;
        /** Paths in the definition: `description`, `inputSchema.properties.x`. */
        readonly places: readonly string[];
      }
    | { readonly kind: "session.closed" }
  );

/** What every record has of its own: a member of an event by such a name would stand in it twice. */
type Apart = { readonly [member in "seq" | "time" | "session" | "prev"]?: never };

/** `durable` is on the disk when `append` returns; `batched` is handed to the system within 20 ms. */
export type Durability = "durable" | "batched";

/**
 * Begins to bring open files to the disk, which may be closed right after; what it returns waits until they are there.
 * Null where nobody does that. Errors of both: what the system says.
 */
export type BackgroundSync = (files: readonly number[]) => (() => void) | null;

/** Where events go. The default writes a chained file; hosts may hand in their own. */
export interface Journal {
  append(event: JournalEvent, durability: Durability): void;
  /**
   * Begins to bring everything before to the disk; what it returns waits until it is there. A journal without it is given
   * a `durable` event instead. Errors of both: those of `append`.
   */
  syncing?(elsewhere: BackgroundSync): () => void;
  /** Flushes what is batched. The journal takes no more events afterwards. */
  close(): void;
}
