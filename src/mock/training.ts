/** The arithmetic of learning: Q-learning on a table, small enough to read and real enough to converge. */
import { ACTION_COUNT, actionValues, PARAMETER_COUNT, type Transition } from "./environment.ts";

/** What a reward is worth one step later. */
const DISCOUNT = 0.9;
/** Share of its error that a value gives up at one sample. */
const LEARNING_RATE = 0.05;
/** Every action looks good until it was tried: that makes collectors try them. */
const FIRST_VALUE = 1;

/** The parameters of a learner that has seen nothing. */
export function initialParameters(): number[] {
  return Array.from({ length: PARAMETER_COUNT }, () => FIRST_VALUE);
}

/** What one training step made of the parameters. */
export interface StepResult {
  readonly parameters: number[];
  /** Mean squared temporal-difference error over the batch, before each sample was learnt from. */
  readonly loss: number;
}

/** One training step on one batch. @throws {RangeError} If the batch is empty. */
export function trainStep(
  parameters: readonly number[],
  batch: readonly Transition[],
): StepResult {
  if (batch.length === 0) throw new RangeError("Cannot train on an empty batch");
  const learnt = [...parameters];
  let squares = 0;
  for (const { state, action, reward, next } of batch) {
    const future = next === null ? 0 : Math.max(...actionValues(learnt, next));
    const index = state * ACTION_COUNT + action;
    const error = reward + DISCOUNT * future - (learnt[index] ?? 0);
    learnt[index] = (learnt[index] ?? 0) + LEARNING_RATE * error;
    squares += error ** 2;
  }
  return { parameters: learnt, loss: squares / batch.length };
}

/**
 * The parameters that several learners agree on: the mean of each one.
 *
 * @throws {RangeError} If there are none, or if their lengths differ.
 */
export function averageParameters(all: readonly (readonly number[])[]): number[] {
  const [first] = all;
  if (first === undefined) throw new RangeError("Cannot average the parameters of no learner");
  if (all.some((each) => each.length !== first.length)) {
    throw new RangeError("Cannot average parameters of different lengths");
  }
  return first.map((_, index) =>
    all.reduce((sum, each) => sum + (each[index] ?? 0), 0) / all.length
  );
}
