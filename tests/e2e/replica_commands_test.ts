/** `di-orchestrator replicas` against a server that runs. */
import { deepStrictEqual, match, strictEqual } from "node:assert/strict";
import { AGGREGATOR_CONFIGS } from "../../src/api/mod.ts";
import { runCommandLine } from "../../src/cli/mod.ts";
import { AllocationStory, podNameOf, startTestServer } from "../support/allocation_story.ts";
import { aContainer, aTemplate } from "../support/builders.ts";
import { eventually } from "../support/eventually.ts";
import { useTestCluster } from "../support/test_cluster.ts";

const cluster = useTestCluster();

/** Runs one command against the story's server. */
async function run(story: AllocationStory, ...args: string[]) {
  const lines: string[] = [];
  const context = {
    signal: new AbortController().signal,
    print: (line: string) => void lines.push(line),
  };
  const server = new URL(story.server.url).host;
  const flags = [`--server=${server}`, `--namespace=${story.namespace}`];
  const [command = "", ...others] = args;
  const code = await runCommandLine(["replicas", command, ...flags, ...others], context);
  return { code, lines };
}

Deno.test("replicas add, list, restart and remove do what the API does", async () => {
  await using story = await AllocationStory.open(cluster());
  deepStrictEqual((await run(story, "list", "demo")).lines, ["No replicas."]);

  const added = await run(story, "add", "demo", "--collectors=2", "--learners=1", "--cpus=250m");
  strictEqual(added.code, 0);
  match(added.lines[0] ?? "", /^NAMESPACE +COORDINATOR +ROLE +ADDRESS$/);
  deepStrictEqual(
    added.lines.slice(1).map((line) => line.split(/ {3,}/).slice(0, 3)),
    ["collector", "collector", "learner"].map((role) => [
      story.namespace,
      "demo-coordinator",
      role,
    ]),
  );
  const { collectors, learners } = await story.lists();
  const pod = (await story.pods()).get(podNameOf(collectors[0] ?? ""));
  strictEqual(pod?.spec?.containers[0]?.resources?.requests?.["cpu"], "250m");

  const set = { namespace: story.namespace, coordinator: "demo-coordinator" };
  const listed = await run(story, "list", "demo", "--output=json");
  deepStrictEqual(JSON.parse(listed.lines.join("\n")), { ...set, collectors, learners });
  const all = await run(story, "list", "--output=json");
  deepStrictEqual(JSON.parse(all.lines.join("\n")), [{ ...set, collectors, learners }]);

  const restarted = await run(
    story,
    "restart",
    "demo",
    podNameOf(learners[0] ?? ""),
    "--output=json",
  );
  const fresh = JSON.parse(restarted.lines.join("\n"));
  deepStrictEqual(fresh, { ...set, collectors: null, learners: (await story.lists()).learners });

  const removed = await run(story, "remove", "demo", "--collectors=1", "--output=json");
  strictEqual(JSON.parse(removed.lines.join("\n")).collectors.length, 1);
  strictEqual((await story.lists()).collectors.length, 1);
});

Deno.test("replicas list --aggregator has the GPUs of a learner, restart takes addresses", async () => {
  await using story = await AllocationStory.open(cluster());
  const template = aTemplate({ containers: [aContainer({ image: "img" })] });
  const name = `aggregators-of-${story.namespace}`;
  await story.client.create(AGGREGATOR_CONFIGS, {
    metadata: { name, namespace: story.namespace },
    spec: { provisioning: "OnDemand", aggregator: { template } },
  });
  const agconfig = { namespace: story.namespace, name };
  const server = await startTestServer(story.client, { agconfig });
  try {
    const flag = `--server=${server.url}/`;
    strictEqual((await run(story, "add", "demo", "--learners=1", "--gpus=2", flag)).code, 0);
    const [address = ""] = (await story.lists()).learners;
    const listed = await run(story, "list", "--aggregator", address);
    const cells = listed.lines.map((line) => line.split(/ {3,}/).slice(1, 3));
    const row = [podNameOf(address), "ddp-learner"];
    deepStrictEqual(cells, [["AGGREGATOR", "ROLE"], row, row]);
    strictEqual((await run(story, "restart", "demo", address, flag)).code, 0);
    // The other server's watch tells of it in its own time.
    await eventually("the new learner alone", async () => {
      const { learners } = await story.lists();
      deepStrictEqual([learners.length, learners.includes(address)], [1, false]);
      return true;
    });
  } finally {
    await server.stop();
  }
});

Deno.test.each([
  { when: "there is no such job", args: ["add", "ghost", "--collectors=1"], code: 1 },
  { when: "the server is not there", args: ["list", "demo", "--server=127.0.0.1:1"], code: 1 },
  {
    when: "the server answers otherwise",
    args: ["list", "demo", "--server=SERVER/elsewhere"],
    code: 1,
  },
  { when: "nothing is asked for", args: ["add", "demo"], code: 2 },
  { when: "a job and all namespaces are asked for", args: ["list", "demo", "-A"], code: 2 },
  { when: "a job and an aggregator are", args: ["list", "demo", "--aggregator=a"], code: 2 },
  { when: "GPUs are for nobody", args: ["add", "demo", "--collectors=1", "--gpus=2"], code: 2 },
  { when: "CPUs are no quantity", args: ["add", "demo", "--collectors=1", "--cpus=x"], code: 2 },
  { when: "GPUs are negative", args: ["add", "demo", "--learners=1", "--gpus=-1"], code: 2 },
  { when: "a number is too large", args: ["remove", "demo", "--learners=10001"], code: 2 },
  { when: "a job cannot be called so", args: ["list", "Demo"], code: 2 },
  { when: "a namespace cannot be called so", args: ["list", "-n", "a/b"], code: 2 },
  { when: "a pod cannot be called so", args: ["restart", "demo", "a", "b_c"], code: 2 },
  { when: "the server has no port", args: ["list", "--server=example"], code: 2 },
])("replicas ends with $code when $when", async ({ args, code }) => {
  await using story = await AllocationStory.open(cluster());
  const [first = "", ...rest] = args.map((text) => text.replace("SERVER", story.server.url));
  const context = { signal: new AbortController().signal, print: () => {} };
  const flags = [`--server=${story.server.url}`, `--namespace=${story.namespace}`];
  strictEqual(await runCommandLine(["replicas", first, ...flags, ...rest], context), code);
});
