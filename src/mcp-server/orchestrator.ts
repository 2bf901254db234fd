/** A run as a client asks for it. */
export interface RunRequest {
  /** The program and its arguments. */
  readonly command: readonly [string, ...string[]];
  /** Null starts it where the server was started; else a directory in there. */
  readonly directory: string | null;
  readonly input: string;
  /** Milliseconds; null leaves it to the policy. */
  readonly timeout: number | null;
  /** Null takes the server's own profile. */
  readonly permissions: string | null;
}

/** Told while a run is on: how many bytes its program has written, and the end of the newest. */
export type OnOutput = (bytes: number, newest: string) => void;

/** What a run came to, as far as a client sees it. */
export interface RunReport {
  readonly [member: string]: unknown;
  /** As `sandboxed-run` would end: the program's own, or what the tool has to say. */
  readonly status: number;
  readonly signal: number | null;
  readonly timedOut: boolean;
  readonly stdout: string;
  readonly stderr: string;
  /** More was written than is returned. */
  readonly truncated: boolean;
  readonly session: string;
  readonly profile: string;
  /** What was refused and repaired, and by which rule. */
  readonly notes: readonly string[];
}

export interface ProfileEntry {
  readonly [member: string]: unknown;
  readonly name: string;
  /** Of runs that name none. */
  readonly isDefault: boolean;
  /** A person is asked before something runs under it. */
  readonly needsApproval: boolean;
}

/** What the tools of the server do for one client, each by the same gate as the command line. Errors: `SandboxedError`. */
export interface Orchestrator {
  /** What a person has to approve before this is run; null when nothing. */
  approvalFor(request: RunRequest): Promise<string | null>;
  run(request: RunRequest, onOutput: OnOutput, signal: AbortSignal): Promise<RunReport>;
  /** `operation` and `subject` as `sandboxed explain` takes them. */
  explain(
    operation: string,
    subject: string,
    permissions: string | null,
  ): Promise<{ readonly answer: string; readonly text: string }>;
  profiles(): Promise<readonly ProfileEntry[]>;
  /** Of a session that this client has opened: `id`, or `last`. */
  session(id: string): Promise<Readonly<Record<string, unknown>>>;
}
