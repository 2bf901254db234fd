/** What PID 1 reports on descriptor 3 (`native/linux/PROTOCOL.md`). */
export type InitMessage =
  | { readonly kind: "ready" | "started" }
  | { readonly kind: "failed"; readonly step: string; readonly errno: number; readonly text: string }
  | { readonly kind: "noexec"; readonly errno: number }
  | { readonly kind: "stopped" | "signal"; readonly number: number }
  | { readonly kind: "frozen"; readonly yes: boolean }
  | { readonly kind: "exit"; readonly code: number }
  | { readonly kind: "limit"; readonly what: "memory" | "tasks"; readonly used: number }
  | { readonly kind: "rebound" | "tampered"; readonly path: string };

/** What the guard reports on descriptor 4. */
export type GuardMessage =
  | { readonly kind: "bwrap-error"; readonly text: string }
  | { readonly kind: "quarantined"; readonly path: string; readonly to: string }
  | { readonly kind: "unswept"; readonly path: string; readonly text: string }
  | { readonly kind: "failed"; readonly step: string; readonly text: string }
  | { readonly kind: "stderr"; readonly bytes: Buffer }
  | { readonly kind: "foreground" | "asking"; readonly yes: boolean }
  | { readonly kind: "stop" }
  | { readonly kind: "end"; readonly status: number };

/** Reads one line; null for a line that is not of the protocol, which callers treat as a broken launch. */
export function initMessage(line: string): InitMessage | null {
  const [kind, first = "", second = ""] = line.split(" ", 3);
  switch (kind) {
    case "ready":
    case "started":
      return { kind };
    case "failed":
      return { kind, step: first, errno: Number(second), text: restOf(line, 3) };
    case "noexec":
      return { kind, errno: Number(first) };
    case "stopped":
    case "signal":
      return { kind, number: Number(first) };
    case "frozen":
      return { kind, yes: first === "yes" };
    case "exit":
      return { kind, code: Number(first) };
    case "limit":
      return first === "memory" || first === "tasks" ? { kind, what: first, used: Number(second) } : null;
    case "rebound":
    case "tampered":
      return { kind, path: restOf(line, 1) };
    default:
      return null;
  }
}

function restOf(line: string, words: number): string {
  return line.split(" ").slice(words).join(" ");
}

/** A path as one word: space, backslash and control characters come as a backslash and three octal digits, a byte each. */
function plain(word: string): string {
  return word.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)));
}

/** Takes bytes as they come and gives whole messages; `stderr N` is followed by N raw bytes. */
export class GuardReader {
  #pending = Buffer.alloc(0);

  read(chunk: Buffer): readonly GuardMessage[] {
    this.#pending = Buffer.concat([this.#pending, chunk]);
    const messages: GuardMessage[] = [];
    for (let message = this.#next(); message !== null; message = this.#next()) messages.push(message);
    return messages;
  }

  #next(): GuardMessage | null {
    const end = this.#pending.indexOf("\n");
    if (end < 0) return null;
    const line = this.#pending.toString("utf8", 0, end);
    const [kind = "", first = "", second = ""] = line.split(" ", 3);
    let taken = end + 1;
    let message: GuardMessage;
    if (kind === "stderr") {
      taken += Number(first);
      if (this.#pending.length < taken) return null;
      message = { kind, bytes: Buffer.from(this.#pending.subarray(end + 1, taken)) };
    } else if (kind === "quarantined") message = { kind, path: plain(first), to: plain(second) };
    else if (kind === "unswept") message = { kind, path: plain(first), text: restOf(line, 2) };
    else if (kind === "failed") message = { kind, step: first, text: restOf(line, 3) };
    else if (kind === "foreground" || kind === "asking") message = { kind, yes: first === "yes" };
    else if (kind === "stop") message = { kind };
    else if (kind === "end") message = { kind, status: Number(first) };
    else message = { kind: "bwrap-error", text: kind === "bwrap-error" ? line.slice(kind.length + 1) : line };
    this.#pending = this.#pending.subarray(taken);
    return message;
  }
}

/** Splits a stream into lines of the init's protocol. */
export class LineReader {
  /** Bytes: what is read at once may end within a letter of a path. */
  #pending = Buffer.alloc(0);

  read(chunk: Buffer): readonly string[] {
    const bytes = Buffer.concat([this.#pending, chunk]);
    const end = bytes.lastIndexOf("\n") + 1;
    this.#pending = bytes.subarray(end);
    return bytes.toString("utf8", 0, end).split("\n").slice(0, -1);
  }
}
