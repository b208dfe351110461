/** Objects without what nobody here reads: the caches hold every job and replica of the cluster. */
import { type DIJob, GROUP } from "../api/mod.ts";
import type { Container, Node, ObjectMeta, Pod, PodStatus } from "../kube/mod.ts";
import { GPU_RESOURCE, isShareVariable, trimContainerStatus } from "../replicas/mod.ts";

/** A pod's identity, ports, resources, addresses and health. */
export function trimPod(pod: Pod): Pod {
  const { containers = [], restartPolicy } = pod.spec ?? {};
  return {
    metadata: trimMetadata(pod.metadata),
    spec: { containers: containers.map(trimContainer), ...(restartPolicy && { restartPolicy }) },
    ...(pod.status !== undefined && { status: trimStatus(pod.status) }),
  };
}

/** A job stays nearly whole: pods are made of its templates. */
export function trimJob(job: DIJob): DIJob {
  return { ...job, metadata: trimMetadata(job.metadata) };
}

/** A node's GPUs, and whether it takes pods. By its uid its end is told from a namesake's. */
export function trimNode({ metadata, spec, status }: Node): Node {
  const { name = "", uid, resourceVersion } = metadata;
  const { taints, unschedulable } = spec ?? {};
  const gpus = status?.allocatable?.[GPU_RESOURCE];
  const ready = status?.conditions?.filter(({ type }) => type === "Ready") ?? [];
  return {
    metadata: {
      name,
      ...(uid !== undefined && { uid }),
      ...(resourceVersion !== undefined && { resourceVersion }),
    },
    spec: { ...(taints && { taints }), ...(unschedulable && { unschedulable }) },
    status: {
      conditions: ready.map(({ type, status }) => ({ type, status })),
      ...(gpus !== undefined && { allocatable: { [GPU_RESOURCE]: gpus } }),
    },
  };
}

function trimMetadata(metadata: ObjectMeta): ObjectMeta {
  const { managedFields: _, annotations = {}, ...kept } = metadata;
  // Ours alone are read; kubectl's hold whole objects.
  const own = Object.entries(annotations).filter(([key]) => key.startsWith(`${GROUP}/`));
  return { ...kept, ...(own.length > 0 && { annotations: Object.fromEntries(own) }) };
}

function trimContainer({ name, ports, resources, env }: Container): Container {
  const kept = env?.filter(isShareVariable) ?? [];
  return {
    name,
    ...(ports && { ports }),
    ...(resources && { resources }),
    ...(kept.length > 0 && { env: kept }),
  };
}

function trimStatus({ phase, conditions, podIPs, containerStatuses }: PodStatus): PodStatus {
  return {
    ...(phase && { phase }),
    ...(conditions && { conditions: conditions.map(({ type, status }) => ({ type, status })) }),
    ...(podIPs && { podIPs }),
    ...(containerStatuses && { containerStatuses: containerStatuses.map(trimContainerStatus) }),
  };
}
