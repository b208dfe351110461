/** The Service that gives a replica its address. */
import { LABEL, type ReplicaType } from "../api/mod.ts";
import type { Pod, Service } from "../kube/mod.ts";
import { publishedPorts } from "./ports.ts";

/**
 * The headless Service of a pod that the API server has stored (its uid is needed). It has the pod's
 * name, is owned by the pod alone so that it goes with it, and resolves before the pod is ready: peers
 * connect while they start.
 */
export function buildService(pod: Pod): Service {
  const { name = "", namespace = "", uid = "", labels = {} } = pod.metadata;
  const type = replicaTypeOf(pod);
  const selector = Object.values(LABEL).map((key) => [key, labels[key] ?? ""]);
  return {
    apiVersion: "v1",
    kind: "Service",
    metadata: {
      name,
      namespace,
      labels,
      ownerReferences: [{ apiVersion: "v1", kind: "Pod", name, uid, controller: true }],
    },
    spec: {
      type: "ClusterIP",
      clusterIP: "None",
      publishNotReadyAddresses: true,
      selector: Object.fromEntries(selector),
      ports: publishedPorts(pod, type),
    },
  };
}

/** The role that a pod's label states. Only for pods of a job: anything else counts as a collector. */
export function replicaTypeOf(pod: Pod): ReplicaType {
  const label = pod.metadata.labels?.[LABEL.replicaType];
  return isReplicaType(label) ? label : "collector";
}

function isReplicaType(text: string | undefined): text is ReplicaType {
  return text === "coordinator" || text === "collector" || text === "learner" ||
    text === "aggregator" || text === "ddp-learner";
}
