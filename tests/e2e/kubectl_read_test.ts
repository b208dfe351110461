/** Looking at a cluster with kubectl: every form of `get`, `describe`, and what it says of kinds and rights. */
import { deepStrictEqual, match, ok, strictEqual } from "node:assert/strict";
import { parse } from "yaml";
import { eventually } from "../support/eventually.ts";
import { cellsOf, linesOf, testSession, withoutColumn } from "../support/kubectl_session.ts";
import { useTestCluster } from "../support/test_cluster.ts";

const cluster = useTestCluster();

/** Nothing runs them: no node of that name is there. */
const MANIFESTS = `
apiVersion: v1
kind: Pod
metadata: {name: web-1, labels: {app: web, tier: front}}
spec:
  nodeName: nowhere
  containers:
  - name: main
    image: img:2
    command: [sh, -c, "sleep 100"]
    env: [{name: A, value: "1"}, {name: NAME, valueFrom: {fieldRef: {fieldPath: metadata.name}}}]
    ports: [{name: http, containerPort: 8080}]
    resources: {requests: {cpu: 100m, memory: 64Mi}, limits: {memory: 128Mi}}
    readinessProbe: {exec: {command: ["true"]}, periodSeconds: 5}
    volumeMounts: [{name: work, mountPath: /work}, {name: conf, mountPath: /conf, readOnly: true}]
  volumes: [{name: work, emptyDir: {}}, {name: conf, configMap: {name: conf}}]
---
apiVersion: v1
kind: Pod
metadata: {name: web-2, labels: {app: web}}
spec: {nodeName: nowhere, containers: [{name: main, image: "img:1", command: [sh]}]}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: conf}
data: {a: one, b: two}
---
apiVersion: v1
kind: Service
metadata: {name: web, labels: {app: web}}
spec: {clusterIP: None, selector: {app: web}, ports: [{name: http, port: 80, targetPort: http}]}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: dep}
spec:
  replicas: 2
  selector: {matchLabels: {app: dep}}
  template: {metadata: {labels: {app: dep}}, spec: {containers: [{name: c, image: "x:1"}]}}
---
apiVersion: diengine.opendilab.org/v1alpha1
kind: DIJob
metadata: {name: job, labels: {team: red}}
spec: {coordinator: {template: {spec: {containers: [{name: di-container, image: x}]}}}}
`;

testSession("kubectl shows objects in every form", cluster, async (session, t) => {
  const { namespace } = session;
  const get = (...args: string[]) => session.ok("get", ...args);
  const table = async (...args: string[]) => withoutColumn(cellsOf(await get(...args)), "AGE");

  await t.step("create -f -", async () => {
    deepStrictEqual(linesOf(await session.okWith(MANIFESTS, "create", "-f", "-")), [
      "configmap/conf created",
      "deployment.apps/dep created",
      "dijob.diengine.opendilab.org/job created",
      "pod/web-1 created",
      "pod/web-2 created",
      "service/web created",
    ]);
  });

  await t.step("get, and get -o wide", async () => {
    const row = (name: string) => [name, "0/1", "Pending", "0"];
    const header = ["NAME", "READY", "STATUS", "RESTARTS"];
    deepStrictEqual(await table("pods"), [header, row("web-1"), row("web-2")]);
    const more = ["<none>", "nowhere", "<none>", "<none>"];
    deepStrictEqual(await table("pods", "-o", "wide"), [
      [...header, "IP", "NODE", "NOMINATED NODE", "READINESS GATES"],
      [...row("web-1"), ...more],
      [...row("web-2"), ...more],
    ]);
    const bare = cellsOf(await get("pods", "--no-headers", "-l", "tier"));
    deepStrictEqual(bare.map((cells) => cells.slice(0, 4)), [row("web-1")]);
  });

  await t.step("get of several kinds, and of a custom one", async () => {
    deepStrictEqual(
      linesOf(await get("po,svc,deploy,dijob", "-o", "name")),
      [
        "deployment.apps/dep",
        "dijob.diengine.opendilab.org/job",
        "pod/web-1",
        "pod/web-2",
        "service/web",
      ].sort(),
    );
    deepStrictEqual(await table("svc"), [
      ["NAME", "TYPE", "CLUSTER-IP", "EXTERNAL-IP", "PORT(S)"],
      ["web", "ClusterIP", "None", "<none>", "80/TCP"],
    ]);
    deepStrictEqual(await table("deploy"), [
      ["NAME", "READY", "UP-TO-DATE", "AVAILABLE"],
      ["dep", "0/2", "0", "0"],
    ]);
    deepStrictEqual((await table("dijob"))[0], ["NAME", "PHASE"]);
  });

  await t.step("get -l and --field-selector", async () => {
    const names = async (...args: string[]) => linesOf(await get("pods", "-o", "name", ...args));
    deepStrictEqual(await names("-l", "app=web,tier=front"), ["pod/web-1"]);
    deepStrictEqual(await names("-l", "app in (web),tier!=front"), ["pod/web-2"]);
    deepStrictEqual(await names("-l", "!tier"), ["pod/web-2"]);
    deepStrictEqual(
      await names("--field-selector", "status.phase=Pending,metadata.name=web-2"),
      ["pod/web-2"],
    );
    const none = await session.run("get", "pods", "-l", "app=none");
    deepStrictEqual(none, {
      code: 0,
      stdout: "",
      stderr: `No resources found in ${namespace} namespace.\n`,
    });
    match(
      await session.refusal("get", "pods", "--field-selector", "spec.none=1"),
      /^Error from server \(BadRequest\): .*field label not supported: spec\.none\n$/,
    );
  });

  await t.step("get -A", async () => {
    const rows = cellsOf(await get("dijobs", "-A", "-l", "team=red"));
    deepStrictEqual(rows[0]?.slice(0, 3), ["NAMESPACE", "NAME", "PHASE"]);
    deepStrictEqual(
      rows.slice(1).map((cells) => cells.slice(0, 2)).filter(([one]) => one === namespace),
      [[namespace, "job"]],
    );
  });

  await t.step("get with columns, paths, templates, labels, an order", async () => {
    deepStrictEqual(
      cellsOf(
        await get("po", "-o", "custom-columns=N:.metadata.name,I:.spec.containers[*].image,X:.no"),
      ),
      [["N", "I", "X"], ["web-1", "img:2", "<none>"], ["web-2", "img:1", "<none>"]],
    );
    const path = '{range .items[*]}{.metadata.name}{" "}{.spec.containers[0].image}{"\\n"}{end}';
    strictEqual(await get("pods", "-o", `jsonpath=${path}`), "web-1 img:2\nweb-2 img:1\n");
    const template = "{{range .items}}{{.metadata.name}};{{end}}";
    strictEqual(await get("pods", "-o", `go-template=${template}`), "web-1;web-2;");
    const sorted = await get("pods", "--sort-by=.spec.containers[0].image", "--no-headers");
    deepStrictEqual(cellsOf(sorted).map(([name]) => name), ["web-2", "web-1"]);
    deepStrictEqual((await table("pods", "--show-labels")).map((cells) => cells.at(-1)), [
      "LABELS",
      "app=web,tier=front",
      "app=web",
    ]);
    deepStrictEqual((await table("pods", "web-1", "-L", "tier")).map((cells) => cells.at(-1)), [
      "TIER",
      "front",
    ]);
  });

  await t.step("get -o yaml and json", async () => {
    const pod = parse(await get("pod", "web-1", "-o", "yaml"));
    deepStrictEqual(
      [pod.kind, pod.metadata.labels, pod.spec.restartPolicy, pod.status],
      ["Pod", { app: "web", tier: "front" }, "Always", { phase: "Pending", qosClass: "Burstable" }],
    );
    strictEqual(pod.metadata.managedFields, undefined);
    const job = JSON.parse(await get("dijob", "job", "-o", "json"));
    deepStrictEqual([job.apiVersion, job.spec.cleanPodPolicy], [
      "diengine.opendilab.org/v1alpha1",
      "Running",
    ]);
    const shown = parse(await get("dijob", "job", "-o", "yaml", "--show-managed-fields"));
    strictEqual(shown.metadata.managedFields[0].manager, "kubectl-create");
  });

  await t.step("get -w tells of changes", async () => {
    const watch = session.start("get", "dijob", "-w", "--output-watch-events");
    await eventually("the first row", () => /^ADDED +job /m.test(watch.stdout()));
    await session.ok("label", "dijob", "job", "seen=yes");
    await eventually("the change", () => /^MODIFIED +job /m.test(watch.stdout()));
  });

  await t.step("what is not there", async () => {
    strictEqual(
      await session.refusal("get", "nothings"),
      'error: the server doesn\'t have a resource type "nothings"\n',
    );
    strictEqual(
      await session.refusal("get", "pod", "none"),
      'Error from server (NotFound): pods "none" not found\n',
    );
    strictEqual(
      await session.refusal("describe", "dijob", "none"),
      'Error from server (NotFound): dijobs.diengine.opendilab.org "none" not found\n',
    );
  });

  await t.step("describe of a pod, a service, a job, a namespace", async () => {
    const pod = await session.ok("describe", "pod", "web-1");
    for (
      const line of [
        /^Name: +web-1$/m,
        /^Node: +nowhere\/$/m,
        /^Labels: +app=web\n +tier=front$/m,
        /^ {4}Port: +8080\/TCP$/m,
        /^ {4}Limits:\n {6}memory: +128Mi\n {4}Requests:\n {6}cpu: +100m\n {6}memory: +64Mi$/m,
        /^ {4}Readiness: +exec \[true\] delay=0s timeout=1s period=5s #success=1 #failure=3$/m,
        /^ {6}NAME: +web-1 \(v1:metadata\.name\)$/m,
        /^ {6}\/conf from conf \(ro\)$/m,
        /^QoS Class: +Burstable$/m,
        /^Events: +<none>$/m,
      ]
    ) match(pod, line);
    const service = await session.ok("describe", "svc", "web");
    match(service, /^Selector: +app=web$/m);
    match(service, /^TargetPort: +http\/TCP$/m);
    match(await session.ok("describe", "dijob", "job"), /^ {2}Clean Pod Policy: +Running$/m);
    match(await session.ok("describe", "namespace", namespace), /^Status: +Active$/m);
    match(await session.ok("describe", "cm", "conf"), /^a:\n----\none$/m);
  });
});

testSession("kubectl knows kinds, fields and rights", cluster, async (session, t) => {
  await t.step("explain", async () => {
    match(
      await session.ok("explain", "pod.spec.restartPolicy"),
      /^KIND: +Pod\nVERSION: +v1\n\nFIELD: restartPolicy <string>\nENUM:\n +Always\n +Never\n +OnFailure\n/,
    );
    const job = await session.ok("explain", "dijob");
    match(job, /^GROUP: +diengine\.opendilab\.org\nKIND: +DIJob\nVERSION: +v1alpha1\n/);
    match(job, /^ {2}spec\t<Object> -required-$/m);
    match(
      await session.ok("explain", "dijob.spec", "--recursive"),
      /^ {2}cleanPodPolicy\t<string>\n {2}enum: Running, All, None, ALL, \.+$/m,
    );
    strictEqual(
      await session.refusal("explain", "dijob.spec.none"),
      'error: field "none" does not exist\n',
    );
  });

  await t.step("api-resources and api-versions", async () => {
    deepStrictEqual(
      cellsOf(await session.ok("api-resources", "--api-group=diengine.opendilab.org")),
      [
        ["NAME", "SHORTNAMES", "APIVERSION", "NAMESPACED", "KIND"],
        [
          "aggregatorconfigs",
          "agconfig",
          "diengine.opendilab.org/v1alpha1",
          "true",
          "AggregatorConfig",
        ],
        ["dijobs", "dijob", "diengine.opendilab.org/v1alpha1", "true", "DIJob"],
      ],
    );
    const all = await session.ok("api-resources", "--verbs=list", "--namespaced", "-o", "name");
    for (const name of ["pods", "deployments.apps", "leases.coordination.k8s.io"]) {
      ok(linesOf(all).includes(name), all);
    }
    ok(linesOf(await session.ok("api-versions")).includes("diengine.opendilab.org/v1alpha1"));
    match(await session.ok("version"), /^Server Version: v1\.36\./m);
  });

  await t.step("auth", async () => {
    strictEqual(await session.ok("auth", "can-i", "create", "pods"), "yes\n");
    strictEqual(await session.ok("auth", "can-i", "create", "pods", "--subresource=exec"), "yes\n");
    match(await session.ok("auth", "can-i", "--list"), /^\*\.\* +\[\] +\[\] +\[\*\]$/m);
    match(await session.ok("auth", "whoami"), /^Username +\S+$/m);
    const stranger = ["auth", "can-i", "create", "pods", "--as=system:anonymous"];
    match(await session.refusal(...stranger), /User "system:anonymous" cannot create resource/);
  });

  await t.step("top says what is missing", async () => {
    for (const kind of ["pods", "nodes"]) {
      strictEqual(await session.refusal("top", kind), "error: Metrics API not available\n");
    }
  });
});
