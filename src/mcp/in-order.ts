import type { Transport } from "@modelcontextprotocol/client";

type Deliver = NonNullable<Transport["onmessage"]>;

/**
 * Has a connected client hear of a call's progress before its answer, also where both come together: the SDK looks at an
 * answer at once and at a notification a moment later, when nobody follows the call any more. Only answers wait, and
 * only until what came before them was looked at.
 */
export function progressFirst(transport: Transport): void {
  const deliver = transport.onmessage;
  const close = transport.onclose;
  if (deliver === undefined) return;
  let answers: Parameters<Deliver>[] = [];
  let isSettling = false;
  let isClosed = false;
  const settle = (): void => {
    isSettling = false;
    const ready = answers;
    answers = [];
    for (const [message, extra] of ready) deliver(message, extra);
    if (isClosed) close?.();
  };
  // oxlint-disable-next-line unicorn/prefer-add-event-listener -- the SDK has callbacks and no events
  transport.onmessage = (message, extra) => {
    if (!("method" in message)) {
      if (isSettling) answers.push([message, extra]);
      else deliver(message, extra);
      return;
    }
    deliver(message, extra);
    if (isSettling || message.method !== "notifications/progress") return;
    isSettling = true;
    setImmediate(settle);
  };
  // oxlint-disable-next-line unicorn/prefer-add-event-listener -- the same
  transport.onclose = () => {
    if (isSettling) isClosed = true;
    else close?.();
  };
}
