import { deepStrictEqual, strictEqual, throws } from "node:assert/strict";
import { InvalidArgumentError } from "commander";
import {
  normalizeArguments,
  parseAddress,
  parseBoolean,
  parseInteger,
  parseMemory,
  parseOptionalAddress,
} from "./flags.ts";

Deno.test.each([
  { given: ["operator", "--leader-elect"], taken: ["operator", "--leader-elect"] },
  { given: ["-leader-elect"], taken: ["--leader-elect"] },
  { given: ["-leader-elect=false"], taken: ["--leader-elect=false"] },
  { given: ["-server-address", "a:1"], taken: ["--server-address", "a:1"] },
  { given: ["-h", "-V"], taken: ["-h", "-V"] },
  { given: ["-5", "-", "--", "-n"], taken: ["-5", "-", "--", "-n"] },
  { given: ["--", "-leader-elect"], taken: ["--", "-leader-elect"] },
  { given: ["a-b=-c"], taken: ["a-b=-c"] },
])("normalizeArguments() takes $given as $taken", ({ given, taken }) => {
  deepStrictEqual(normalizeArguments(given), taken);
});

Deno.test.each([
  { texts: ["1", "t", "T", "true", "TRUE", "True"], value: true },
  { texts: ["0", "f", "F", "false", "FALSE", "False"], value: false },
])("parseBoolean() takes what Go takes as $value", ({ texts, value }) => {
  deepStrictEqual(texts.map(parseBoolean), texts.map(() => value));
});

Deno.test.each([
  { what: "parseBoolean()", parse: parseBoolean, texts: ["", "yes", "tRUE", " true", "2"] },
  {
    what: "parseInteger(1, 1000)",
    parse: parseInteger(1, 1000),
    texts: ["", "0", "1001", "-1", "1.5", "1e2", " 5", "five", "0x10"],
  },
  {
    what: "parseMemory()",
    parse: parseMemory,
    texts: ["", "0", "-1Gi", "1023Ki", "64GB", "64 Gi", "much", "10E"],
  },
  {
    what: "parseAddress()",
    parse: parseAddress,
    texts: ["", "0", "8080", "host", ":http", ":65536"],
  },
  { what: "parseOptionalAddress()", parse: parseOptionalAddress, texts: ["", "1", "host"] },
])("$what refuses $texts and says what is allowed", ({ parse, texts }) => {
  for (const text of texts) {
    throws(() => parse(text), (error: unknown) => {
      strictEqual(
        error instanceof InvalidArgumentError && /^allowed are /.test(error.message),
        true,
      );
      return true;
    }, `it takes "${text}"`);
  }
});

Deno.test("parseInteger() takes both ends of its range", () => {
  deepStrictEqual(["-3", "0", "4"].map(parseInteger(-3, 4)), [-3, 0, 4]);
});

Deno.test("parseMemory() gives bytes", () => {
  deepStrictEqual(["1Mi", "64Gi", "1.5G", "2000000.5"].map(parseMemory), [
    2 ** 20,
    2 ** 36,
    1_500_000_000,
    2_000_000,
  ]);
});

Deno.test("addresses are kept as they are written; 0 switches an endpoint off", () => {
  deepStrictEqual([":8080", "127.0.0.1:0"].map(parseAddress), [":8080", "127.0.0.1:0"]);
  deepStrictEqual(["0", ":8081"].map(parseOptionalAddress), ["0", ":8081"]);
});
