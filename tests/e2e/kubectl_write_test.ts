/** Changing a cluster with kubectl: create, apply, diff, edit, patch, label, annotate, delete, wait. */
import { deepStrictEqual, match, ok, strictEqual } from "node:assert/strict";
import { parse } from "yaml";
import { LEASES } from "../../src/kube/mod.ts";
import { eventually } from "../support/eventually.ts";
import { linesOf, testSession } from "../support/kubectl_session.ts";
import { useTestCluster } from "../support/test_cluster.ts";

const cluster = useTestCluster();
const DIJOB = "dijob.diengine.opendilab.org";

/** Two objects of a user's. Nothing runs the job's pod: no operator is there. */
function manifests({ color = "red", policy = "Running" } = {}): string {
  return `
apiVersion: v1
kind: ConfigMap
metadata: {name: conf, labels: {app: web}}
data: {color: ${color}, shape: round}
---
apiVersion: diengine.opendilab.org/v1alpha1
kind: DIJob
metadata: {name: job}
spec:
  cleanPodPolicy: ${policy}
  coordinator: {template: {spec: {containers: [{name: di-container, image: x}]}}}
`;
}

testSession("kubectl create, apply and diff", cluster, async (session, t) => {
  const apply = (text: string, ...args: string[]) =>
    session.okWith(text, "apply", "-f", "-", ...args);
  const dataOf = async () =>
    JSON.parse(await session.ok("get", "cm", "conf", "-o", "jsonpath={.data}"));

  await t.step("create, and create of what is there", async () => {
    strictEqual(
      await session.ok("create", "cm", "other", "--from-literal=a=b"),
      "configmap/other created\n",
    );
    strictEqual(
      await session.refusal("create", "cm", "other", "--from-literal=a=b"),
      'error: failed to create configmap: configmaps "other" already exists\n',
    );
    const dry = await session.ok(
      ...["create", "cm", "dry", "--from-literal=a=b", "--dry-run=server", "-o", "yaml"],
    );
    deepStrictEqual(parse(dry).data, { a: "b" });
    match(await session.refusal("get", "cm", "dry"), /"dry" not found/);
    const [, job = ""] = manifests({ policy: "Sometimes" }).split("---");
    const wrong = await session.runWith(job, "create", "-f", "-");
    strictEqual(wrong.code, 1);
    match(
      wrong.stderr,
      /^The DIJob "job" is invalid: \n\* spec\.cleanPodPolicy: Unsupported value: "Sometimes": supported values: "Running", "All", "None"/,
    );
    const unknown = job.replace("  cleanPodPolicy:", "  cleanPodsPolicy:");
    const strict = await session.runWith(unknown, "create", "-f", "-");
    match(strict.stderr, /unknown field "spec\.cleanPodsPolicy"/);
  });

  await t.step("apply, and the same again", async () => {
    deepStrictEqual(linesOf(await apply(manifests())), [
      "configmap/conf created",
      `${DIJOB}/job created`,
    ]);
    deepStrictEqual(linesOf(await apply(manifests())), [
      "configmap/conf unchanged",
      `${DIJOB}/job unchanged`,
    ]);
    deepStrictEqual(linesOf(await apply(manifests(), "--dry-run=server")), [
      "configmap/conf unchanged (server dry run)",
      `${DIJOB}/job unchanged (server dry run)`,
    ]);
  });

  await t.step("diff shows what apply would change, and nothing afterwards", async () => {
    const next = manifests({ color: "blue", policy: "All" });
    const diff = await session.runWith(next, "diff", "-f", "-");
    deepStrictEqual([diff.code, linesOf(diff.stdout).filter((line) => /^[+-] /.test(line))], [
      1,
      [
        "+  cleanPodPolicy: All",
        "+  color: blue",
        "+  generation: 2",
        "-  cleanPodPolicy: Running",
        "-  color: red",
        "-  generation: 1",
      ],
    ]);
    deepStrictEqual(linesOf(await apply(next)), [
      "configmap/conf configured",
      `${DIJOB}/job configured`,
    ]);
    deepStrictEqual(await session.runWith(next, "diff", "-f", "-"), {
      code: 0,
      stdout: "",
      stderr: "",
    });
  });

  await t.step("apply takes away what is no longer in the manifest", async () => {
    await apply(manifests().replace(", shape: round", ""));
    deepStrictEqual(await dataOf(), { color: "red" });
    const last = await session.ok("apply", "view-last-applied", "cm", "conf");
    deepStrictEqual(parse(last).data, { color: "red" });
  });

  await t.step("apply --server-side, and a conflict", async () => {
    const server = ["--server-side", "--field-manager=team"];
    const text = manifests({ color: "green" });
    const refused = await session.runWith(text, "apply", "-f", "-", ...server);
    strictEqual(refused.code, 1);
    match(
      refused.stderr,
      /Apply failed with 1 conflict: conflict with "kubectl-client-side-apply" using v1: \.data\.color$/m,
    );
    deepStrictEqual(linesOf(await apply(text, ...server, "--force-conflicts")), [
      "configmap/conf serverside-applied",
      `${DIJOB}/job serverside-applied`,
    ]);
    deepStrictEqual(await dataOf(), { color: "green", shape: "round" });
    const versions = () =>
      session.ok("get", "cm,dijob", "-o", "jsonpath={.items[*].metadata.resourceVersion}");
    const before = await versions();
    await apply(text, ...server);
    strictEqual(await versions(), before);
    deepStrictEqual((await session.runWith(text, "diff", "-f", "-", ...server)).code, 0);
  });
});

testSession("kubectl edit, patch, label and annotate", cluster, async (session, t) => {
  await session.okWith(manifests(), "apply", "-f", "-");
  const field = (path: string, of = "dijob/job") =>
    session.ok("get", of, "-o", `jsonpath={${path}}`);

  await t.step("edit", async () => {
    const setPolicy = (policy: string) =>
      session.edit(`sed -i 's/cleanPodPolicy: .*/cleanPodPolicy: ${policy}/' $1`, "dijob", "job");
    deepStrictEqual(await setPolicy("None"), {
      code: 0,
      stdout: `${DIJOB}/job edited\n`,
      stderr: "",
    });
    strictEqual(await field(".spec.cleanPodPolicy"), "None");
    deepStrictEqual(await session.edit("true", "dijob", "job"), {
      code: 0,
      stdout: "",
      stderr: "Edit cancelled, no changes made.\n",
    });
    const wrong = await setPolicy("Sometimes");
    strictEqual(wrong.code, 1);
    match(wrong.stderr, /^error: dijobs\.diengine\.opendilab\.org "job" is invalid$/m);
    strictEqual(await field(".spec.cleanPodPolicy"), "None");
  });

  await t.step("patch in three ways", async () => {
    const patch = (type: string, body: unknown, of = "dijob/job") =>
      session.ok("patch", of, `--type=${type}`, "-p", JSON.stringify(body));
    const merge = { spec: { group: "g1" } };
    strictEqual(await patch("merge", merge), `${DIJOB}/job patched\n`);
    strictEqual(await patch("merge", merge), `${DIJOB}/job patched (no change)\n`);
    await patch("json", [
      { op: "test", path: "/spec/group", value: "g1" },
      { op: "replace", path: "/spec/group", value: "g2" },
    ]);
    strictEqual(await field(".spec.group"), "g2");
    await patch("strategic", { data: { more: "1" } }, "cm/conf");
    deepStrictEqual(JSON.parse(await field(".data", "cm/conf")), {
      color: "red",
      more: "1",
      shape: "round",
    });
    match(
      await session.refusal("patch", "dijob", "job", "-p", "{}", "--type=strategic"),
      /is not supported by diengine\.opendilab\.org\/v1alpha1, Kind=DIJob/,
    );
    match(
      await session.refusal("patch", "dijob", "job", "--type=merge", "-p", '{"spec":{"group":1}}'),
      /^The DIJob "job" is invalid: \n\* spec\.group: Invalid value: "integer": spec\.group in body must be of type string: "integer"$/m,
    );
    const status = { status: { phase: "Running" } };
    await session.ok(
      ...["patch", "dijob", "job", "--subresource=status", "--type=merge"],
      ...["-p", JSON.stringify(status)],
    );
    match(await session.ok("get", "dijob"), /^job +Running +\d+/m);
  });

  await t.step("label", async () => {
    strictEqual(await session.ok("label", "cm", "conf", "team=red"), "configmap/conf labeled\n");
    match(
      await session.refusal("label", "cm", "conf", "team=blue"),
      /'team' already has a value \(red\), and --overwrite is false/,
    );
    await session.ok("label", "cm", "conf", "team=blue", "--overwrite");
    strictEqual(await session.ok("get", "cm", "-l", "team=blue", "-o", "name"), "configmap/conf\n");
    strictEqual(await session.ok("label", "cm", "conf", "team-"), "configmap/conf unlabeled\n");
    strictEqual(
      await session.ok("label", "dijob", "--all", "all=yes"),
      `${DIJOB}/job labeled\n`,
    );
  });

  await t.step("annotate", async () => {
    strictEqual(
      await session.ok("annotate", "dijob", "job", "note=a b"),
      `${DIJOB}/job annotated\n`,
    );
    strictEqual(await field(".metadata.annotations.note"), "a b");
    strictEqual(await session.ok("annotate", "dijob", "job", "note-"), `${DIJOB}/job annotated\n`);
    strictEqual(await field(".metadata.annotations.note"), "");
  });

  await t.step("scale and rollout status of what nothing runs", async () => {
    await session.ok("create", "deployment", "dep", "--image=x");
    strictEqual(
      await session.ok("scale", "deploy/dep", "--replicas=3"),
      "deployment.apps/dep scaled\n",
    );
    strictEqual(await field(".spec.replicas", "deploy/dep"), "3");
    const status = await session.run("rollout", "status", "deploy/dep", "--timeout=300ms");
    deepStrictEqual(status, {
      code: 1,
      stdout: "Waiting for deployment spec update to be observed...\n",
      stderr: "error: timed out waiting for the condition\n",
    });
  });
});

testSession("kubectl wait and delete", cluster, async (session, t) => {
  const { namespace } = session;
  const owner = async (name: string) => {
    await session.ok("create", "cm", name, "--from-literal=a=b");
    const uid = await session.ok("get", "cm", name, "-o", "jsonpath={.metadata.uid}");
    return { apiVersion: "v1", kind: "ConfigMap", name, uid };
  };
  /** A lease that `name` owns: it goes with it, or stays. */
  const owned = async (name: string) => {
    const ownerReferences = [{ ...await owner(name), blockOwnerDeletion: true }];
    const metadata = { namespace, name, ownerReferences };
    await cluster().client.create(LEASES, { metadata, spec: {} });
  };

  await t.step("wait", async () => {
    await session.okWith(manifests(), "create", "-f", "-");
    const phase = ["wait", "--for=jsonpath={.status.phase}=Running", "dijob/job"];
    strictEqual(
      await session.refusal(...phase, "--timeout=100ms"),
      "error: timed out waiting for the condition on dijobs/job\n",
    );
    const waiting = session.start(...phase, "--timeout=20s");
    const body = JSON.stringify({
      status: { phase: "Running", conditions: [{ type: "Running", status: "True" }] },
    });
    await session.ok(
      ...["patch", "dijob", "job", "--subresource=status", "--type=merge", "-p", body],
    );
    deepStrictEqual([await waiting.ended, waiting.stdout()], [0, `${DIJOB}/job condition met\n`]);
    strictEqual(
      await session.ok("wait", "--for=condition=Running", "dijob/job", "--timeout=5s"),
      `${DIJOB}/job condition met\n`,
    );
    const gone = session.start("wait", "--for=delete", "dijob/job", "--timeout=20s");
    strictEqual(
      await session.ok("delete", "dijob", "job"),
      `${DIJOB} "job" deleted\n`,
    );
    strictEqual(await gone.ended, 0);
    strictEqual(
      await session.refusal("wait", "--for=condition=Running", "dijob/job", "--timeout=1s"),
      'Error from server (NotFound): dijobs.diengine.opendilab.org "job" not found\n',
    );
  });

  await t.step("delete waits for finalizers", async () => {
    await session.ok("create", "cm", "held", "--from-literal=a=b");
    const finalizers = (list: string[]) =>
      session.ok(
        ...["patch", "cm", "held", "--type=merge"],
        ...["-p", JSON.stringify({ metadata: { finalizers: list } })],
      );
    await finalizers(["test.example/hold"]);
    const deletion = session.start("delete", "cm", "held");
    await eventually(
      "the deletion's start",
      () => session.ok("get", "cm", "held", "-o", "jsonpath={.metadata.deletionTimestamp}"),
    );
    strictEqual(deletion.stdout(), 'configmap "held" deleted\n');
    match(await session.ok("get", "cm", "held"), /^held /m);
    await finalizers([]);
    strictEqual(await deletion.ended, 0);
    match(await session.refusal("get", "cm", "held"), /"held" not found/);
    const none = await session.run("delete", "cm", "held", "--ignore-not-found");
    deepStrictEqual(none, { code: 0, stdout: "", stderr: "" });
  });

  await t.step("delete --cascade", async () => {
    for (const cascade of ["foreground", "background", "orphan"]) {
      const name = `by-${cascade}`;
      await owned(name);
      const deleted = await session.ok("delete", "cm", name, `--cascade=${cascade}`);
      strictEqual(deleted, `configmap "${name}" deleted\n`);
      const find = () => session.ok("get", "lease", name, "--ignore-not-found", "-o", "name");
      if (cascade === "orphan") {
        strictEqual(await find(), `lease.coordination.k8s.io/${name}\n`);
        const owners = "jsonpath={.metadata.ownerReferences}";
        strictEqual(await session.ok("get", "lease", name, "-o", owners), "");
      } else if (cascade === "foreground") strictEqual(await find(), "");
      else await eventually("the end of what it owned", async () => await find() === "");
    }
  });

  await t.step("delete of a pod that nothing runs, by force", async () => {
    const pod = { kind: "Pod", apiVersion: "v1", metadata: { name: "pod" } };
    const spec = { nodeName: "nowhere", containers: [{ name: "c", image: "x" }] };
    await session.okWith(JSON.stringify({ ...pod, spec }), "create", "-f", "-");
    strictEqual(await session.ok("delete", "pod", "pod", "--wait=false"), 'pod "pod" deleted\n');
    match(await session.ok("get", "pod"), /^pod +0\/1 +Terminating +0 /m);
    const forced = await session.run("delete", "pod", "pod", "--grace-period=0", "--force");
    deepStrictEqual([forced.code, forced.stdout], [0, 'pod "pod" force deleted\n']);
    match(forced.stderr, /^Warning: Immediate deletion does not wait/);
    match(await session.refusal("get", "pod", "pod"), /"pod" not found/);
  });

  await t.step("delete by label, of all, and with a dry run", async () => {
    for (const name of ["a", "b", "c"]) {
      await session.ok("create", "secret", "generic", name, "--from-literal=a=b");
    }
    await session.ok("label", "secret", "a", "go=yes");
    strictEqual(
      await session.ok("delete", "secret", "-l", "go=yes", "--dry-run=server"),
      'secret "a" deleted (server dry run)\n',
    );
    strictEqual(await session.ok("delete", "secret", "-l", "go=yes"), 'secret "a" deleted\n');
    deepStrictEqual(linesOf(await session.ok("delete", "secret", "--all")), [
      'secret "b" deleted',
      'secret "c" deleted',
    ]);
    ok((await session.run("get", "secret")).stderr.startsWith("No resources found"));
  });
});
