/** A session with kubectl: the definitions, the examples, a look from all sides, the log, the end. */
import { deepStrictEqual, match, ok, strictEqual } from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { parse } from "yaml";
import { eventually } from "../support/eventually.ts";
import { hasKubectl, Kubectl } from "../support/kubectl.ts";
import { cellsOf, linesOf } from "../support/kubectl_session.ts";
import { startParts } from "../support/story.ts";
import { IS_REAL, useTestCluster } from "../support/test_cluster.ts";

const ROOT = new URL("../../", import.meta.url);
const JOB = "dijob-example-1";
const COORDINATOR = `${JOB}-coordinator`;

const cluster = useTestCluster();
const isIgnored = !IS_REAL && !hasKubectl();

Deno.test({
  name: `a kubectl session runs the examples${isIgnored ? " (ignored: no kubectl on PATH)" : ""}`,
  ignore: isIgnored,
  fn: async (t) => {
    const namespace = `kubectl-${crypto.randomUUID().slice(0, 8)}`;
    const kubectl = new Kubectl(cluster().kubeconfigPath);
    const inNamespace = (...args: string[]) => kubectl.ok(["-n", namespace, ...args]);
    const examples = await Promise.all(
      ["di-mock-agconfig.yaml", "di-mock-dijob.yaml"].map((name) =>
        Deno.readTextFile(new URL(`examples/${name}`, ROOT))
      ),
    );
    const manifests = examples.join("\n---\n")
      .replaceAll("namespace: default", `namespace: ${namespace}`);
    const parts = await startParts(cluster(), namespace);
    try {
      await t.step("apply -f crds/, then the same again", async () => {
        const folder = fileURLToPath(new URL("crds/", ROOT));
        const applied = linesOf(await kubectl.ok(["apply", "-f", folder]));
        strictEqual(applied.length, 2);
        deepStrictEqual(linesOf(await kubectl.ok(["apply", "-f", folder])), [
          "customresourcedefinition.apiextensions.k8s.io/aggregatorconfigs.diengine.opendilab.org unchanged",
          "customresourcedefinition.apiextensions.k8s.io/dijobs.diengine.opendilab.org unchanged",
        ]);
      });

      await t.step("wait --for=condition=Established", async () => {
        const crd = "crd/dijobs.diengine.opendilab.org";
        const waited = await kubectl.ok([
          "wait",
          "--for=condition=Established",
          crd,
          "--timeout=20s",
        ]);
        match(waited, /dijobs\.diengine\.opendilab\.org condition met/);
        match(await kubectl.ok(["explain", "dijob.spec.cleanPodPolicy"]), /ENUM:\s+Running\s+All/);
      });

      await t.step("create namespace", async () => {
        const system = await kubectl.run(["create", "namespace", "di-system"]);
        ok(system.code === 0 || system.stderr.includes("already exists"), system.stderr);
        strictEqual(
          await kubectl.ok(["create", "namespace", namespace]),
          `namespace/${namespace} created\n`,
        );
      });

      await t.step("apply -f examples/, then the same again", async () => {
        const applied = await kubectl.ok(["apply", "-f", "-"], manifests);
        match(applied, /^dijob\.diengine\.opendilab\.org\/dijob-example-1 created$/m);
        deepStrictEqual(linesOf(await kubectl.ok(["apply", "-f", "-"], manifests)), [
          "aggregatorconfig.diengine.opendilab.org/aggregator-config unchanged",
          "dijob.diengine.opendilab.org/dijob-example-1 unchanged",
        ]);
      });

      await t.step("create says that the job is there", async () => {
        const { code, stderr } = await kubectl.run(["create", "-f", "-"], manifests);
        strictEqual(code, 1);
        match(stderr, /dijobs\.diengine\.opendilab\.org "dijob-example-1" already exists/);
      });

      await t.step("logs -f follows the coordinator to its end", async () => {
        await eventually("the coordinator's start", async () => {
          const path = "jsonpath={.status.phase}";
          const phase = await inNamespace("get", "pod", COORDINATOR, "-o", path);
          return phase === "Running" || phase === "Succeeded";
        }, { intervalMs: 100 });
        const log = await inNamespace("logs", "-f", COORDINATOR);
        ok(log.includes("send delete and received"), log);
        strictEqual(await inNamespace("logs", COORDINATOR), log);
        match(await inNamespace("logs", COORDINATOR, "--tail=1"), /^[^\n]+\n$/);
      });

      await t.step("wait --for=jsonpath until the job has succeeded", async () => {
        const waited = await inNamespace(
          "wait",
          "--for=jsonpath={.status.phase}=Succeeded",
          `dijob/${JOB}`,
          "--timeout=60s",
        );
        strictEqual(waited, `dijob.diengine.opendilab.org/${JOB} condition met\n`);
      });

      await t.step("get shows the job and its pods in columns", async () => {
        deepStrictEqual(
          cellsOf(await inNamespace("get", "dijob")).map((cells) => cells.slice(0, 2)),
          [["NAME", "PHASE"], [JOB, "Succeeded"]],
        );
        await eventually("the clean-up", async () => {
          const names = await inNamespace("get", "pods", "-o", "name");
          return names === `pod/${COORDINATOR}\n`;
        }, { timeoutMs: 60_000, intervalMs: 200 });
        const [header = [], row = []] = cellsOf(await inNamespace("get", "pods", "-o", "wide"));
        deepStrictEqual(header.slice(0, 7), [
          "NAME",
          "READY",
          "STATUS",
          "RESTARTS",
          "AGE",
          "IP",
          "NODE",
        ]);
        deepStrictEqual([...row.slice(0, 4), row[6]], [
          COORDINATOR,
          "0/1",
          "Completed",
          "0",
          namespace,
        ]);
      });

      await t.step("get finds by label, over all namespaces, by short name", async () => {
        const label = `dijob-name=${JOB},replica-type=coordinator`;
        match(await inNamespace("get", "po", "-l", label), new RegExp(`^${COORDINATOR} `, "m"));
        const none = await kubectl.run([
          "-n",
          namespace,
          "get",
          "po",
          "-l",
          "replica-type=learner",
        ]);
        match(none.stderr, /^No resources found in /);
        match(
          await kubectl.ok(["get", "dijobs", "-A"]),
          new RegExp(`^${namespace} +${JOB} +Succeeded `, "m"),
        );
        match(await kubectl.ok(["-n", "di-system", "get", "agconfig"]), /^aggregator-config +\d+/m);
      });

      await t.step("get -o yaml gives the whole job", async () => {
        const job = parse(await inNamespace("get", "dijob", JOB, "-o", "yaml"));
        deepStrictEqual([job.apiVersion, job.kind, job.metadata.name, job.status.phase], [
          "diengine.opendilab.org/v1alpha1",
          "DIJob",
          JOB,
          "Succeeded",
        ]);
      });

      await t.step("describe tells of the job and of the pod", async () => {
        const job = await inNamespace("describe", "dijob", JOB);
        for (const text of ["Succeeded", "DIJobCreated", "SuccessfulCreate", "DIJobSucceeded"]) {
          ok(job.includes(text), `${text} is missing in:\n${job}`);
        }
        const pod = await inNamespace("describe", "pod", COORDINATOR);
        match(pod, new RegExp(`^Controlled By: +DIJob/${JOB}$`, "m"));
        match(pod, new RegExp(`^Node: +${namespace}/`, "m"));
        match(pod, /^ +Reason: +Completed$/m);
      });

      await t.step("label, patch and edit what is there", async () => {
        await inNamespace("label", "dijob", JOB, "team=red");
        strictEqual(
          await inNamespace("get", "dijob", "-l", "team=red", "-o", "name"),
          `dijob.diengine.opendilab.org/${JOB}\n`,
        );
        await inNamespace(
          "patch",
          "dijob",
          JOB,
          "--type=merge",
          "-p",
          '{"spec":{"group":"mine"}}',
        );
        strictEqual(
          await inNamespace("get", "dijob", JOB, "-o", "jsonpath={.spec.group}"),
          "mine",
        );
      });

      await t.step("delete waits for the job's end, and takes all along", async () => {
        const gone = inNamespace("wait", "--for=delete", `pod/${COORDINATOR}`, "--timeout=60s");
        const deleted = await inNamespace("delete", "dijob", JOB, "--wait");
        match(deleted, /^dijob\.diengine\.opendilab\.org "dijob-example-1" deleted/);
        // It prints "condition met", or nothing where the pod went before it first looked.
        await gone;
        strictEqual((await kubectl.run(["-n", namespace, "get", "pod", COORDINATOR])).code, 1);
        await eventually("the end of the pods and services", async () => {
          const { stdout } = await kubectl.run(["-n", namespace, "get", "pods,services"]);
          return stdout === "";
        });
        const { code, stderr } = await kubectl.run(["-n", namespace, "get", "dijob", JOB]);
        strictEqual(code, 1);
        match(stderr, /\(NotFound\): dijobs\.diengine\.opendilab\.org "dijob-example-1" not found/);
      });

      await t.step("delete namespace", async () => {
        match(await kubectl.ok(["delete", "namespace", namespace]), /deleted/);
        const { code } = await kubectl.run(["get", "namespace", namespace]);
        strictEqual(code, 1);
      });
    } finally {
      await parts.stop();
      kubectl.close();
    }
  },
});
