import { deepStrictEqual } from "node:assert/strict";
import { planRoster, podNameOf } from "./roster.ts";
import { StepBudget } from "./step_budget.ts";

Deno.test.each([
  { when: "nothing is known yet", listed: ["a", "b"], known: [], connect: ["a", "b"], drop: [] },
  { when: "all are known", listed: ["b", "a"], known: ["a", "b"], connect: [], drop: [] },
  { when: "one was replaced", listed: ["a", "c"], known: ["a", "b"], connect: ["c"], drop: ["b"] },
  { when: "the list still names a failed one", listed: ["x"], known: [], connect: [], drop: [] },
])("planRoster() when $when", ({ listed, known, connect, drop }) => {
  deepStrictEqual(planRoster({ listed, known, retired: new Set(["x"]) }), { connect, drop });
});

Deno.test.each([
  { url: "pong-learner-4gk7x.rl:80", pod: "pong-learner-4gk7x" },
  { url: "pong.v2-learner-4gk7x.rl:80", pod: "pong.v2-learner-4gk7x" },
])("podNameOf($url) is $pod", ({ url, pod }) => deepStrictEqual(podNameOf(url), pod));

Deno.test("StepBudget withholds the last quarter until a newcomer has worked", () => {
  const budget = new StepBudget(20);
  deepStrictEqual([budget.claim("early", 12), budget.claim("early", 5)], [12, 3]);
  budget.finish("early", 12);
  deepStrictEqual(budget.claim("late", 1), 0);
  budget.openToNewcomers(["early"]);
  budget.giveBack(3);
  deepStrictEqual([budget.claim("early", 9), budget.claim("late", 2)], [3, 2]);
  deepStrictEqual({ newcomer: budget.newcomer, done: budget.done }, {
    newcomer: undefined,
    done: 12,
  });
  budget.finish("late", 2);
  deepStrictEqual(budget.newcomer, "late");
  deepStrictEqual(budget.claim("early", 9), 3);
  budget.finish("early", 6);
  deepStrictEqual({ done: budget.done, spent: budget.spent }, { done: 20, spent: true });
});

Deno.test.each([1, 2, 3, 5])("StepBudget of %i steps lets the first half be made", (total) => {
  deepStrictEqual(new StepBudget(total).claim("early", total) >= Math.floor(total / 2), true);
});
