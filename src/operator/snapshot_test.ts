import { deepStrictEqual, strictEqual } from "node:assert/strict";
import {
  aContainer,
  aJob,
  aPod,
  aService,
  NAMESPACE,
  ownerOf,
  replicaLabels,
} from "../../tests/support/builders.ts";
import type { DIJob } from "../api/mod.ts";
import type { KubeObject, Pod, Service } from "../kube/mod.ts";
import { buildCaches, jobKeyOf, snapshotOf, trimJob, trimPod, trimService } from "./snapshot.ts";

const JOB = aJob("pong");
const KEY = { namespace: NAMESPACE, name: "pong" };
const LABELS = replicaLabels(JOB, "pong-coordinator", "coordinator");

function cachesOf(
  { jobs = [JOB], pods = [], services = [] }: {
    readonly jobs?: readonly DIJob[];
    readonly pods?: readonly Pod[];
    readonly services?: readonly Service[];
  },
) {
  const caches = buildCaches();
  caches.jobs.replaceAll(jobs, "1");
  caches.pods.replaceAll(pods, "1");
  caches.services.replaceAll(services, "1");
  return caches;
}

Deno.test("snapshotOf() a job that is not there is undefined", () => {
  strictEqual(snapshotOf(cachesOf({ jobs: [] }), KEY, 0), undefined);
});

Deno.test("snapshotOf() holds the job, its pods and their services", () => {
  const pod = aPod("pong-collector-a", { ownedBy: JOB });
  const service = aService("pong-collector-a", { ownedBy: pod });
  deepStrictEqual(snapshotOf(cachesOf({ pods: [pod], services: [service] }), KEY, 7), {
    job: JOB,
    pods: [pod],
    services: new Map([["pong-collector-a", service]]),
    aggregatorConfig: undefined,
    now: 7,
  });
});

Deno.test("snapshotOf() holds the ddp learners behind the job's aggregators, and no others", () => {
  const aggregator = aPod("pong-aggregator-a", { ownedBy: JOB });
  const behind = (name: string, owner: Pod) => {
    const pod = aPod(name, { ownedBy: JOB });
    pod.metadata.ownerReferences = [ownerOf(owner)];
    return pod;
  };
  const own = behind("pong-ddp-learner-a", aggregator);
  const foreign = behind("pong-ddp-learner-b", aPod("other-aggregator-a"));
  const { pods } = snapshotOf(cachesOf({ pods: [own, foreign, aggregator] }), KEY, 7) ?? {};
  deepStrictEqual(pods, [aggregator, own]);
});

function podOwnedBy(owner: Record<string, unknown>): Pod {
  const pod = aPod("pong-coordinator", { labels: LABELS });
  pod.metadata.ownerReferences = [{ ...ownerOf(JOB), ...owner }];
  return pod;
}

Deno.test.each<{ what: string; pod: Pod; own: boolean }>([
  { what: "its own pod", pod: aPod("pong-coordinator", { ownedBy: JOB }), own: true },
  {
    what: "its own pod under any name and labels",
    pod: aPod("x", { ownedBy: JOB, labels: { "dijob-name": "other" } }),
    own: true,
  },
  {
    what: "a pod with its labels and no owner",
    pod: aPod("pong-coordinator", { labels: LABELS }),
    own: false,
  },
  { what: "a pod of a namesake that is gone", pod: podOwnedBy({ uid: "earlier" }), own: false },
  { what: "a pod that it does not control", pod: podOwnedBy({ controller: false }), own: false },
  { what: "a pod of another kind's object", pod: podOwnedBy({ kind: "Job" }), own: false },
  { what: "a pod of another group's DIJob", pod: podOwnedBy({ apiVersion: "x/v1" }), own: false },
])("snapshotOf() a job with $what in the cache holds it: $own", ({ pod, own }) => {
  deepStrictEqual(snapshotOf(cachesOf({ pods: [pod] }), KEY, 0)?.pods, own ? [pod] : []);
});

Deno.test.each<{ what: string; owner: KubeObject | undefined; own: boolean }>([
  { what: "the pod", owner: aPod("pong-coordinator"), own: true },
  { what: "the job, as v0.2.2 had it", owner: JOB, own: true },
  {
    what: "an earlier pod of that name",
    owner: aPod("pong-coordinator", { uid: "old" }),
    own: false,
  },
  { what: "nobody", owner: undefined, own: false },
])("snapshotOf() with a service of a pod's name that $what owns holds it: $own", (row) => {
  const pod = aPod("pong-coordinator", { ownedBy: JOB });
  const service = aService("pong-coordinator", row.owner && { ownedBy: row.owner });
  const found = snapshotOf(cachesOf({ pods: [pod], services: [service] }), KEY, 0)?.services;
  deepStrictEqual(found, new Map(row.own ? [["pong-coordinator", service]] : []));
});

Deno.test.each<{ what: string; object: KubeObject; key: string | undefined }>([
  { what: "a job's pod", object: aPod("pong-coordinator", { ownedBy: JOB }), key: "rl/pong" },
  {
    what: "a pod's service, by its label",
    object: { ...aService("pong-coordinator"), metadata: { namespace: "rl", labels: LABELS } },
    key: "rl/pong",
  },
  { what: "a stranger's pod", object: aPod("x"), key: undefined },
])("jobKeyOf() $what is $key", ({ object, key }) => {
  strictEqual(jobKeyOf(object), key);
});

Deno.test("what is trimmed decides as the whole does, and is small", () => {
  const pod = aPod("pong-coordinator", {
    ownedBy: JOB,
    phase: "Running",
    spec: {
      volumes: [{ name: "work" }],
      containers: [aContainer({
        ports: [{ name: "di-port", containerPort: 80 }],
        env: [{ name: "SECRET", value: "x" }, { name: "KUBERNETES_AGGREGATOR_URL", value: "y" }],
      })],
    },
    states: { "di-container": { terminated: { exitCode: 3, reason: "Error" } } },
  });
  pod.metadata.annotations = { long: "text" };
  pod.metadata.managedFields = [{ manager: "me" }];
  const whole = structuredClone(pod);
  const { annotations: _, managedFields: __, ...metadata } = structuredClone(pod.metadata);
  deepStrictEqual(trimPod(pod), {
    metadata,
    spec: {
      restartPolicy: "Never",
      containers: [{
        name: "di-container",
        ports: [{ name: "di-port", containerPort: 80 }],
        env: [{ name: "KUBERNETES_AGGREGATOR_URL", value: "y" }],
      }],
    },
    status: {
      phase: "Running",
      containerStatuses: [{
        name: "di-container",
        state: { terminated: { exitCode: 3, reason: "Error" } },
        image: "",
        imageID: "",
        ready: false,
        restartCount: 0,
      }],
    },
  });
  deepStrictEqual(pod, whole);
  deepStrictEqual(trimService(aService("a")), { metadata: aService("a").metadata });
  deepStrictEqual(trimJob(JOB), JOB);
});
