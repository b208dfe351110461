import { deepStrictEqual, ok } from "node:assert/strict";
import { chooseAction, PARAMETER_COUNT, START_CELL, takeStep, walk } from "./environment.ts";
import { seededRandom, seedOf } from "./random.ts";

Deno.test.each([
  { when: "the middle", state: 4, action: 1, reward: 0, next: 5 },
  { when: "a step back", state: 4, action: 0, reward: 0, next: 3 },
  { when: "the good exit", state: 7, action: 1, reward: 1, next: null },
  { when: "the bad exit", state: 1, action: 0, reward: -1, next: null },
])("takeStep() knows $when", ({ state, action, reward, next }) => {
  deepStrictEqual(takeStep(state, action), { state, action, reward, next });
});

Deno.test("chooseAction() takes the better action unless it explores", () => {
  const parameters = Array.from({ length: PARAMETER_COUNT }, (_, index) => index % 2);
  deepStrictEqual(chooseAction(parameters, START_CELL, 0, () => 0), 1);
  deepStrictEqual(chooseAction(parameters, START_CELL, 1, () => 0), 0);
  deepStrictEqual(chooseAction([], START_CELL, 0, () => 0.9), 1);
});

Deno.test("walk() starts anew after an exit and goes on where it stood", () => {
  const right = Array.from({ length: PARAMETER_COUNT }, (_, index) => index % 2);
  const random = () => 0.5;
  const first = walk({ cell: START_CELL, count: 5, parameters: right, exploration: 0, random });
  deepStrictEqual(first.transitions.map(({ state }) => state), [4, 5, 6, 7, 4]);
  deepStrictEqual({ returns: first.returns, cell: first.cell }, { returns: [1], cell: 5 });
  const second = walk({ cell: 5, count: 1, parameters: right, exploration: 0, random });
  deepStrictEqual(second.transitions, [{ state: 5, action: 1, reward: 0, next: 6 }]);
});

Deno.test("a seed gives the same chance again, a name its own", () => {
  const draw = (seed: number) => Array.from({ length: 3 }, seededRandom(seed));
  deepStrictEqual(draw(7), draw(7));
  ok(draw(seedOf("pong-collector-4gk7x"))[0] !== draw(seedOf("pong-collector-zp2mw"))[0]);
  ok(Array.from({ length: 1000 }, seededRandom(1)).every((each) => each >= 0 && each < 1));
});
