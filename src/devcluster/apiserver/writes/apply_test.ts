import { deepStrictEqual, strictEqual } from "node:assert/strict";
import { type JsonObject, objectOf, objectsOf, valueAt } from "../json.ts";
import { TestApi } from "../test_support.ts";

const MAP = "/api/v1/namespaces/default/configmaps/m";
const map = (data: JsonObject, metadata: JsonObject = {}): JsonObject => ({
  apiVersion: "v1",
  kind: "ConfigMap",
  metadata: { name: "m", ...metadata },
  data,
});

/** Runs a test on a server of its own. */
function onServer(name: string, test: (api: TestApi) => Promise<void>): void {
  Deno.test(name, async () => {
    const api = new TestApi();
    try {
      await test(api);
    } finally {
      api.server.stop();
    }
  });
}
const apply = (api: TestApi, manager: string, body: JsonObject, query = "") =>
  api.call("PATCH", `${MAP}?fieldManager=${manager}${query}`, body, {
    "content-type": "application/apply-patch+yaml",
  });
/** `MANAGER OPERATION {fields}` of each entry. */
const managersOf = (body: JsonObject) =>
  objectsOf(objectOf(body.metadata).managedFields).map((entry) =>
    `${entry.manager} ${entry.operation} ${JSON.stringify(entry.fieldsV1)}`
  );

onServer("an apply that changes nothing leaves the object as it is", async (api) => {
  const wanted = map({ x: "1" }, { finalizers: [], labels: {} });
  const first = await apply(api, "me", structuredClone(wanted));
  const second = await apply(api, "me", wanted);
  deepStrictEqual([first.code, second.code, second.body], [201, 200, first.body]);
});

onServer("a plain write takes over what it changes, and is recorded", async (api) => {
  await apply(api, "me", map({ x: "1", y: "1" }));
  const headers = { "content-type": "application/merge-patch+json", "user-agent": "tool/1.0" };
  const { body } = await api.call("PATCH", MAP, { data: { y: "2", z: "2" } }, headers);
  deepStrictEqual(managersOf(body), [
    'me Apply {"f:data":{"f:x":{}}}',
    'tool Update {"f:data":{"f:y":{},"f:z":{}}}',
  ]);
  const refused = await apply(api, "me", map({ x: "1", y: "3" }));
  deepStrictEqual([refused.code, refused.body.message], [
    409,
    'Apply failed with 1 conflict: conflict with "tool" using v1: .data.y',
  ]);
  const forced = await apply(api, "me", map({ y: "3" }), "&force=true");
  deepStrictEqual(forced.body.data, { y: "3", z: "2" });
  deepStrictEqual(managersOf(forced.body), [
    'me Apply {"f:data":{"f:y":{}}}',
    'tool Update {"f:data":{"f:z":{}}}',
  ]);
});

onServer("what was there before the first apply is its maker's", async (api) => {
  await api.call("POST", MAP.slice(0, -2), map({ x: "1", y: "1" }));
  strictEqual((await apply(api, "me", map({ x: "2" }))).code, 409);
  const { body } = await apply(api, "me", map({ x: "1", z: "1" }));
  deepStrictEqual(managersOf(body), [
    'me Apply {"f:data":{"f:x":{},"f:z":{}}}',
    'unknown Update {"f:data":{".":{},"f:x":{},"f:y":{}}}',
  ]);
});

onServer("the record is begun anew when a client asks for it", async (api) => {
  await apply(api, "me", map({ x: "1" }));
  const { body } = await api.merge(MAP, { metadata: { managedFields: [{}] } });
  strictEqual(valueAt(body, "metadata.managedFields"), undefined);
});

onServer("a field that the schema does not know cannot be applied", async (api) => {
  const { code, body } = await apply(api, "me", { ...map({}), foo: 1 });
  deepStrictEqual([code, body.message], [
    500,
    "failed to create typed patch object (/m; /v1, Kind=ConfigMap): .foo: field not declared in schema",
  ]);
});

onServer("a pod's priority is that of its class", async (api) => {
  const pods = "/api/v1/namespaces/default/pods";
  const pod = (spec: JsonObject) => ({
    metadata: { name: "p" },
    spec: { containers: [{ name: "c", image: "x" }], ...spec },
  });
  const refused = await api.call("POST", pods, pod({ priority: 5 }));
  deepStrictEqual([refused.code, refused.body.message], [
    403,
    'pods "p" is forbidden: the integer value of priority (5) must not be provided in pod spec; priority admission controller computed 0 from the given PriorityClass name',
  ]);
  const { body } = await api.call("POST", pods, pod({ priorityClassName: "system-node-critical" }));
  deepStrictEqual(
    [valueAt(body, "spec.priority"), valueAt(body, "spec.preemptionPolicy")],
    [2_000_001_000, "PreemptLowerPriority"],
  );
});
