import { deepStrictEqual, strictEqual } from "node:assert/strict";
import { EventBudget } from "./event_budget.ts";

const MINUTE_MS = 60_000;

function spendAll(budget: EventBudget, uid: string, times: number, nowMs: number): number {
  return Array.from({ length: times }, () => budget.spend(uid, nowMs)).filter(Boolean).length;
}

Deno.test("an object has 25 events at once, and one more every five minutes", () => {
  const budget = new EventBudget();
  const granted = [0, 4, 6, 16].map((minute) => spendAll(budget, "a", 30, minute * MINUTE_MS));
  deepStrictEqual(granted, [25, 0, 1, 2]);
});

Deno.test("what one object has used up is nothing to another", () => {
  const budget = new EventBudget();
  spendAll(budget, "a", 30, 0);
  strictEqual(spendAll(budget, "b", 30, 0), 25);
});

Deno.test("the budget forgets the objects that were not spoken of for longest", () => {
  const budget = new EventBudget();
  spendAll(budget, "a", 30, 0);
  for (let other = 0; other < 4096; other++) budget.spend(`other-${other}`, 0);
  strictEqual(budget.spend("a", 0), true);
});
