import { askQuestion } from "../call/asking.ts";
import { SessionError } from "../error.ts";
import type { JsonObject } from "../json.ts";
import type { MethodDefinition } from "../method.ts";
import { Params } from "../params.ts";

const LONGEST_QUESTION = 10_000;
const LONGEST_TITLE = 1000;
/** Of what a question shows, and of one summary, as JSON. */
const MOST_DATA = 1024 * 1024;
/** Of all summaries of a session. */
const MOST_SUMMARIES = 8 * 1024 * 1024;

/** What is put to people, or told to them: questions, results. */
export function peopleMethods(): readonly MethodDefinition[] {
  let told = 0;
  return [
    {
      name: "session.checkpoint",
      capability: "checkpoint",
      subjectsOf(params) {
        checkpointParams(params);
        return [];
      },
      async handle(call, context) {
        const { question, data, schema, timeout } = checkpointParams(call.params);
        const { approve, content } = await askQuestion(
          context,
          {
            kind: "checkpoint",
            text: question,
            data,
            diff: null,
            schema,
            timeout,
            holder: call.holder.id,
            call: call.id,
          },
          call.signal,
        );
        return { ...content, approve };
      },
    },
    {
      name: "session.summarize",
      capability: "summarize",
      subjectsOf(params) {
        const given = new Params("session.summarize", params, ["title", "data"]);
        given.text("title", LONGEST_TITLE);
        return [];
      },
      async handle(call, context) {
        const given = new Params("session.summarize", call.params, ["title", "data"]);
        const title = given.text("title", LONGEST_TITLE);
        const data = given.any("data");
        const bytes = Buffer.byteLength(JSON.stringify(data)) + title.length;
        if (bytes > MOST_DATA || told + bytes > MOST_SUMMARIES || !call.store(bytes)) {
          throw new SessionError("too_large", `a summary of ${bytes} bytes is more than there is room for`, {
            rule: `${MOST_DATA} bytes each, ${MOST_SUMMARIES} in all, or what the capability says`,
          });
        }
        told += bytes;
        context.record({ kind: "session.summarized", grant: call.holder.id, title, bytes }, "batched");
        context.summarize({ title, data, by: call.holder.id, time: new Date().toISOString() });
        return {};
      },
    },
    {
      name: "session.request_permissions",
      capability: "request_permissions",
      subjectsOf(params) {
        void new Params("session.request_permissions", params, ["permissions", "reason"]);
        return [];
      },
      handle: () =>
        Promise.reject(
          new SessionError("unsupported", "a running sandbox cannot be given more", {
            hint: "end the run, and start it again with what it needs",
          }),
        ),
    },
    ...elicitation(),
  ];
}

/** A holder stops the run's clock itself while it asks somebody. Each begin has its own end. */
function elicitation(): readonly MethodDefinition[] {
  const ends = new Map<string, (() => void)[]>();
  const subjectsOf = (params: JsonObject): readonly string[] => {
    void new Params("session.elicitation", params, []);
    return [];
  };
  return [
    {
      name: "session.elicitation.begin",
      capability: "elicitation",
      subjectsOf,
      async handle({ holder }, { clock }) {
        const own = ends.get(holder.id) ?? [];
        own.push(clock.pause());
        ends.set(holder.id, own);
        return { open: own.length };
      },
    },
    {
      name: "session.elicitation.end",
      capability: "elicitation",
      subjectsOf,
      async handle({ holder }) {
        const own = ends.get(holder.id) ?? [];
        const end = own.pop();
        if (end === undefined) throw new SessionError("conflict", "no elicitation of this token was begun");
        end();
        return { open: own.length };
      },
    },
  ];
}

function checkpointParams(params: JsonObject) {
  const given = new Params("session.checkpoint", params, ["question", "data", "schema", "timeout"]);
  const data = given.any("data");
  const schema = given.any("schema") === null ? null : given.object("schema");
  if (JSON.stringify([data, schema]).length > MOST_DATA) {
    throw new SessionError("too_large", `nobody reads a question of more than ${MOST_DATA} bytes`);
  }
  return { question: given.text("question", LONGEST_QUESTION), data, schema, timeout: given.seconds("timeout") };
}
