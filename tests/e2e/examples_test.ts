/** Every example: what its file says is accepted to the letter, and the one for DI-engine runs where that is. */
import { deepStrictEqual, match, strictEqual } from "node:assert/strict";
import { stringify } from "yaml";
import { AGGREGATOR_CONFIGS, type DIJob, DIJOBS, type ReplicaType } from "../../src/api/mod.ts";
import {
  CONFIG_MAPS,
  type KubeObject,
  listPath,
  PODS,
  type PodTemplateSpec,
  type Resource,
} from "../../src/kube/mod.ts";
import { buildPod } from "../../src/replicas/mod.ts";
import { processesWith, runOrchestrator } from "../support/command.ts";
import { readExample, SERVER_ADDRESS, SYSTEM_NAMESPACE } from "../support/story.ts";
import { ensureNamespace, useTestCluster } from "../support/test_cluster.ts";

const FOLDER = new URL("../../examples/", import.meta.url);
const KINDS = [AGGREGATOR_CONFIGS, CONFIG_MAPS, DIJOBS];
const FILES = [...Deno.readDirSync(FOLDER)].map(({ name }) => ({ file: name }));
/** In the command of each process of the DI-engine example. */
const ENTRY_POINTS = "ding.entry.dist_entry";
const DI_ENGINE_EXAMPLE = "di-engine-cartpole.yaml";
const cluster = useTestCluster();

/** Creates an object without storing it; a field that the API server does not know is an error. */
function tryToCreate<T extends KubeObject>(resource: Resource<T>, object: T): Promise<T> {
  const path = listPath(resource, object.metadata.namespace);
  const query = "?dryRun=All&fieldValidation=Strict";
  return cluster().client.request("POST", path + query, {}, object);
}

Deno.test.each(FILES)(
  "the objects of $file are accepted, and so are its pods",
  async ({ file }) => {
    await ensureNamespace(cluster(), SYSTEM_NAMESPACE);
    for (const object of await readExample(file)) {
      const resource = KINDS.find(({ kind }) => kind === object.kind);
      if (resource === undefined) throw new Error(`${file}: no test for kind ${object.kind}`);
      // Other stories may have put the example in place.
      const name = `${object.metadata.name}-${crypto.randomUUID().slice(0, 8)}`;
      const metadata = { ...object.metadata, name };
      const created = await tryToCreate<KubeObject>(resource, { ...object, metadata });
      strictEqual(created.metadata.name, name);
      if (object.kind === DIJOBS.kind) await tryPods(created as DIJob);
    }
  },
);

async function tryPods(job: DIJob): Promise<void> {
  const { coordinator, collector, learner } = job.spec;
  const templates: [ReplicaType, PodTemplateSpec | undefined][] = [
    ["coordinator", coordinator.template],
    ["collector", collector?.template],
    ["learner", learner?.template],
  ];
  for (const [type, template] of templates) {
    if (template === undefined) continue;
    const pod = buildPod({
      job,
      type,
      name: `example-${type}`,
      template,
      serverAddress: SERVER_ADDRESS,
    });
    await tryToCreate(PODS, { apiVersion: "v1", kind: "Pod", ...pod });
  }
}

/** Whether pods of `dev` would find DI-engine. */
function hasDiEngine(): boolean {
  const find =
    "import importlib.util as u, sys; sys.exit(not (u.find_spec('ding') and u.find_spec('lz4')))";
  try {
    return new Deno.Command("python3", { args: ["-c", find] }).outputSync().success;
  } catch {
    return false; // no Python
  }
}

Deno.test({
  name: "DI-engine learns CartPole on dev (only where `pip install DI-engine lz4` was done)",
  ignore: !hasDiEngine(),
  async fn() {
    const before = new Set(processesWith(ENTRY_POINTS));
    const folder = await Deno.makeTempDir({ prefix: "di-engine-" });
    try {
      const objects = await readExample(DI_ENGINE_EXAMPLE);
      const text = objects.map((each) => stringify(each)).join("---\n")
        .replaceAll("/tmp/di-engine-cartpole", folder);
      await Deno.writeTextFile(`${folder}/job.yaml`, text);
      const { end, stdout } = await runOrchestrator("demo", "--job", `${folder}/job.yaml`);
      const left = processesWith(ENTRY_POINTS).filter((pid) => !before.has(pid));
      deepStrictEqual({ end, left }, { end: 0, left: [] }, stdout.slice(-4000));
      match(stdout, /greater than the stop_value/);
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  },
});
