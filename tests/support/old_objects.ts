/** Objects as the processes of v0.2.2 made and owned them. */
import type { DIJob, ReplicaType } from "../../src/api/mod.ts";
import type { KubeObject, OwnerReference, Pod, Service } from "../../src/kube/mod.ts";
import { aContainer } from "./builders.ts";
import { labelsOf } from "./operator_story.ts";

/** A replica's pod: the job controls it, and an aggregator is a further owner of its ddp learners. */
export function oldPod(job: DIJob, type: ReplicaType, id: string, aggregator?: Pod): Pod {
  const { name: jobName = "", namespace = "" } = job.metadata;
  const name = id === "" ? `${jobName}-${type}` : `${jobName}-${type}-${id}`;
  return {
    metadata: {
      name,
      namespace,
      labels: labelsOf(jobName, name, type),
      ownerReferences: [
        reference(job, true),
        ...(aggregator === undefined ? [] : [reference(aggregator, false)]),
      ],
    },
    spec: { restartPolicy: "Never", containers: [aContainer({ image: "img" })] },
  };
}

/** The service of such a pod, with the same owners: it does not go with the pod. */
export function oldService({ metadata }: Pod): Service {
  const { name = "", namespace = "", labels = {}, ownerReferences = [] } = metadata;
  return {
    metadata: { name, namespace, labels, ownerReferences },
    spec: {
      type: "ClusterIP",
      clusterIP: "None",
      selector: labels,
      ports: [{ name: "di-port", port: 22273 }],
    },
  };
}

function reference(owner: KubeObject, controller: boolean): OwnerReference {
  const { apiVersion = "", kind = "", metadata: { name = "", uid = "" } } = owner;
  return { apiVersion, kind, name, uid, controller };
}
