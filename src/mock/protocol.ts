/** What the roles of the sample job say to each other: JSON over HTTP, all shapes in this file. */
import * as z from "zod";
import { ACTION_COUNT, CELL_COUNT, PARAMETER_COUNT } from "./environment.ts";

const parameters = z.array(z.number()).length(PARAMETER_COUNT);
const count = z.int().min(0);

const transition = z.object({
  state: z.int().min(0).max(CELL_COUNT - 1),
  action: z.int().min(0).max(ACTION_COUNT - 1),
  reward: z.number(),
  next: z.int().min(0).max(CELL_COUNT - 1).nullable(),
});

/** Parameters that all replicas share. Version 0 is what everyone starts with. */
const policy = z.object({ version: count, parameters });
export type Policy = z.infer<typeof policy>;

/** `GET /resource`: who answers here. The first thing a coordinator asks. */
export const resourceAnswer = z.object({
  role: z.enum(["coordinator", "aggregator", "collector", "learner"]),
  name: z.string(),
});
export type ResourceAnswer = z.infer<typeof resourceAnswer>;

/** `POST /collect` to a collector: walk with this policy and send what happened. */
export const collectRequest = z.object({ task: z.string(), policy, transitions: z.int().min(1) });
export type CollectRequest = z.infer<typeof collectRequest>;
export const collectAnswer = z.object({
  task: z.string(),
  transitions: z.array(transition),
  returns: z.array(z.number()),
});
export type CollectAnswer = z.infer<typeof collectAnswer>;

/** `POST /learn` to a learner: one training step for each batch. */
export const learnRequest = z.object({
  task: z.string(),
  policy,
  batches: z.array(z.array(transition).min(1)).min(1),
});
export type LearnRequest = z.infer<typeof learnRequest>;
export const learnAnswer = z.object({
  task: z.string(),
  steps: count,
  loss: z.number(),
  parameters,
});
export type LearnAnswer = z.infer<typeof learnAnswer>;

/** `POST /aggregate` to the aggregator: what the learners have, and the version it becomes. */
export const aggregateRequest = z.object({ version: count, updates: z.array(parameters).min(1) });
export type AggregateRequest = z.infer<typeof aggregateRequest>;
export const aggregateAnswer = policy;

/** `GET /progress` from the coordinator, for people and probes. */
export interface ProgressAnswer {
  readonly steps: number;
  readonly wantedSteps: number;
  readonly policyVersion: number;
}
