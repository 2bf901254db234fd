/** How what a session asks is put to people, and what they may answer. */
export { callbackAnswerer, parseReply } from "./callback.ts";
export type { AnswerQuestion } from "./callback.ts";
export { terminalDesk } from "./desk.ts";
export type { BorrowTerminal } from "./desk.ts";
export { faultsOf, readForm } from "./form.ts";
export type { Form } from "./form.ts";
export { QuestionRoom } from "./room.ts";
export type { Answerer, Asked, Given, Pending } from "./room.ts";
export { diffLines, questionLines, unpainted } from "./show.ts";
export type { Paint } from "./show.ts";
export { dataLines } from "./show-data.ts";
export { terminalAnswerer } from "./terminal.ts";
export type { Desk, TakeDesk } from "./terminal.ts";
