import { deepStrictEqual } from "node:assert/strict";
import { builtInShape } from "../schema/built_in.ts";
import { changedFields, fieldsOf, presentFields } from "./changes.ts";
import { EMPTY_SET, type FieldSet, formatFields, parseFields, pathsOf } from "./field_set.ts";
import { mergeApplied, prune } from "./merge.ts";
import type { Part } from "./parts.ts";

const service = (spec: unknown): Part => ({
  value: { spec },
  shape: builtInShape("io.k8s.api.core.v1.Service"),
  typed: "nothing",
});
const portsOf = (...ports: number[]) => service({ ports: ports.map((port) => ({ port })) });
const PORT = (port: number) => `.spec.ports[port=${port},protocol="TCP"]`;

Deno.test("fieldsOf() names items by their keys, defaults included, and takes atomic maps whole", () => {
  const set = fieldsOf(service({ selector: { a: "b" }, ports: [{ port: 1, name: "x" }] }));
  const written = {
    "f:spec": {
      "f:ports": { 'k:{"port":1,"protocol":"TCP"}': { ".": {}, "f:name": {}, "f:port": {} } },
      "f:selector": {},
    },
  };
  deepStrictEqual(formatFields(set), written);
  deepStrictEqual(pathsOf(parseFields(written)), [
    PORT(1),
    `${PORT(1)}.name`,
    `${PORT(1)}.port`,
    ".spec.selector",
  ]);
});

Deno.test("changedFields() has what was added and what has another value", () => {
  const before = service({ type: "ClusterIP", selector: { a: "b" }, ports: [{ port: 1 }] });
  const after = service({
    type: "NodePort",
    selector: { a: "b" },
    ports: [{ port: 1 }, { port: 2 }],
  });
  deepStrictEqual(pathsOf(changedFields(before, after)), [
    PORT(2),
    `${PORT(2)}.port`,
    ".spec.type",
  ]);
  deepStrictEqual(changedFields(after, after), EMPTY_SET);
});

Deno.test("changedFields() of a built-in object knows what such an object always has", () => {
  const shape = builtInShape("io.k8s.api.core.v1.Pod");
  const pod = (value: unknown): Part => ({ value, shape, typed: "whole" });
  const after = pod({ metadata: { labels: {} }, spec: { containers: [{ name: "c" }] } });
  deepStrictEqual(formatFields(changedFields(pod({}), after)), {
    "f:spec": {
      "f:containers": { 'k:{"name":"c"}': { ".": {}, "f:name": {}, "f:resources": {} } },
    },
  });
});

Deno.test("presentFields() drops what the object has no more", () => {
  deepStrictEqual(pathsOf(presentFields(fieldsOf(portsOf(1, 2)), portsOf(2, 3))), [
    PORT(2),
    `${PORT(2)}.port`,
  ]);
});

Deno.test.each([
  { when: "is new", live: [1], applied: [2], merged: [1, 2] },
  { when: "has another order", live: [1, 2], applied: [2, 1], merged: [2, 1] },
  { when: "shares some items", live: [1, 2, 3], applied: [5, 2, 6], merged: [1, 5, 2, 3, 6] },
])("mergeApplied() keeps the items of the server where the applied list $when", (row) => {
  const merged = mergeApplied(portsOf(...row.live).value, portsOf(...row.applied));
  deepStrictEqual(merged, portsOf(...row.merged).value);
});

Deno.test("prune() takes an item away with all that is in it, and keeps what others manage", () => {
  const part = service({ type: "ClusterIP", ports: [{ port: 1, nodePort: 9 }, { port: 2 }] });
  const dropped: FieldSet = fieldsOf(
    service({ type: "ClusterIP", ports: [{ port: 1 }, { port: 2 }] }),
  );
  prune(part, dropped, fieldsOf(portsOf(2)));
  deepStrictEqual(part.value, portsOf(2).value);
});
