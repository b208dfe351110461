import { deepStrictEqual, throws } from "node:assert/strict";
import type { JsonObject } from "../json.ts";
import { builtInShape } from "../schema/built_in.ts";
import { jsonPatch } from "./json.ts";
import { mergePatch } from "./merge.ts";
import { strategicPatch } from "./strategic.ts";

// The examples of RFC 7396, appendix A.
Deno.test.each<{ target: unknown; patch: unknown; result: unknown }>([
  { target: { a: "b" }, patch: { a: "c" }, result: { a: "c" } },
  { target: { a: "b" }, patch: { b: "c" }, result: { a: "b", b: "c" } },
  { target: { a: "b" }, patch: { a: null }, result: {} },
  { target: { a: "b", b: "c" }, patch: { a: null }, result: { b: "c" } },
  { target: { a: ["b"] }, patch: { a: "c" }, result: { a: "c" } },
  { target: { a: "c" }, patch: { a: ["b"] }, result: { a: ["b"] } },
  { target: { a: { b: "c" } }, patch: { a: { b: "d", c: null } }, result: { a: { b: "d" } } },
  { target: { a: [{ b: "c" }] }, patch: { a: [1] }, result: { a: [1] } },
  { target: ["a", "b"], patch: ["c", "d"], result: ["c", "d"] },
  { target: { a: "b" }, patch: ["c"], result: ["c"] },
  { target: { a: "foo" }, patch: null, result: null },
  { target: { e: null }, patch: { a: 1 }, result: { e: null, a: 1 } },
  { target: [1, 2], patch: { a: "b", c: null }, result: { a: "b" } },
  { target: {}, patch: { a: { bb: { ccc: null } } }, result: { a: { bb: {} } } },
])("mergePatch() of $target with $patch", ({ target, patch, result }) => {
  deepStrictEqual(mergePatch(target, patch), result);
});

const container = (name: string, more: JsonObject = {}): JsonObject => ({ name, ...more });
const pod = (spec: JsonObject): JsonObject => ({ spec });

Deno.test.each<{ when: string; target: JsonObject; patch: JsonObject; result: JsonObject }>([
  {
    when: "merges containers by name",
    target: pod({ containers: [container("a", { image: "1" }), container("b", { image: "1" })] }),
    patch: pod({ containers: [container("b", { image: "2" })] }),
    result: pod({ containers: [container("a", { image: "1" }), container("b", { image: "2" })] }),
  },
  {
    when: "puts a new list member before the old ones",
    target: pod({ containers: [container("a")] }),
    patch: pod({ containers: [container("b")] }),
    result: pod({ containers: [container("b"), container("a")] }),
  },
  {
    when: "deletes a member by directive",
    target: pod({ containers: [container("a"), container("b")] }),
    patch: pod({ containers: [{ name: "a", $patch: "delete" }] }),
    result: pod({ containers: [container("b")] }),
  },
  {
    when: "replaces a list by directive",
    target: pod({ containers: [container("a"), container("b")] }),
    patch: pod({ containers: [container("c"), { $patch: "replace" }] }),
    result: pod({ containers: [container("c")] }),
  },
  {
    when: "replaces an object by directive",
    target: { metadata: { labels: { a: "1", b: "2" } } },
    patch: { metadata: { labels: { c: "3", $patch: "replace" } } },
    result: { metadata: { labels: { c: "3" } } },
  },
  {
    when: "replaces an atomic list",
    target: pod({ tolerations: [{ key: "a" }] }),
    patch: pod({ tolerations: [{ key: "b" }] }),
    result: pod({ tolerations: [{ key: "b" }] }),
  },
  {
    when: "orders as the patch says",
    target: pod({ containers: [container("a"), container("b"), container("c")] }),
    patch: pod({ "$setElementOrder/containers": [{ name: "c" }, { name: "a" }, { name: "b" }] }),
    result: pod({ containers: [container("c"), container("a"), container("b")] }),
  },
  {
    when: "drops primitives by directive",
    target: { metadata: { finalizers: ["a", "b", "c"] } },
    patch: { metadata: { "$deleteFromPrimitiveList/finalizers": ["b"] } },
    result: { metadata: { finalizers: ["a", "c"] } },
  },
  {
    when: "adds to a merged list of primitives",
    target: { metadata: { finalizers: ["a"] } },
    patch: {
      metadata: { finalizers: ["b"], "$setElementOrder/finalizers": ["a", "b"] },
    },
    result: { metadata: { finalizers: ["a", "b"] } },
  },
  {
    when: "keeps only the named keys of a volume",
    target: pod({ volumes: [{ name: "v", emptyDir: {} }] }),
    patch: pod({
      volumes: [{ name: "v", hostPath: { path: "/x" }, $retainKeys: ["name", "hostPath"] }],
    }),
    result: pod({ volumes: [{ name: "v", hostPath: { path: "/x" } }] }),
  },
  {
    when: "removes what is null",
    target: { metadata: { labels: { a: "1", b: "2" } } },
    patch: { metadata: { labels: { a: null } } },
    result: { metadata: { labels: { b: "2" } } },
  },
])("strategicPatch() $when", ({ target, patch, result }) => {
  const before = JSON.stringify(target);
  deepStrictEqual(strategicPatch(target, patch, builtInShape("io.k8s.api.core.v1.Pod")), result);
  deepStrictEqual(JSON.stringify(target), before, "the target is left alone");
});

Deno.test("strategicPatch() refuses a list member without its merge key", () => {
  const patch = pod({ containers: [{ image: "x" }] });
  throws(() => strategicPatch(pod({}), patch, builtInShape("io.k8s.api.core.v1.Pod")), {
    code: 500,
    message: "map: map[image:x] does not contain declared merge key: name",
  });
});

Deno.test("jsonPatch() applies operations in order", () => {
  const patched = jsonPatch({ a: { b: 1 }, l: [1, 2] }, [
    { op: "test", path: "/a/b", value: 1 },
    { op: "replace", path: "/a/b", value: 2 },
    { op: "add", path: "/l/-", value: 3 },
    { op: "remove", path: "/l/0" },
    { op: "add", path: "/x~1y", value: "z" },
  ]);
  deepStrictEqual(patched, { a: { b: 2 }, l: [2, 3], "x/y": "z" });
});

Deno.test.each<{ when: string; patch: unknown; code: number }>([
  { when: "a test fails", patch: [{ op: "test", path: "/a", value: 2 }], code: 422 },
  { when: "the path is not there", patch: [{ op: "remove", path: "/b/c" }], code: 422 },
  { when: "the operation is unknown", patch: [{ op: "jump", path: "/a" }], code: 422 },
  { when: "it is no list", patch: { op: "test" }, code: 400 },
])("jsonPatch() answers $code when $when", ({ patch, code }) => {
  throws(() => jsonPatch({ a: 1 }, patch), { code });
});
