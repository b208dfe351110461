import { deepStrictEqual } from "node:assert/strict";
import { objectOf } from "../json.ts";
import { TestApi } from "../test_support.ts";
import { judgeDependent } from "./garbage.ts";

const MAPS = "/api/v1/namespaces/default/configmaps";
const DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
const THINGS = "/apis/test.io/v1/namespaces/default/things";
const DEFINITION = {
  metadata: { name: "things.test.io" },
  spec: {
    group: "test.io",
    scope: "Namespaced",
    names: { kind: "Thing", listKind: "ThingList", plural: "things", singular: "thing" },
    versions: [{
      name: "v1",
      served: true,
      storage: true,
      schema: { openAPIV3Schema: { type: "object" } },
    }],
  },
};

type State = "there" | "gone" | "waiting";
const ownerNamed = (name: string) => ({ apiVersion: "v1", kind: "Pod", name, uid: name });

Deno.test.each<{ states: State[]; kind: string }>([
  { states: [], kind: "keep" },
  { states: ["there"], kind: "keep" },
  { states: ["there", "gone"], kind: "release" },
  { states: ["there", "waiting"], kind: "release" },
  { states: ["gone", "waiting"], kind: "delete" },
])("judgeDependent() of owners that are $states says $kind", ({ states, kind }) => {
  const owners = states.map((_, index) => ownerNamed(String(index)));
  const verdict = judgeDependent(owners, ({ name }) => states[Number(name)] ?? "gone");
  deepStrictEqual(verdict.kind, kind);
});

Deno.test("an owner that goes with its definition takes its dependents along", async () => {
  const api = new TestApi();
  try {
    await api.call("POST", DEFINITIONS, DEFINITION);
    const thing = { apiVersion: "test.io/v1", kind: "Thing", metadata: { name: "t" } };
    const owner = (await api.call("POST", THINGS, thing)).body;
    const { uid } = objectOf(owner.metadata);
    const ownerReferences = [{ apiVersion: "test.io/v1", kind: "Thing", name: "t", uid }];
    await api.call("POST", MAPS, { metadata: { name: "mine", ownerReferences } });
    await api.call("DELETE", `${DEFINITIONS}/things.test.io`);
    await api.server.idle();
    deepStrictEqual(await api.names(MAPS), []);
  } finally {
    api.server.stop();
  }
});
