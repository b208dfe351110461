/** Who may ask the server: by address, and by token. */
import { deepStrictEqual, match, strictEqual } from "node:assert/strict";
import { parseAllDocuments } from "yaml";
import { PODS } from "../../src/kube/mod.ts";
import type { CallerResult, RunningServer } from "../../src/server/mod.ts";
import { AllocationStory, startTestServer, untilReady } from "../support/allocation_story.ts";
import { IS_REAL, useTestCluster } from "../support/test_cluster.ts";

const cluster = useTestCluster();
const COORDINATOR = "10.0.0.7";
const STRANGER = "10.0.0.8";
const PATH = "/v1alpha1/replicas";

interface Guarded {
  readonly server: RunningServer;
  readonly results: readonly CallerResult[];
  /** Status, success and message of an answer. */
  ask(
    from: string,
    request: { method?: string; path?: string; body?: unknown; token?: string },
  ): Promise<[number, boolean, string]>;
}

/** A server that checks its callers. */
async function guard(
  callerCheck: "enforce" | "warn" = "enforce",
): Promise<Guarded & AsyncDisposable> {
  const results: CallerResult[] = [];
  const server = await startTestServer(cluster().client, {
    callerCheck,
    onCallerCheck: (result) => void results.push(result),
  });
  await untilReady(server);
  return {
    server,
    results,
    async ask(from, { method = "GET", path = PATH, body, token }) {
      const request = new Request(`http://server${path}`, {
        method,
        ...(body !== undefined && { body: JSON.stringify(body) }),
        ...(token !== undefined && { headers: { authorization: `Bearer ${token}` } }),
      });
      const response = await server.handle(request, from);
      const { success, message } = await response.json();
      return [response.status, success, message];
    },
    [Symbol.asyncDispose]: () => server.stop(),
  };
}

async function giveAddress(story: AllocationStory, name: string, ip: string): Promise<void> {
  const key = { namespace: story.namespace, name };
  const status = { phase: "Running", podIP: ip, podIPs: [{ ip }] };
  await story.client.patch(PODS, key, { status }, { subresource: "status" });
}

function ofDemo({ namespace }: AllocationStory): string {
  return `${PATH}?namespace=${namespace}&coordinator=demo-coordinator`;
}

/** A service account's token; `verbs` are what it may do to `dijobs/replicas` of the namespace. */
async function tokenOf(
  { client, namespace }: AllocationStory,
  name: string,
  verbs: readonly string[],
): Promise<string> {
  const rbac = `/apis/rbac.authorization.k8s.io/v1/namespaces/${namespace}`;
  const accounts = `/api/v1/namespaces/${namespace}/serviceaccounts`;
  await client.request("POST", accounts, {}, { metadata: { name } });
  const rules = [{ apiGroups: ["diengine.opendilab.org"], resources: ["dijobs/replicas"], verbs }];
  await client.request("POST", `${rbac}/roles`, {}, { metadata: { name }, rules });
  const roleRef = { apiGroup: "rbac.authorization.k8s.io", kind: "Role", name };
  const subjects = [{ kind: "ServiceAccount", name, namespace }];
  const binding = { metadata: { name }, roleRef, subjects };
  await client.request("POST", `${rbac}/rolebindings`, {}, binding);
  const { status } = await client.request<{ status: { token: string } }>(
    "POST",
    `${accounts}/${name}/token`,
    {},
    { spec: {} },
  );
  return status.token;
}

Deno.test("a coordinator is known by its address, and nobody else is it", async () => {
  await using story = await AllocationStory.open(cluster());
  await giveAddress(story, "demo-coordinator", COORDINATOR);
  await using guarded = await guard();
  deepStrictEqual(await guarded.ask(COORDINATOR, { path: ofDemo(story) }), [
    200,
    true,
    "successfully get replicas",
  ]);
  const body = {
    namespace: story.namespace,
    coordinator: "demo-coordinator",
    collectors: { replicas: 1 },
  };
  for (const method of ["POST", "DELETE"]) {
    const [status, success] = await guarded.ask(COORDINATOR, { method, body });
    deepStrictEqual([status, success], [200, true]);
    const [refused, , why] = await guarded.ask(STRANGER, { method, body });
    strictEqual(refused, 403);
    match(why, /^not allowed: address 10\.0\.0\.8 is no coordinator's or aggregator's of DIJob /);
  }
  const failed = { ...body, collectors: ["x"] };
  const report = { method: "POST", path: `${PATH}/failed`, body: failed };
  strictEqual((await guarded.ask(STRANGER, report))[0], 403);
  strictEqual((await guarded.ask(STRANGER, { path: ofDemo(story) }))[0], 403);
  const byName = { path: `${PATH}?namespace=${story.namespace}&name=demo` };
  strictEqual((await guarded.ask(STRANGER, byName))[0], 403);
  strictEqual((await guarded.ask(COORDINATOR, byName))[0], 200);
  deepStrictEqual(guarded.results.filter((result) => result === "refused").length, 5);
});

Deno.test("the coordinator of another job is a stranger", async () => {
  await using story = await AllocationStory.open(cluster());
  await story.createJob("other");
  await giveAddress(story, "demo-coordinator", COORDINATOR);
  await giveAddress(story, "other-coordinator", STRANGER);
  await using guarded = await guard();
  strictEqual((await guarded.ask(STRANGER, { path: ofDemo(story) }))[0], 403);
});

Deno.test("a caller is told to come again while its pod has no address", async () => {
  await using story = await AllocationStory.open(cluster());
  await using guarded = await guard();
  const ask = () => guarded.ask(COORDINATOR, { path: ofDemo(story) });
  deepStrictEqual(await ask(), [
    200,
    false,
    `pod ${story.namespace}/demo-coordinator has no address yet: cannot tell whether it is the caller`,
  ]);
  // The server's cache need not know of it yet.
  await giveAddress(story, "demo-coordinator", COORDINATOR);
  deepStrictEqual((await ask()).slice(0, 2), [200, true]);
});

Deno.test("a list that names no job needs a token with the right to it", async () => {
  await using story = await AllocationStory.open(cluster());
  await giveAddress(story, "demo-coordinator", COORDINATOR);
  await using guarded = await guard();
  const path = `${PATH}?namespace=${story.namespace}`;
  const [status, , message] = await guarded.ask(COORDINATOR, { path });
  deepStrictEqual([status, message], [
    403,
    "not allowed: a list that names no job needs a bearer token",
  ]);
  const invalid = await guarded.ask(STRANGER, { path, token: "nonsense" });
  deepStrictEqual(invalid, [403, false, "not allowed: the bearer token is not valid"]);
  const token = await tokenOf(story, "viewer", ["list"]);
  strictEqual((await guarded.ask(STRANGER, { path, token }))[0], 200);
  // The embedded API server allows everything to everyone it knows.
  if (!IS_REAL) return;
  const [refused, , why] = await guarded.ask(STRANGER, { path: ofDemo(story), token });
  strictEqual(refused, 403);
  const account = `system:serviceaccount:${story.namespace}:viewer`;
  strictEqual(
    why,
    `not allowed: user ${account} may not get dijobs/replicas in namespace ${story.namespace}`,
  );
});

Deno.test("--caller-check=warn answers, and counts", async () => {
  await using story = await AllocationStory.open(cluster());
  await using guarded = await guard("warn");
  strictEqual((await guarded.ask(STRANGER, { path: PATH }))[0], 200);
  strictEqual((await guarded.ask(STRANGER, { path: ofDemo(story) }))[0], 200);
  deepStrictEqual(guarded.results, ["refused", "refused"]);
});

Deno.test("deploy/ has the server check its callers", async () => {
  const text = await Deno.readTextFile(new URL("../../deploy/di-manager.yaml", import.meta.url));
  const objects = parseAllDocuments(text).map((document) => document.toJS());
  const args: string[][] = objects.filter((object) => object?.kind === "Deployment")
    .flatMap(({ spec }) => spec.template.spec.containers)
    .map((container) => container.args)
    .filter(([command]) => command === "server");
  deepStrictEqual(args.map((each) => each.includes("--caller-check=enforce")), [true]);
});
