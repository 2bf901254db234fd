import { monotonicMs } from "../../clock.ts";
import type { StartRequest } from "../../request.ts";
import { watchHomeSize } from "../launch/home-size.ts";
import { tieSignals } from "../launch/signals.ts";
import type { Supervisor } from "../launch/supervise.ts";
import type { Launchable } from "./launchable.ts";

/** Time and outside ends of a run. Returns what takes them away again. */
export function bounds(request: StartRequest, { plan }: Launchable, supervisor: Supervisor): (() => void)[] {
  const undo: (() => void)[] = [];
  if (request.attended) undo.push(tieSignals(supervisor));
  if (request.cancel !== undefined) {
    const { cancel } = request;
    const end = (): void => supervisor.end(15, request.grace);
    cancel.addEventListener("abort", end, { once: true });
    undo.push(() => cancel.removeEventListener("abort", end));
  }
  const { wallTime } = plan.limits;
  if (wallTime !== null) {
    undo.push(watchWallTime(wallTime, request.companion, () => supervisor.exceed("wall_time", wallTime)));
  }
  return undo;
}

/** Of a run whose program is on its way: the first timer of a process costs more than any other. */
export function boundSize({ plan: { privateHome, limits } }: Launchable, supervisor: Supervisor): (() => void)[] {
  if (privateHome === null) return [];
  return [watchHomeSize(privateHome.folder, limits.homeSize, (used) => supervisor.exceed("home_size", used))];
}

/** Milliseconds between looks at a clock that has been standing still. */
const SHORTEST_LOOK = 50;

/** Time for which the clock stood still does not count. Returns what stops watching. */
function watchWallTime(most: number, companion: StartRequest["companion"], exceeded: () => void): () => void {
  const began = monotonicMs();
  const look = (): void => {
    const left = most + (companion?.pausedFor() ?? 0) - (monotonicMs() - began);
    if (left <= 0) exceeded();
    else timer = setTimeout(look, Math.max(left, SHORTEST_LOOK));
  };
  let timer = setTimeout(look, most);
  return () => clearTimeout(timer);
}
