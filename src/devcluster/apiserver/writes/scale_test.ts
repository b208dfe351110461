import { deepStrictEqual } from "node:assert/strict";
import { builtIn } from "../resources.ts";
import { scaleOf } from "./scale.ts";

Deno.test("scaleOf() writes a selector as kubectl does", () => {
  const scale = scaleOf({
    kind: "Deployment",
    apiVersion: "apps/v1",
    metadata: { name: "a", labels: { x: "y" } },
    spec: {
      replicas: 2,
      selector: {
        matchLabels: { b: "1", a: "2" },
        matchExpressions: [
          { key: "c", operator: "In", values: ["z", "y"] },
          { key: "d", operator: "NotIn", values: ["x"] },
          { key: "e", operator: "Exists" },
          { key: "f", operator: "DoesNotExist" },
        ],
      },
    },
  }, { info: builtIn("apps", "deployments"), rules: {}, custom: undefined });
  deepStrictEqual(scale, {
    kind: "Scale",
    apiVersion: "autoscaling/v1",
    metadata: { name: "a" },
    spec: { replicas: 2 },
    status: { replicas: 0, selector: "a=2,b=1,c in (y,z),d notin (x),e,!f" },
  });
});
