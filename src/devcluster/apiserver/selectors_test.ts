import { deepStrictEqual, strictEqual, throws } from "node:assert/strict";
import type { ApiObject } from "./json.ts";
import { parseFieldSelector, parseLabelSelector } from "./selectors.ts";

const pod = (name: string, labels: Record<string, string>, more: object = {}): ApiObject => ({
  kind: "Pod",
  apiVersion: "v1",
  metadata: { name, namespace: "rl", labels },
  ...more,
});
const PODS = [
  pod("one", { app: "x", tier: "web" }, { spec: { nodeName: "n1" }, status: { phase: "Running" } }),
  pod("two", { app: "y", size: "5" }, { status: { phase: "Pending" } }),
  pod("three", {}),
];

Deno.test.each([
  { selector: "", names: ["one", "two", "three"] },
  { selector: "app=x", names: ["one"] },
  { selector: "app==x", names: ["one"] },
  { selector: "app!=x", names: ["two", "three"] },
  { selector: "app", names: ["one", "two"] },
  { selector: "!app", names: ["three"] },
  { selector: "app in (x, y)", names: ["one", "two"] },
  { selector: "app notin (x)", names: ["two", "three"] },
  { selector: "app in (x,y),tier=web", names: ["one"] },
  { selector: "size>4", names: ["two"] },
  { selector: "size<4", names: [] },
  { selector: "app=", names: [] },
  { selector: "app=,tier=web", names: [] },
  { selector: "tier notin ()", names: ["one", "two", "three"] },
  { selector: "app in (x,),in", names: [] },
])("parseLabelSelector() of '$selector'", ({ selector, names }) => {
  const test = parseLabelSelector(selector);
  const found = PODS.filter((object) => test?.(object) ?? true).map(({ metadata }) =>
    metadata.name
  );
  deepStrictEqual(found, names);
});

Deno.test.each(["app=x,(", "a in x", "=b"])("parseLabelSelector() refuses '$0'", (selector) => {
  throws(() => parseLabelSelector(selector), { code: 400 });
});

Deno.test.each([
  { selector: "metadata.name=one", names: ["one"] },
  { selector: "metadata.name!=one", names: ["two", "three"] },
  { selector: "spec.nodeName=n1", names: ["one"] },
  { selector: "spec.nodeName=", names: ["two", "three"] },
  { selector: "status.phase!=Running,metadata.namespace=rl", names: ["two", "three"] },
])("parseFieldSelector() of '$selector'", ({ selector, names }) => {
  const parsed = parseFieldSelector(selector, "/pods");
  deepStrictEqual(PODS.filter((o) => parsed?.test(o)).map(({ metadata }) => metadata.name), names);
});

Deno.test("parseFieldSelector() tells the only name that can match", () => {
  strictEqual(parseFieldSelector("metadata.name=one", "/pods")?.name, "one");
});

Deno.test("parseFieldSelector() refuses fields that are not selectable", () => {
  throws(() => parseFieldSelector("spec.foo=x", "/pods"), {
    code: 400,
    message: "field label not supported: spec.foo",
  });
});
