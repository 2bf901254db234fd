import type { ChildProcess } from "node:child_process";
import { Socket as Datagrams } from "node:dgram";
import { Socket } from "node:net";
import { SandboxedError } from "../../../policy/index.ts";
import type { DoorPlan } from "../../plan.ts";
import { Dialler } from "./dialler.ts";
import { DatagramEntrance, Entrance } from "./entrance.ts";
import { doorMessage } from "./messages.ts";
import type { DoorMessage } from "./messages.ts";

/** The listeners of a run, each waiting to be served. */
export interface Door {
  /** On 127.0.0.1, where the proxy variables point. */
  readonly proxy: Entrance;
  /** By port; every address leads there. */
  readonly transparent: ReadonlyMap<number, Entrance>;
  readonly dns: { readonly udp: DatagramEntrance; readonly tcp: Entrance } | null;
}

type Arrival = Extract<DoorMessage, { kind: "entrance" }>;

/**
 * The launcher's end of the door's channel. To be made in the same turn of the event loop as the guard, which is
 * started with an `ipc` stream: what arrives before somebody listens is lost. The channel ends with the sandbox; to
 * call `disconnect` on the child would keep Node from ever calling it closed.
 */
export class DoorChannel {
  /**
   * Settles about when the program starts. Rejected with `setup_failed` when a listener is missing: then nothing is
   * served, and whatever the program connects to refuses. A run that ends before all have come rejects it too, which
   * is no fault of a run that is over.
   */
  readonly door: Promise<Door>;
  readonly #plan: DoorPlan;
  readonly #dialler: Dialler;
  readonly #entrances: (readonly [arrival: Arrival, entrance: Entrance | DatagramEntrance])[] = [];
  readonly #resolve: (door: Door) => void;
  readonly #reject: (error: SandboxedError) => void;
  #closed = false;

  constructor(child: ChildProcess, plan: DoorPlan, toInit: (line: string) => void) {
    this.#plan = plan;
    this.#dialler = new Dialler(toInit);
    let settle: [(door: Door) => void, (error: SandboxedError) => void] = [ignore, ignore];
    this.door = new Promise((resolve, reject) => {
      settle = [resolve, reject];
    });
    [this.#resolve, this.#reject] = settle;
    // A run that is refused or short may end with nobody waiting for its door.
    this.door.catch(ignore);
    child.on("message", (message, handle) => this.#take(message, handle));
    child.once("disconnect", () => this.close());
    if (!child.connected) this.close();
  }

  /** Connects to a port the program listens on, on its own loopback; the plan has to name it. Errors: `DialError`. */
  dial(port: number): Promise<Socket> {
    return this.#dialler.dial(port);
  }

  /** Closes every listener and gives up dials; connections go on. Done by itself when the run ends. */
  close(): void {
    this.#fail("the sandbox ended before its listeners were handed over");
  }

  #take(value: unknown, handle: unknown): void {
    const message = doorMessage(value);
    switch (message?.kind) {
      case "complete":
        return this.#complete();
      case "dialled":
        return this.#dialled(message.dial, message.errno, handle instanceof Socket ? handle : null);
      case "entrance":
        return this.#arrive(message, handle);
      default:
        return this.#fail("the sandbox sent an unknown message on the door's channel");
    }
  }

  #dialled(dial: number, errno: number | null, socket: Socket | null): void {
    // As at the entrances: an end on one side is passed on as just that.
    if (socket !== null) socket.allowHalfOpen = true;
    this.#dialler.answer(dial, socket, errno);
  }

  #arrive(arrival: Arrival, handle: unknown): void {
    const entrance =
      handle instanceof Datagrams
        ? new DatagramEntrance(arrival.port, handle)
        : typeof handle === "object" && handle !== null
          ? new Entrance(arrival.port, handle)
          : null;
    if (entrance === null) return this.#fail(`the listener on port ${arrival.port} did not arrive`);
    if (this.#closed) entrance.close();
    else this.#entrances.push([arrival, entrance]);
  }

  /** What was handed over has to be what the plan asks for, no more and no less. */
  #complete(): void {
    const { proxyPort, transparentPorts, dns } = this.#plan;
    const proxy = this.#one("door", proxyPort);
    const transparent = new Map<number, Entrance>();
    for (const port of transparentPorts) {
      const entrance = this.#one("tcp", port);
      if (entrance instanceof Entrance) transparent.set(port, entrance);
    }
    const udp = this.#one("dns-udp", DNS_PORT);
    const tcp = this.#one("dns-tcp", DNS_PORT);
    const names = udp instanceof DatagramEntrance && tcp instanceof Entrance ? { udp, tcp } : null;
    const wanted = 1 + transparentPorts.length + (dns ? 2 : 0);
    const found = 1 + transparent.size + (names === null ? 0 : 2);
    if (!(proxy instanceof Entrance) || found !== wanted || this.#entrances.length !== wanted) {
      return this.#fail(`${this.#entrances.length} of ${wanted} listeners were handed over`);
    }
    this.#resolve({ proxy, transparent, dns: names });
  }

  #one(kind: Arrival["entrance"], port: number): Entrance | DatagramEntrance | null {
    const found = this.#entrances.find(([arrival]) => arrival.entrance === kind && arrival.port === port);
    return found?.[1] ?? null;
  }

  /** Ends the door as a whole, so that there is never half of one. */
  #fail(why: string): void {
    this.#closed = true;
    for (const [, entrance] of this.#entrances.splice(0)) entrance.close();
    this.#dialler.close();
    this.#reject(new SandboxedError("setup_failed", `the door could not be opened: ${why}`));
  }
}

const DNS_PORT = 53;

function ignore(): void {}
