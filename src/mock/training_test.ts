import { deepStrictEqual, ok, throws } from "node:assert/strict";
import { ReplayBuffer } from "./buffer.ts";
import { START_CELL, type Transition, walk } from "./environment.ts";
import { seededRandom } from "./random.ts";
import { averageParameters, initialParameters, trainStep } from "./training.ts";

Deno.test("trainStep() moves the value of what was done towards what it brought", () => {
  const { parameters, loss } = trainStep(initialParameters(), [
    { state: 1, action: 0, reward: -1, next: null },
  ]);
  const expected = initialParameters();
  expected[2] = 1 + 0.05 * -2;
  deepStrictEqual({ parameters, loss }, { parameters: expected, loss: 4 });
});

Deno.test("training on collected data brings the loss down and the return up", () => {
  const random = seededRandom(3);
  const buffer = new ReplayBuffer<Transition>(500);
  let parameters = initialParameters();
  const losses: number[] = [];
  let returns: number[] = [];
  let cell = START_CELL;
  for (let step = 0; step < 300; step++) {
    const walked = walk({ cell, count: 10, parameters, exploration: 0.2, random });
    cell = walked.cell;
    buffer.push(walked.transitions);
    returns = [...returns, ...walked.returns].slice(-50);
    const result = trainStep(parameters, buffer.sample(16, random));
    parameters = result.parameters;
    losses.push(result.loss);
  }
  const mean = (values: number[]) => values.reduce((sum, each) => sum + each, 0) / values.length;
  ok(mean(losses.slice(-20)) < mean(losses.slice(0, 20)) / 10);
  ok(mean(returns) > 0.8);
});

Deno.test("averageParameters() is the mean of each parameter", () => {
  deepStrictEqual(averageParameters([[1, 2], [3, 6]]), [2, 4]);
  throws(() => averageParameters([]), RangeError);
  throws(() => averageParameters([[1], [1, 2]]), RangeError);
  throws(() => trainStep(initialParameters(), []), RangeError);
});

Deno.test("a full replay buffer forgets the oldest", () => {
  const buffer = new ReplayBuffer<number>(3);
  deepStrictEqual(buffer.sample(2, () => 0), []);
  buffer.push([1, 2]);
  buffer.push([3, 4]);
  deepStrictEqual(buffer.size, 3);
  const places = [0, 0.4, 0.7];
  deepStrictEqual(buffer.sample(3, () => places.shift() ?? 0).sort(), [2, 3, 4]);
});
