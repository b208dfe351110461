/** A job's templates made into pods. */
import {
  API_VERSION,
  CONTROLLER_NAME,
  coordinatorName,
  type DIJob,
  DIJOBS,
  GROUP,
  jobAggregatorName,
  LABEL,
  MAIN_CONTAINER,
  MAIN_PORT,
  type ReplicaType,
  RESTART_ANNOTATION,
} from "../api/mod.ts";
import type {
  Container,
  EnvVar,
  ObjectMeta,
  OwnerReference,
  Pod,
  PodSpec,
  PodTemplateSpec,
} from "../kube/mod.ts";
import { environmentOf, type GpuShare, shareLabelsOf, sharePorts } from "./gpu_share.ts";
import { mainPortOf } from "./ports.ts";

/** What Kubernetes calls GPUs. */
export const GPU_RESOURCE = "nvidia.com/gpu";

/** Amounts by Kubernetes resource name (`cpu`, `memory`, `nvidia.com/gpu`), as quantities. */
export type Resources = Readonly<Record<string, string>>;

export interface PodOrder {
  readonly job: DIJob;
  readonly type: ReplicaType;
  readonly name: string;
  readonly template: PodTemplateSpec;
  /** What pods find in `KUBERNETES_SERVER_URL`. */
  readonly serverAddress: string;
  /** Set as requests and limits of `di-container`, over the template's. */
  readonly resources?: Resources;
  readonly annotations?: Readonly<Record<string, string>>;
  /** How often the job's coordinator had been started again; for what the operator makes. */
  readonly restarts?: number;
  /** Added after the usual variables. */
  readonly env?: readonly EnvVar[];
  /** What a ddp learner has of its learner, and the stored aggregator that it goes with. */
  readonly part?: { readonly aggregator: Pod; readonly share: GpuShare };
}

/** Variable that tells a replica of each role its own port. */
const PORT_VARIABLE: Readonly<Record<ReplicaType, string>> = {
  coordinator: "COORDINATOR_PORT",
  collector: "COLLECTOR_PORT",
  learner: "LEARNER_PORT",
  "ddp-learner": "LEARNER_PORT",
  aggregator: "AGGREGATOR_PORT",
};

/** One pod of a job: its template, plus what every replica gets. The template is not written to. */
export function buildPod(order: PodOrder): Pod {
  const { job, type, name, template, resources, part } = order;
  const namespace = job.metadata.namespace ?? "";
  const given = template.spec ?? { containers: [] };
  const port = mainPortOf(given.containers, type);
  const env = [
    { name: PORT_VARIABLE[type], value: String(port) },
    { name: "KUBERNETES_POD_NAMESPACE", value: namespace },
    { name: "KUBERNETES_POD_NAME", value: name },
    { name: "KUBERNETES_SERVER_URL", value: order.serverAddress },
    ...order.env ?? [],
    ...(part === undefined ? [] : environmentOf(part.share)),
  ];
  const ports = part === undefined ? undefined : sharePorts(part.share, port);
  const main = { ports: ports ?? [{ name: MAIN_PORT, containerPort: port }], resources };
  const spec: PodSpec = {
    ...given,
    containers: given.containers.map((container) => withParts(container, env, main)),
  };
  const priorityClassName = job.spec.priorityClassName;
  if (priorityClassName) spec.priorityClassName = priorityClassName;
  const volumes = volumesOf(job, given);
  if (volumes.length > 0) spec.volumes = volumes;
  const { restarts = 0 } = order;
  const annotations = {
    ...template.metadata?.annotations,
    ...order.annotations,
    ...(restarts > 0 && { [RESTART_ANNOTATION]: String(restarts) }),
  };
  const metadata: ObjectMeta = {
    name,
    namespace,
    labels: {
      ...template.metadata?.labels,
      ...labelsOf(job, type, name),
      ...(part && shareLabelsOf(part.share)),
    },
    ownerReferences: [part === undefined ? ownedByJob(job) : ownedByPod(part.aggregator)],
  };
  if (Object.keys(annotations).length > 0) metadata.annotations = annotations;
  return { apiVersion: "v1", kind: "Pod", metadata, spec };
}

/** The coordinator. It runs once: a coordinator that ends has ended its job. */
export function buildCoordinator(
  job: DIJob,
  { serverAddress, aggregatorAddress }: {
    readonly serverAddress: string;
    /** `<pod>.<namespace>:<port>` of the job's own aggregator, where it has one. */
    readonly aggregatorAddress?: string | undefined;
  },
): Pod {
  const name = coordinatorName(job.metadata.name ?? "");
  const template = job.spec.coordinator.template;
  const port = mainPortOf(template.spec?.containers ?? [], "coordinator");
  const address = `${name}.${job.metadata.namespace}:${port}`;
  const pod = buildPod({
    job,
    type: "coordinator",
    name,
    template,
    serverAddress,
    restarts: job.status?.restarts ?? 0,
    env: [
      { name: "KUBERNETES_COORDINATOR_URL", value: address },
      ...(aggregatorAddress === undefined
        ? []
        : [{ name: "KUBERNETES_AGGREGATOR_URL", value: aggregatorAddress }]),
    ],
  });
  if (pod.spec && !pod.spec.restartPolicy) pod.spec.restartPolicy = "Never";
  return pod;
}

/** The aggregator of a whole job (`provisioning: PerJob`). */
export function buildJobAggregator(
  job: DIJob,
  template: PodTemplateSpec,
  serverAddress: string,
): Pod {
  const name = jobAggregatorName(job.metadata.name ?? "");
  const restarts = job.status?.restarts ?? 0;
  return buildPod({ job, type: "aggregator", name, template, serverAddress, restarts });
}

/** The labels that are ours; they win over a template's. */
function labelsOf(job: DIJob, type: ReplicaType, pod: string): Record<string, string> {
  return {
    [LABEL.group]: GROUP,
    [LABEL.job]: job.metadata.name ?? "",
    [LABEL.controller]: CONTROLLER_NAME,
    [LABEL.replicaType]: type,
    [LABEL.pod]: pod,
  };
}

/** The controller reference that makes a pod the job's: by uid, so that a namesake's pods stay out. */
function ownedByJob(job: DIJob): OwnerReference {
  return {
    apiVersion: API_VERSION,
    kind: DIJOBS.kind,
    name: job.metadata.name ?? "",
    uid: job.metadata.uid ?? "",
    controller: true,
    blockOwnerDeletion: true,
  };
}

/**
 * A ddp learner goes with its aggregator, which is the job's. It does not block that one's deletion: some
 * clusters let only those do so who may update the finalizers of pods.
 */
function ownedByPod({ metadata: { name = "", uid = "" } }: Pod): OwnerReference {
  return { apiVersion: "v1", kind: "Pod", name, uid, controller: true };
}

/** What `di-container` gets beyond the variables of every container. */
interface MainParts {
  readonly ports: NonNullable<Container["ports"]>;
  readonly resources: Resources | undefined;
}

function withParts(
  container: Container,
  env: readonly EnvVar[],
  { ports, resources }: MainParts,
): Container {
  // Side-cars learn who they are as well; a variable that the template has set before loses.
  const result: Container = { ...container, env: [...container.env ?? [], ...env] };
  if (container.name !== MAIN_CONTAINER) return result;
  result.ports = withPorts(container.ports ?? [], ports);
  if (resources !== undefined && Object.keys(resources).length > 0) {
    result.resources = {
      ...container.resources,
      limits: { ...container.resources?.limits, ...resources },
      requests: { ...container.resources?.requests, ...resources },
    };
  }
  return result;
}

/** A port that the template declares under our name keeps all but its number. */
function withPorts(given: MainParts["ports"], ours: MainParts["ports"]): MainParts["ports"] {
  const kept = given.map((port) => {
    const own = ours.find(({ name }) => name === port.name);
    return own === undefined ? port : { ...port, containerPort: own.containerPort };
  });
  return [...kept, ...ours.filter(({ name }) => !given.some((port) => port.name === name))];
}

/** The template's volumes and the job's; where both have a name, the template's is nearer. */
function volumesOf(job: DIJob, spec: PodSpec): NonNullable<PodSpec["volumes"]> {
  const own = spec.volumes ?? [];
  const names = new Set(own.map((volume) => volume.name));
  return [...own, ...(job.spec.volumes ?? []).filter((volume) => !names.has(volume.name))];
}
