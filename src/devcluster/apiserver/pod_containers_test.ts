import { strictEqual, throws } from "node:assert/strict";
import type { ApiObject } from "./json.ts";
import { chooseContainer } from "./pod_containers.ts";

const named = (names: readonly string[]) => names.map((name) => ({ name }));
const pod = (containers: string[], initContainers: string[] = []): ApiObject => ({
  kind: "Pod",
  apiVersion: "v1",
  metadata: { name: "p", annotations: { "kubectl.kubernetes.io/default-container": "b" } },
  spec: { containers: named(containers), initContainers: named(initContainers) },
});

Deno.test.each([
  { what: "the only one", of: pod(["a"], ["i"]), wanted: "", found: "a" },
  { what: "the named one", of: pod(["a", "b"]), wanted: "b", found: "b" },
  { what: "a named init container", of: pod(["a"], ["i"]), wanted: "i", found: "i" },
])("chooseContainer() takes $what", ({ of, wanted, found }) => {
  strictEqual(chooseContainer(of, wanted), found);
});

Deno.test("chooseContainer() says what there is to choose from", () => {
  throws(() => chooseContainer(pod(["a", "b"], ["i"]), ""), {
    message: "a container name must be specified for pod p, choose one of: [i a b]",
  });
  throws(() => chooseContainer(pod(["a"]), "z"), {
    message: "container z is not valid for pod p",
  });
});
