import { strictEqual, throws } from "node:assert/strict";
import { parseQuantity } from "./quantity.ts";

Deno.test.each([
  { text: "2", amount: 2 },
  { text: "500m", amount: 0.5 },
  { text: "1500m", amount: 1.5 },
  { text: "8Gi", amount: 8 * 2 ** 30 },
  { text: "1e3", amount: 1000 },
  { text: "1E3", amount: 1000 },
  { text: "5E", amount: 5e18 },
  { text: ".5", amount: 0.5 },
  { text: "-1k", amount: -1000 },
])("parseQuantity() reads $text as $amount", ({ text, amount }) => {
  strictEqual(parseQuantity(text), amount);
});

Deno.test.each([
  { text: "", message: /regular expression/ },
  { text: "many", message: /regular expression/ },
  { text: "1Q", message: /quantity's suffix/ },
  { text: "1 Gi", message: /quantity's suffix/ },
])("parseQuantity() refuses '$text'", ({ text, message }) => {
  throws(() => parseQuantity(text), message);
});
