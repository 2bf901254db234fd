import type { Socket } from "node:net";
import { asSessionError } from "../call/open.ts";
import type { OpenCall } from "../call/open.ts";
import { SessionError } from "../error.ts";
import type { Json } from "../json.ts";
import { answerTooLarge, errorText, progressText, requestTooLarge, resultText, unread } from "./answer.ts";
import type { RequestId } from "./answer.ts";
import { LineReader } from "./line-reader.ts";
import { Reports } from "./reports.ts";
import { idOf, readRequest } from "./request.ts";
import type { Caller, Service } from "./service.ts";
import { parseStrict } from "./strict-json.ts";

const HELLO = "session.hello";
/** Characters that go out without waiting for more. */
const MOST_TOGETHER = 64 * 1024;

/** Bytes that are read while lines wait for their turn. */
const MOST_AHEAD = 256 * 1024;

/** Serves one connection: a token first, then requests, each with exactly one answer as long as there is somebody to read it. */
export function serveLines(service: Service, socket: Socket, head: Buffer): void {
  new LineConnection(service, socket).start(head);
}

class LineConnection {
  readonly #service: Service;
  readonly #socket: Socket;
  readonly #reader: LineReader;
  readonly #open = new Map<RequestId, OpenCall>();
  readonly #reports = new Reports(
    () => this.#isRead(),
    (report) => {
      if (!this.#isOver) this.#write(progressText(report));
    },
  );
  #caller: Caller | null = null;
  #pending = 0;
  #isOver = false;
  #willWork = false;
  #hasEnded = false;
  /** What is answered in one turn of the event loop: it goes out together. */
  #answered = "";
  /** Of the answers' budget: given back when what was sent is read. */
  #owed = 0;
  #greeting: NodeJS.Timeout | null = null;

  constructor(service: Service, socket: Socket) {
    this.#service = service;
    this.#socket = socket;
    this.#reader = new LineReader(service.budget);
  }

  start(head: Buffer): void {
    const socket = this.#socket;
    const late = (): void => this.#hangUp(new SessionError("unauthenticated", "no token came"));
    this.#greeting = setTimeout(late, this.#service.limits.greetingTime).unref();
    socket.on("data", (chunk: Buffer) => this.#take(chunk));
    socket.on("drain", () => {
      this.#reports.writeAll();
      this.#work();
    });
    socket.once("end", () => this.#ended());
    socket.once("close", () => this.#gone());
    this.#take(head);
    if (socket.destroyed) this.#gone();
  }

  #take(chunk: Buffer): void {
    if (this.#isOver) return;
    if (!this.#reader.feed(chunk)) {
      return this.#hangUp(new SessionError("overloaded", "requests of too many bytes wait", { retryable: true }));
    }
    this.#work();
  }

  /** Reads on only while there is room for calls and for their answers. */
  #work(): void {
    if (this.#willWork) return;
    const { limits } = this.#service;
    let turn = limits.turn;
    while (!this.#isOver && this.#hasRoom()) {
      if (turn-- === 0 || this.#service.turns.isOver) return this.#workSoon();
      const line = this.#reader.next();
      if (line === null) break;
      const most = this.#caller === null ? limits.greetingBytes : limits.requestBytes;
      if (line.length > most) return this.#hangUp(requestTooLarge(most));
      // Its bytes were the reader's a moment ago. An open call holds what it was sent.
      const { length } = line;
      this.#service.budget.take(length);
      this.#line(line, () => this.#service.budget.give(length));
    }
    if (this.#isOver) return;
    const most = this.#caller === null ? limits.greetingBytes : limits.requestBytes;
    if (this.#reader.unfinished > most) return this.#hangUp(requestTooLarge(most));
    if (this.#hasRoom()) this.#socket.resume();
    else this.#socket.pause();
    if (this.#hasEnded && this.#pending === 0) this.#end();
  }

  /** What has begun is answered meanwhile: large answers are not all there at once. */
  #workSoon(): void {
    this.#willWork = true;
    if (this.#reader.held > MOST_AHEAD) this.#socket.pause();
    this.#service.turns.later(() => {
      this.#willWork = false;
      this.#work();
    });
  }

  #hasRoom(): boolean {
    return this.#pending < this.#service.limits.callsAtOnce && this.#isRead();
  }

  /** The other side takes what it is sent. */
  #isRead(): boolean {
    return this.#socket.writableLength + this.#answered.length < this.#service.limits.unreadBytes;
  }

  /** `done` when all of it is answered. */
  #line(line: Buffer, done: () => void): void {
    const write = (text: string): void => {
      done();
      this.#write(text);
    };
    if (isBlank(line)) return done();
    let value: Json;
    try {
      value = parseStrict(line);
    } catch (error) {
      if (this.#caller !== null) return write(errorText(null, asSessionError(error)));
      done();
      return this.#hangUp(unauthenticated());
    }
    if (this.#caller === null) {
      done();
      return this.#greet(value);
    }
    if (!Array.isArray(value)) return this.#answer(value, write);
    const batch: readonly Json[] = value;
    if (batch.length === 0 || batch.length > this.#service.limits.batch) {
      const { batch: most } = this.#service.limits;
      return write(errorText(null, new SessionError("invalid_request", `a batch holds 1 to ${most} requests`)));
    }
    const answers: string[] = [];
    let size = 0;
    for (const each of batch) {
      this.#answer(each, (text) => {
        size += text.length;
        // One answer to a batch is one answer.
        const { answerBytes } = this.#service.limits;
        if (size > answerBytes) {
          size -= text.length;
          this.#unowed(text.length);
          answers.push(errorText(idOf(each), answerTooLarge(answerBytes)));
        } else answers.push(text);
        if (answers.length === batch.length) write(`[${answers.join(",")}]`);
      });
    }
  }

  /** The first request presents the token; nothing else is looked at before. */
  #greet(value: Json): void {
    const id = idOf(value);
    try {
      const { method, params } = readRequest(value);
      const token = params["token"];
      if (method !== HELLO || typeof token !== "string") throw unauthenticated();
      this.#caller = this.#service.authenticate(token, params);
    } catch (error) {
      const known = error instanceof SessionError && error.code !== "invalid_request" ? error : unauthenticated();
      this.#service.turnedAway("lines", known.code);
      return this.#hangUp(known, id);
    }
    if (this.#greeting !== null) clearTimeout(this.#greeting);
    this.#answer({ jsonrpc: "2.0", id, method: "session.info", params: {} }, (text) => this.#write(text));
  }

  /** Calls `done` once, now or later. */
  #answer(value: Json, done: (text: string) => void): void {
    const id = idOf(value);
    let call: OpenCall;
    try {
      const request = readRequest(value);
      if (this.#open.has(request.id)) throw new SessionError("invalid_request", "a request with this id is open");
      if (request.method === "session.cancel") return done(resultText(request.id, this.#cancel(request.params["id"])));
      if (this.#caller === null) throw unauthenticated();
      call = this.#caller.begin(request.method, request.params);
      this.#open.set(request.id, call);
      call.onProgress = (report) => this.#reports.tell(call, report);
    } catch (error) {
      return done(errorText(id, asSessionError(error)));
    }
    this.#pending += 1;
    const finish = (text: string): void => {
      this.#pending -= 1;
      if (id !== null) this.#open.delete(id);
      this.#reports.end(call);
      done(text);
      this.#work();
    };
    call.result.then(
      (result) => finish(this.#resultText(id ?? 0, result)),
      (error: unknown) => finish(errorText(id, asSessionError(error))),
    );
  }

  #resultText(id: RequestId, result: Json): string {
    const { answerBytes } = this.#service.limits;
    try {
      const text = resultText(id, result);
      if (text.length > answerBytes) return errorText(id, answerTooLarge(answerBytes));
      if (!this.#service.answered.take(text.length)) throw unread();
      this.#owed += text.length;
      return text;
    } catch (error) {
      return errorText(id, asSessionError(error));
    }
  }

  /** Whether there was such a call of this connection. */
  #cancel(id: Json | undefined): Json {
    const call = typeof id === "string" || typeof id === "number" ? this.#open.get(id) : undefined;
    if (call !== undefined) this.#caller?.cancel(call, new SessionError("cancelled", "its caller gave it up"));
    return { cancelled: call !== undefined };
  }

  #write(text: string): void {
    if (!this.#socket.writable) return this.#send();
    if (this.#answered === "") setImmediate(() => this.#send());
    this.#answered += `${text}\n`;
    if (this.#answered.length >= MOST_TOGETHER) this.#send();
  }

  #send(): void {
    const text = this.#answered;
    this.#answered = "";
    const owed = this.#owed;
    this.#owed = 0;
    if (text !== "" && this.#socket.writable) this.#socket.write(text, () => this.#service.answered.give(owed));
    else this.#service.answered.give(owed);
  }

  /** Of a text that is not sent after all. */
  #unowed(bytes: number): void {
    this.#owed -= bytes;
    this.#service.answered.give(bytes);
  }

  #end(): void {
    this.#send();
    this.#socket.end();
  }

  /** Says why, and says no more. */
  #hangUp(why: SessionError, id: RequestId | null = null): void {
    if (this.#isOver) return;
    this.#write(errorText(id, why));
    this.#isOver = true;
    this.#giveUp(why);
    const socket = this.#socket;
    // Read and thrown away until the other side has seen the answer: a reset would take it away.
    socket.resume();
    this.#end();
    setTimeout(() => socket.destroy(), this.#service.limits.grace).unref();
  }

  /** It sends no more. Whether it still reads is not to be known: a call that takes long has lost its caller. */
  #ended(): void {
    this.#hasEnded = true;
    if (this.#pending === 0 && !this.#willWork) return this.#end();
    setTimeout(() => this.#gone(), this.#service.limits.grace).unref();
  }

  #gone(): void {
    if (this.#greeting !== null) clearTimeout(this.#greeting);
    this.#reader.drop();
    this.#isOver = true;
    this.#giveUp(new SessionError("cancelled", "its caller is gone"));
    this.#send();
    this.#socket.destroySoon();
  }

  #giveUp(why: SessionError): void {
    for (const call of this.#open.values()) this.#caller?.cancel(call, why);
  }
}

function isBlank(line: Buffer): boolean {
  return line.length === 0 || (line.length === 1 && line[0] === CARRIAGE_RETURN);
}

const CARRIAGE_RETURN = 0x0d;

function unauthenticated(): SessionError {
  return new SessionError("unauthenticated", "the first request has to be session.hello with a token of this door");
}
