/**
 * The made-up world that collectors walk in: a corridor of nine cells with a good exit on the right
 * and a bad one on the left. Whoever acts by chance earns 0 on average; walking right earns 1.
 */
import type { Random } from "./random.ts";

/** Cells in a row; the first and the last are the exits. */
export const CELL_COUNT = 9;
export const START_CELL = 4;
/** 0 is a step to the left, 1 a step to the right. */
export const ACTION_COUNT = 2;
/** One value for each action in each cell: what a policy is made of. */
export const PARAMETER_COUNT = CELL_COUNT * ACTION_COUNT;

/** One step through the corridor, as learners get it. */
export interface Transition {
  readonly state: number;
  readonly action: number;
  readonly reward: number;
  /** The cell reached; `null` when the step left the corridor. */
  readonly next: number | null;
}

/** Where `action` leads from cell `state`. Exits pay 1 on the right and -1 on the left. */
export function takeStep(state: number, action: number): Transition {
  const cell = state + (action === 1 ? 1 : -1);
  if (cell <= 0) return { state, action, reward: -1, next: null };
  if (cell >= CELL_COUNT - 1) return { state, action, reward: 1, next: null };
  return { state, action, reward: 0, next: cell };
}

/** What `parameters` hold the actions of a cell to be worth. */
export function actionValues(parameters: readonly number[], state: number): number[] {
  const first = state * ACTION_COUNT;
  return Array.from({ length: ACTION_COUNT }, (_, action) => parameters[first + action] ?? 0);
}

/** The best action of a cell, or any one: with a chance of `exploration`, and when all are equal. */
export function chooseAction(
  parameters: readonly number[],
  state: number,
  exploration: number,
  random: Random,
): number {
  const [left = 0, right = 0] = actionValues(parameters, state);
  if (left === right || random() < exploration) return Math.floor(random() * ACTION_COUNT);
  return right > left ? 1 : 0;
}

/** What one walk brought. */
export interface Walk {
  readonly transitions: Transition[];
  /** Reward of each episode that ended on the way. */
  readonly returns: number[];
  /** Where the walker stands now: the next walk goes on from here. */
  readonly cell: number;
}

/** Walks `count` steps from `cell`, starting anew in the middle after each exit. */
export function walk(
  { cell, count, parameters, exploration, random }: {
    readonly cell: number;
    readonly count: number;
    readonly parameters: readonly number[];
    readonly exploration: number;
    readonly random: Random;
  },
): Walk {
  const transitions: Transition[] = [];
  const returns: number[] = [];
  let state = cell;
  while (transitions.length < count) {
    const step = takeStep(state, chooseAction(parameters, state, exploration, random));
    transitions.push(step);
    if (step.next === null) returns.push(step.reward);
    state = step.next ?? START_CELL;
  }
  return { transitions, returns, cell: state };
}
