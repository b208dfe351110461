/** What a decision is made from, and the caches that it comes from. */
import {
  type AggregatorConfig,
  API_VERSION,
  type DIJob,
  DIJOBS,
  LABEL,
  RESTART_ANNOTATION,
} from "../api/mod.ts";
import {
  type Container,
  controllerOf,
  type KubeObject,
  ObjectCache,
  type ObjectKey,
  type ObjectMeta,
  type Pod,
  PODS,
  type Service,
  withoutManagedFields,
} from "../kube/mod.ts";
import { isOfType, isShareVariable, trimContainerStatus } from "../replicas/mod.ts";

export type TemplateVerdict =
  | { readonly kind: "accepted" }
  /** With the fields that are wrong, by their place in the DIJob. */
  | { readonly kind: "refused"; readonly message: string }
  /** It did not come to look at them: a quota, a right, or an account was missing. */
  | { readonly kind: "unknown" };

/** What the caches knew about one DIJob. Shared with the reflectors, so never written to. */
export interface JobSnapshot {
  readonly job: DIJob;
  /**
   * Pods whose controller reference carries this job's uid, and the ddp learners behind its aggregators:
   * a namesake's pods stay out.
   */
  readonly pods: readonly Pod[];
  /** The services of these pods, by name; a stranger's service of such a name is not among them. */
  readonly services: ReadonlyMap<string, Service>;
  /** The cluster's aggregator configuration; read only when a pod is missing, `undefined` otherwise. */
  readonly aggregatorConfig: AggregatorConfig | undefined;
  /** What the API server says of the job's templates; undefined where it was not asked. */
  readonly templates?: TemplateVerdict | undefined;
  /** Milliseconds since 1970. */
  readonly now: number;
}

/** Where a coordinator finds the aggregator of its job; set exactly when the job has one. */
export const AGGREGATOR_VARIABLE = "KUBERNETES_AGGREGATOR_URL";

/** The caches of one operator. */
export interface Caches {
  readonly jobs: ObjectCache<DIJob>;
  readonly pods: ObjectCache<Pod>;
  readonly services: ObjectCache<Service>;
}

export function buildCaches(): Caches {
  return {
    jobs: new ObjectCache<DIJob>(),
    pods: new ObjectCache<Pod>({ owner: (pod) => ownerUids(pod) }),
    services: new ObjectCache<Service>(),
  };
}

/** The job of that key and what is its own, or undefined when there is no such job. */
export function snapshotOf(
  { jobs, pods, services }: Caches,
  key: ObjectKey,
  now: number,
): JobSnapshot | undefined {
  const job = jobs.get(key);
  if (job === undefined) return undefined;
  const ofJob = pods.byIndex("owner", job.metadata.uid ?? "");
  const own = [
    ...ofJob,
    ...ofJob.filter((pod) => isOfType(pod, "aggregator"))
      .flatMap((pod) => pods.byIndex("owner", pod.metadata.uid ?? "")),
  ];
  const found = own.flatMap((pod) => {
    const name = pod.metadata.name ?? "";
    const service = services.get({ namespace: key.namespace, name });
    // v0.2.2 had the job own the services of its pods.
    return service !== undefined && isOwnedBy(service, [pod, job])
      ? [[name, service] as const]
      : [];
  });
  return { job, pods: own, services: new Map(found), aggregatorConfig: undefined, now };
}

/** `namespace/name` of the job that a pod or service is of, to wake it; undefined: of none. */
export function jobKeyOf(object: KubeObject): string | undefined {
  const owner = ownerJob(object);
  const name = owner?.name ?? object.metadata.labels?.[LABEL.job];
  return name === undefined ? undefined : `${object.metadata.namespace}/${name}`;
}

/** True when one of `owners` is an owner of `object`, by uid. */
export function isOwnedBy(object: KubeObject, owners: readonly KubeObject[]): boolean {
  const references = object.metadata.ownerReferences ?? [];
  return references.some(({ uid }) => owners.some(({ metadata }) => metadata.uid === uid));
}

function ownerJob(object: KubeObject) {
  const owner = controllerOf(object);
  return owner?.kind === DIJOBS.kind && owner.apiVersion === API_VERSION ? owner : undefined;
}

/** A pod belongs to a job or, as ddp learners do, to an aggregator. */
function ownerUids(object: KubeObject): string[] {
  const owner = controllerOf(object);
  const isPod = owner?.kind === PODS.kind && owner.apiVersion === "v1";
  return owner !== undefined && (isPod || ownerJob(object) !== undefined) ? [owner.uid] : [];
}

/** A pod without what no decision here reads: most of its weight. */
export function trimPod(pod: Pod): Pod {
  const { containers = [], restartPolicy } = pod.spec ?? {};
  const { phase, reason, containerStatuses } = pod.status ?? {};
  return {
    metadata: trimMetadata(pod.metadata),
    spec: { containers: containers.map(trimContainer), ...(restartPolicy && { restartPolicy }) },
    status: {
      ...(phase !== undefined && { phase }),
      ...(reason !== undefined && { reason }),
      ...(containerStatuses !== undefined && {
        containerStatuses: containerStatuses.map(trimContainerStatus),
      }),
    },
  };
}

export function trimService(service: Service): Service {
  return { metadata: trimMetadata(service.metadata) };
}

/** A job is kept nearly whole: pods are made of its templates. */
export function trimJob(job: DIJob): DIJob {
  return withoutManagedFields(job);
}

function trimContainer({ name, ports, env }: Container): Container {
  const kept =
    env?.filter((variable) => variable.name === AGGREGATOR_VARIABLE || isShareVariable(variable)) ??
      [];
  return { name, ...(ports && { ports }), ...(kept.length > 0 && { env: kept }) };
}

function trimMetadata(metadata: ObjectMeta): ObjectMeta {
  const { managedFields: _fields, annotations, ...kept } = metadata;
  const restart = annotations?.[RESTART_ANNOTATION];
  return {
    ...kept,
    ...(restart !== undefined && { annotations: { [RESTART_ANNOTATION]: restart } }),
  };
}
