/** What takes the place of a failed replica. */
import { type DIJob, GROUP, MAIN_CONTAINER, REPLACES_ANNOTATION, replicaName } from "../api/mod.ts";
import type { Pod } from "../kube/mod.ts";
import { buildPod, replicaTypeOf } from "../replicas/mod.ts";
import { AllocationError } from "./errors.ts";
import { suffixOf } from "./names.ts";
import { type RequestedType, templateOf } from "./plan_add.ts";
import { isJobAggregator } from "./replica_sets.ts";

/** Annotation of a replacement: the name of the pod it replaces, for repeats after that one is gone. */
export const REPLACES_NAME_ANNOTATION = `${GROUP}/replaces-name`;

/**
 * The role of a pod that may be replaced.
 *
 * @param pod Any pod of the job.
 * @throws {AllocationError} `badRequest` for the coordinator, the job's own aggregator, and roles that
 * the job has no template for; `notImplemented` for the pods of a multi-GPU learner.
 */
export function replaceableTypeOf(job: DIJob, pod: Pod): RequestedType {
  const name = `${pod.metadata.namespace}/${pod.metadata.name}`;
  const type = replicaTypeOf(pod);
  if (type === "coordinator" || isJobAggregator(job, pod)) {
    const role = type === "coordinator" ? "coordinator" : "aggregator";
    throw new AllocationError(
      "badRequest",
      `pod ${name} is the ${role} of its job and cannot be replaced`,
    );
  }
  if (type === "aggregator" || type === "ddp-learner") {
    throw new AllocationError(
      "notImplemented",
      `pod ${name} belongs to a multi-GPU learner; replacing these is not implemented yet`,
    );
  }
  templateOf(job, type);
  return type;
}

/**
 * The pod made in place of `old`: from the job's template as it is now, with the resources that `old`
 * had. Its name derives from the uid of `old`, so that doing this twice makes one pod.
 *
 * @param attempt 0, and one more each time that the name turns out to be a stranger's.
 */
export function buildReplacement(
  job: DIJob,
  old: Pod,
  { serverAddress, attempt }: { readonly serverAddress: string; readonly attempt: number },
): Pod {
  const type = replaceableTypeOf(job, old);
  const { name = "", uid = "" } = old.metadata;
  const pod = buildPod({
    job,
    type,
    name: replicaName(job.metadata.name ?? "", type, suffixOf(uid, attempt)),
    template: templateOf(job, type),
    serverAddress,
    annotations: { [REPLACES_ANNOTATION]: uid, [REPLACES_NAME_ANNOTATION]: name },
  });
  return withResourcesOf(pod, old);
}

/** True when `pod` was made in place of the pod with this uid. */
export function isReplacementOf(pod: Pod, uid: string): boolean {
  return pod.metadata.annotations?.[REPLACES_ANNOTATION] === uid;
}

/** Limits and requests may differ in a template, so each is taken over as it was. */
function withResourcesOf(pod: Pod, old: Pod): Pod {
  const resources = old.spec?.containers.find(({ name }) => name === MAIN_CONTAINER)?.resources;
  if (resources === undefined || pod.spec === undefined) return pod;
  const containers = pod.spec.containers.map((container) =>
    container.name === MAIN_CONTAINER ? { ...container, resources } : container
  );
  return { ...pod, spec: { ...pod.spec, containers } };
}
