/** The JSON of the allocation API's answers, as schemas: for its description and for clients. */
import * as z from "zod";
import type { ReplicaSet } from "./answers.ts";

const ADDRESSES = z.array(
  z.string().regex(/^[^.:/]+\.[^.:/]+:[0-9]+$/).describe("<pod>.<namespace>:<port>"),
).nullable();

export const REPLICA_SET: z.ZodType<ReplicaSet> = z.object({
  namespace: z.string(),
  coordinator: z.string().describe("The pod that the request names."),
  collectors: ADDRESSES,
  learners: ADDRESSES.describe(
    "Learners of one pod, and aggregators that stand for a learner each; of an aggregator: " +
      "its ddp learners, with an address for each GPU.",
  ),
}).describe("Replicas of one job.");

const MESSAGE = z.string().describe("For people. The texts are in docs/http-api.md.");

function doneOf<T extends z.ZodType>(data: T) {
  return z.object({ success: z.literal(true), code: z.literal(0), message: MESSAGE, data })
    .describe("Done.");
}

function notDoneOf<T extends z.ZodType>(data: T) {
  return z.object({ success: z.literal(false), code: z.literal(1), message: MESSAGE, data })
    .describe("Not done.");
}

/** Every answer of the API is one of these. */
export const ANSWERS = {
  Done: doneOf(REPLICA_SET),
  DoneList: doneOf(z.union([REPLICA_SET, z.array(REPLICA_SET)])),
  NotDone: notDoneOf(REPLICA_SET.describe("What was done all the same; mostly nothing.")),
  NotRead: notDoneOf(z.null()),
} as const;

/** Any answer, for a client that does not care which. */
export const ANSWER = z.union(Object.values(ANSWERS));
