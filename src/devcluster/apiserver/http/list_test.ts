import { deepStrictEqual, strictEqual } from "node:assert/strict";
import { objectsOf, valueAt } from "../json.ts";
import { TestApi } from "../test_support.ts";

const MAPS = "/api/v1/namespaces/default/configmaps";

Deno.test("a continue token outlives its version: refused at first, then good for the newest", async () => {
  const api = new TestApi();
  try {
    for (const name of ["a", "b", "c"]) await api.call("POST", MAPS, { metadata: { name } });
    const first = await api.call("GET", `${MAPS}?limit=1`);
    await api.call("DELETE", `${MAPS}/b`);
    api.server.cluster.store.collection({ group: "", plural: "configmaps" }).compact();
    const goOn = (page: unknown) =>
      api.call("GET", `${MAPS}?limit=9&continue=${valueAt(page, "metadata.continue")}`);
    const refused = await goOn(first.body);
    deepStrictEqual([refused.code, refused.body.reason], [410, "Expired"]);
    const rest = await goOn(refused.body);
    deepStrictEqual(objectsOf(rest.body.items).map((item) => valueAt(item, "metadata.name")), [
      "c",
    ]);
    const version = Number(valueAt(first.body, "metadata.resourceVersion"));
    const exact = await api.call(
      "GET",
      `${MAPS}?resourceVersion=${version}&resourceVersionMatch=Exact`,
    );
    strictEqual(exact.body.message, "The resourceVersion for the provided list is too old.");
  } finally {
    api.server.stop();
  }
});
