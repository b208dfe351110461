import { deepStrictEqual, match, strictEqual } from "node:assert/strict";
import { eventually } from "../../../tests/support/eventually.ts";
import { type JsonObject, objectOf, valueAt } from "./json.ts";
import { TestApi, WatchReader } from "./test_support.ts";

const PODS = "/api/v1/namespaces/default/pods";
const CONFIG_MAPS = "/api/v1/namespaces/default/configmaps";
const aPod = (name: string, metadata: JsonObject = {}): JsonObject => ({
  metadata: { name, ...metadata },
  spec: { containers: [{ name: "c", image: "x" }] },
});
const aMap = (name: string, metadata: JsonObject = {}): JsonObject => ({
  metadata: { name, ...metadata },
});
const ownedBy = (owner: JsonObject, more: JsonObject = {}): JsonObject => {
  const { name, uid } = objectOf(owner.metadata);
  const { apiVersion, kind } = owner;
  return { ownerReferences: [{ apiVersion, kind, name, uid, ...more }] };
};

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

function untilServed(api: TestApi): Promise<true> {
  return eventually("the new kind", async () => (await api.call("GET", FOOS)).code === 200);
}

onServer("a token is needed", async ({ server }) => {
  const asked = (path: string, token: string) =>
    server.handle(
      new Request(`https://x${path}`, { headers: { authorization: `Bearer ${token}` } }),
    );
  strictEqual((await asked("/api/v1/pods", "wrong!")).status, 401);
  strictEqual((await asked("/api/v1/pods", "")).status, 403);
  strictEqual((await asked("/readyz", "")).status, 200);
});

onServer("a namespace that its own finalizer holds is written once", async (api) => {
  const path = "/api/v1/namespaces/n";
  await api.call("POST", "/api/v1/namespaces", {
    metadata: { name: "n", finalizers: ["example.com/hold"] },
  });
  await api.call("DELETE", path);
  await api.server.idle();
  const { body } = await api.call("GET", path);
  deepStrictEqual(valueAt(body, "spec"), {});
  await api.merge(path, { metadata: { finalizers: null } });
  strictEqual((await api.call("GET", path)).code, 404);
});

onServer("a created pod has its defaults", async (api) => {
  const { code, body } = await api.call("POST", PODS, aPod("p"));
  strictEqual(code, 201);
  deepStrictEqual(body.status, { phase: "Pending", qosClass: "BestEffort" });
  strictEqual(valueAt(body, "metadata.generation"), 1);
  strictEqual(valueAt(body, "spec.serviceAccountName"), "default");
  deepStrictEqual((await api.call("GET", `${PODS}/p`)).body, body);
});

onServer("names are generated", async (api) => {
  const { body } = await api.call("POST", CONFIG_MAPS, { metadata: { generateName: "m-" } });
  match(String(valueAt(body, "metadata.name")), /^m-[bcdfghjklmnpqrstvwxz2456789]{5}$/);
});

for (
  const { when, method, path, body, type, code, message } of [
    {
      when: "the namespace is missing",
      method: "POST",
      path: "/api/v1/namespaces/none/pods",
      body: aPod("p"),
      code: 404,
      message: 'namespaces "none" not found',
    },
    {
      when: "the object is there already",
      method: "POST",
      path: CONFIG_MAPS,
      body: aMap("there"),
      code: 409,
      message: 'configmaps "there" already exists',
    },
    {
      when: "an update names an old version",
      method: "PUT",
      path: `${CONFIG_MAPS}/there`,
      body: aMap("there", { resourceVersion: "1" }),
      code: 409,
      message:
        'Operation cannot be fulfilled on configmaps "there": the object has been modified; please apply your changes to the latest version and try again',
    },
    {
      when: "a field is wrong",
      method: "POST",
      path: PODS,
      body: { metadata: { name: "p" }, spec: { containers: [{ name: "c" }] } },
      code: 422,
      message: 'Pod "p" is invalid: spec.containers[0].image: Required value',
    },
    {
      when: "a field has the wrong type",
      method: "POST",
      path: PODS,
      body: { metadata: { name: "p" }, spec: { containers: [{ name: 1 }] } },
      code: 400,
      message:
        'Pod in version "v1" cannot be handled as a Pod: json: cannot unmarshal number into Go struct field Container.spec.containers.name of type string',
    },
    {
      when: "a field is unknown and that is forbidden",
      method: "POST",
      path: `${CONFIG_MAPS}?fieldValidation=Strict`,
      body: { metadata: { name: "x" }, foo: 1 },
      code: 400,
      message:
        'ConfigMap in version "v1" cannot be handled as a ConfigMap: strict decoding error: unknown field "foo"',
    },
    {
      when: "the method is not for this",
      method: "PUT",
      path: CONFIG_MAPS,
      body: {},
      code: 405,
      message: "the server does not allow this method on the requested resource",
    },
    {
      when: "the media type is unknown",
      method: "POST",
      path: CONFIG_MAPS,
      body: {},
      type: "text/plain",
      code: 415,
      message:
        "the body of the request was in an unknown format - accepted media types include: application/json, application/yaml, application/vnd.kubernetes.protobuf",
    },
    {
      when: "the body is beyond 3 MiB",
      method: "POST",
      path: CONFIG_MAPS,
      body: { metadata: { name: "big" }, data: { a: "x".repeat(3 * 1024 * 1024) } },
      code: 413,
      message: "Request entity too large: limit is 3145728",
    },
    {
      when: "an apply does not say who manages",
      method: "PATCH",
      path: `${CONFIG_MAPS}/there`,
      body: {},
      type: "application/apply-patch+yaml",
      code: 422,
      message:
        'PatchOptions.meta.k8s.io "" is invalid: fieldManager: Required value: is required for apply patch',
    },
  ]
) {
  onServer(`the answer is ${code} when ${when}`, async (api) => {
    await api.call("POST", CONFIG_MAPS, aMap("there"));
    const headers = type === undefined ? {} : { "content-type": type };
    const answer = await api.call(method, path, body, headers);
    deepStrictEqual([answer.code, answer.body.code, answer.body.message], [code, code, message]);
  });
}

onServer("a dry run stores nothing and unknown fields are warned of", async (api) => {
  const answer = await api.call("POST", `${CONFIG_MAPS}?dryRun=All`, { ...aMap("x"), foo: 1 });
  strictEqual(answer.code, 201);
  strictEqual(answer.headers.get("warning"), '299 - "unknown field \\"foo\\""');
  strictEqual((await api.call("GET", `${CONFIG_MAPS}/x`)).code, 404);
});

onServer("an update that changes nothing keeps the version", async (api) => {
  const { body } = await api.call("POST", CONFIG_MAPS, aMap("x"));
  const again = await api.call("PUT", `${CONFIG_MAPS}/x`, body);
  deepStrictEqual(again.body, body);
});

onServer("a pod on a node stays until its grace period is given up", async (api) => {
  await api.call("POST", PODS, aPod("p"));
  const binding = { metadata: { name: "p" }, target: { kind: "Node", name: "n" } };
  strictEqual((await api.call("POST", `${PODS}/p/binding`, binding)).code, 201);
  const deleted = await api.call("DELETE", `${PODS}/p`);
  strictEqual(valueAt(deleted.body, "metadata.deletionGracePeriodSeconds"), 30);
  strictEqual((await api.call("GET", `${PODS}/p`)).code, 200);
  await api.call("DELETE", `${PODS}/p?gracePeriodSeconds=0`);
  strictEqual((await api.call("GET", `${PODS}/p`)).code, 404);
});

onServer("a finalizer holds an object back", async (api) => {
  await api.call("POST", CONFIG_MAPS, aMap("x", { finalizers: ["a.b/c"] }));
  strictEqual((await api.call("DELETE", `${CONFIG_MAPS}/x`)).code, 200);
  strictEqual((await api.call("GET", `${CONFIG_MAPS}/x`)).code, 200);
  await api.merge(`${CONFIG_MAPS}/x`, { metadata: { finalizers: null } });
  strictEqual((await api.call("GET", `${CONFIG_MAPS}/x`)).code, 404);
});

onServer("lists are paged at one version", async (api) => {
  for (const name of ["a", "b", "c"]) await api.call("POST", CONFIG_MAPS, aMap(name));
  const first = await api.call("GET", `${CONFIG_MAPS}?limit=2`);
  const token = valueAt(first.body, "metadata.continue");
  await api.call("POST", CONFIG_MAPS, aMap("bb"));
  await api.call("DELETE", `${CONFIG_MAPS}/c`);
  deepStrictEqual(await api.names(`${CONFIG_MAPS}?limit=2&continue=${token}`), ["c"]);
  deepStrictEqual(await api.names(CONFIG_MAPS), ["a", "b", "bb"]);
});

onServer("a watch follows from a version, with selector transitions", async (api) => {
  const { body } = await api.call("POST", CONFIG_MAPS, aMap("a", { labels: { on: "yes" } }));
  await api.call("POST", CONFIG_MAPS, aMap("b", { labels: { on: "no" } }));
  const version = valueAt(body, "metadata.resourceVersion");
  const watch = new WatchReader(
    await api.send(
      "GET",
      `${CONFIG_MAPS}?watch=1&labelSelector=on%3Dyes&resourceVersion=${version}`,
    ),
  );
  await api.merge(`${CONFIG_MAPS}/b`, { metadata: { labels: { on: "yes" } } });
  await api.merge(`${CONFIG_MAPS}/a`, { metadata: { labels: { on: "no" } } });
  await api.merge(`${CONFIG_MAPS}/b`, { data: { k: "v" } });
  await api.call("DELETE", `${CONFIG_MAPS}/b`);
  deepStrictEqual(
    [await watch.nextEvent(), await watch.nextEvent(), await watch.nextEvent()],
    ["ADDED b", "DELETED a", "MODIFIED b"],
  );
  strictEqual(await watch.nextEvent(), "DELETED b");
  await watch.close();
});

onServer("a streaming list ends with a marked bookmark", async (api) => {
  await api.call("POST", CONFIG_MAPS, aMap("a"));
  const query =
    "watch=1&sendInitialEvents=true&allowWatchBookmarks=true&resourceVersionMatch=NotOlderThan";
  const watch = new WatchReader(await api.send("GET", `${CONFIG_MAPS}?${query}`));
  strictEqual(await watch.nextEvent(), "ADDED a");
  const bookmark = await watch.next();
  strictEqual(bookmark?.type, "BOOKMARK");
  deepStrictEqual(valueAt(bookmark, "object.metadata.annotations"), {
    "k8s.io/initial-events-end": "true",
  });
  await watch.close();
});

onServer(
  "a watch from a forgotten version is told so, and the server's end ends it",
  async (api) => {
    const { body } = await api.call("POST", CONFIG_MAPS, aMap("a"));
    const version = Number(valueAt(body, "metadata.resourceVersion"));
    api.server.cluster.store.collection({ group: "", plural: "configmaps" }).compact();
    const old = new WatchReader(
      await api.send("GET", `${CONFIG_MAPS}?watch=1&resourceVersion=${version - 1}`),
    );
    deepStrictEqual(objectOf((await old.next())?.object).code, 410);
    strictEqual(await old.next(), undefined);
    const open = new WatchReader(await api.send("GET", `${CONFIG_MAPS}?watch=1`));
    strictEqual(await open.nextEvent(), "ADDED a");
    api.server.stop();
    strictEqual(await open.next(), undefined);
  },
);

onServer("dependents go with their last owner", async (api) => {
  const owner = (await api.call("POST", CONFIG_MAPS, aMap("owner"))).body;
  const other = (await api.call("POST", CONFIG_MAPS, aMap("other"))).body;
  const both = [ownedBy(owner), ownedBy(other)].flatMap((meta) => meta.ownerReferences);
  await api.call("POST", CONFIG_MAPS, aMap("one", ownedBy(owner)));
  await api.call("POST", CONFIG_MAPS, aMap("two", { ownerReferences: both }));
  await api.call("DELETE", `${CONFIG_MAPS}/owner`);
  await api.call("POST", CONFIG_MAPS, aMap("late", ownedBy(owner)));
  await api.server.idle();
  deepStrictEqual(await api.names(CONFIG_MAPS), ["other", "two"]);
  const { body } = await api.call("GET", `${CONFIG_MAPS}/two`);
  deepStrictEqual(valueAt(body, "metadata.ownerReferences"), ownedBy(other).ownerReferences);
});

onServer("an owner in foreground deletion waits for who blocks it", async (api) => {
  const owner = (await api.call("POST", CONFIG_MAPS, aMap("owner"))).body;
  const held = { ...ownedBy(owner, { blockOwnerDeletion: true }), finalizers: ["a.b/c"] };
  await api.call("POST", CONFIG_MAPS, aMap("held", held));
  await api.call("DELETE", `${CONFIG_MAPS}/owner`, { propagationPolicy: "Foreground" });
  await api.server.idle();
  deepStrictEqual(await api.names(CONFIG_MAPS), ["held", "owner"]);
  await api.merge(`${CONFIG_MAPS}/held`, { metadata: { finalizers: null } });
  await api.server.idle();
  deepStrictEqual(await api.names(CONFIG_MAPS), []);
});

onServer("orphans stay and forget their owner", async (api) => {
  const owner = (await api.call("POST", CONFIG_MAPS, aMap("owner"))).body;
  await api.call("POST", CONFIG_MAPS, aMap("child", ownedBy(owner)));
  await api.call("DELETE", `${CONFIG_MAPS}/owner?propagationPolicy=Orphan`);
  await api.server.idle();
  deepStrictEqual(await api.names(CONFIG_MAPS), ["child"]);
  const { body } = await api.call("GET", `${CONFIG_MAPS}/child`);
  strictEqual(valueAt(body, "metadata.ownerReferences"), undefined);
});

onServer("a namespace takes its content along", async (api) => {
  await api.call("POST", "/api/v1/namespaces", aMap("rl"));
  await api.call("POST", "/api/v1/namespaces/rl/pods", aPod("p"));
  const { body } = await api.call("DELETE", "/api/v1/namespaces/rl");
  strictEqual(valueAt(body, "status.phase"), "Terminating");
  strictEqual((await api.call("POST", "/api/v1/namespaces/rl/pods", aPod("q"))).code, 403);
  await api.server.idle();
  strictEqual((await api.call("GET", "/api/v1/namespaces/rl")).code, 404);
  deepStrictEqual(await api.names("/api/v1/namespaces/rl/pods"), []);
});

const DEFINITION = {
  apiVersion: "apiextensions.k8s.io/v1",
  kind: "CustomResourceDefinition",
  metadata: { name: "foos.example.com" },
  spec: {
    group: "example.com",
    scope: "Namespaced",
    names: { kind: "Foo", plural: "foos" },
    versions: [{
      name: "v1",
      served: true,
      storage: true,
      subresources: { status: {} },
      schema: {
        openAPIV3Schema: {
          type: "object",
          properties: {
            spec: { type: "object", properties: { n: { type: "integer", default: 5 } } },
            status: { type: "object", properties: { phase: { type: "string" } } },
          },
        },
      },
    }],
  },
};
const DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
const FOOS = "/apis/example.com/v1/namespaces/default/foos";

onServer("a custom resource keeps spec and status apart", async (api) => {
  strictEqual((await api.call("GET", "/apis/example.com/v1")).code, 404);
  strictEqual((await api.call("POST", DEFINITIONS, DEFINITION)).code, 201);
  await untilServed(api);
  const foo = {
    apiVersion: "example.com/v1",
    kind: "Foo",
    metadata: { name: "f" },
    spec: { zz: 1 },
    status: { phase: "x" },
  };
  const created = (await api.call("POST", FOOS, foo)).body;
  deepStrictEqual([created.spec, created.status], [{ n: 5 }, undefined]);
  const shown = (body: JsonObject) => [
    valueAt(body, "metadata.generation"),
    body.spec,
    body.status,
  ];
  const patch = { spec: { n: 7 }, status: { phase: "Running" } };
  deepStrictEqual(shown((await api.merge(`${FOOS}/f/status`, patch)).body), [
    1,
    { n: 5 },
    { phase: "Running" },
  ]);
  deepStrictEqual(shown((await api.merge(`${FOOS}/f`, { spec: { n: 7 }, status: null })).body), [
    2,
    { n: 7 },
    { phase: "Running" },
  ]);
  await api.call("DELETE", `${DEFINITIONS}/foos.example.com`);
  await api.server.idle();
  strictEqual((await api.call("GET", FOOS)).code, 404);
});

onServer("documents name custom resources", async (api) => {
  await api.call("POST", DEFINITIONS, DEFINITION);
  await untilServed(api);
  const groups = JSON.stringify((await api.call("GET", "/apis")).body);
  match(groups, /"groupVersion":"example.com\/v1"/);
  const openapi = await api.call("GET", "/openapi/v3/apis/example.com/v1");
  deepStrictEqual(Object.keys(objectOf(openapi.body.paths)), [
    "/apis/example.com/v1/namespaces/{namespace}/foos",
    "/apis/example.com/v1/namespaces/{namespace}/foos/{name}",
    "/apis/example.com/v1/namespaces/{namespace}/foos/{name}/status",
  ]);
});

onServer("logs of a pod that waits are refused with the reason", async (api) => {
  await api.call("POST", PODS, aPod("p"));
  await api.call("POST", `${PODS}/p/binding`, { metadata: { name: "p" }, target: { name: "n" } });
  await api.merge(`${PODS}/p/status`, {
    status: {
      containerStatuses: [{
        name: "c",
        image: "x",
        imageID: "",
        ready: false,
        restartCount: 0,
        state: { waiting: { reason: "ContainerCreating" } },
      }],
    },
  });
  const { code, body } = await api.call("GET", `${PODS}/p/log`);
  deepStrictEqual([code, body.message], [
    400,
    'container "c" in pod "p" is waiting to start: ContainerCreating',
  ]);
});
