/** Objects for tests: each builder fills in what a test does not care about. */
import {
  type AggregatorConfig,
  API_VERSION,
  CONTROLLER_NAME,
  type DIJob,
  DIJOBS,
  type DIJobSpec,
  type DIJobStatus,
  GROUP,
  LABEL,
  type Phase,
  type Provisioning,
  type ReplicaType,
} from "../../src/api/mod.ts";
import type {
  Container,
  ContainerState,
  KubeObject,
  ObjectMeta,
  OwnerReference,
  Pod,
  PodSpec,
  PodTemplateSpec,
  Service,
} from "../../src/kube/mod.ts";

/** The namespace of everything that is built here. */
export const NAMESPACE = "rl";
/** When everything here was made, in ms since 1970, and as it stands in an object. */
export const CREATED_AT_MS = Date.UTC(2026, 0, 1);
export const CREATED_AT = "2026-01-01T00:00:00Z";

interface MetaParts {
  /** Default: `<name>-uid`. */
  readonly uid?: string;
  /** `resourceVersion`; default `1`. */
  readonly version?: string;
  /** True: somebody has asked for its deletion. */
  readonly deleting?: boolean;
}

export interface JobParts extends MetaParts {
  readonly phase?: Phase;
  /** Over the default spec, whose coordinator, collector and learner have one `di-container` each. */
  readonly spec?: Partial<DIJobSpec>;
  /** The rest of the status. */
  readonly status?: DIJobStatus;
}

/** A stored DIJob. Without `phase` or `status` nobody has seen it yet. */
export function aJob(name: string, parts: JobParts = {}): DIJob {
  const { phase, spec, status } = parts;
  const job: DIJob = {
    apiVersion: API_VERSION,
    kind: DIJOBS.kind,
    metadata: metadataOf(name, parts),
    spec: {
      cleanPodPolicy: "Running",
      coordinator: { template: aTemplate() },
      collector: { template: aTemplate() },
      learner: { template: aTemplate() },
      ...spec,
    },
  };
  if (phase !== undefined || status !== undefined) {
    job.status = { ...status, ...(phase !== undefined && { phase }) };
  }
  return job;
}

/** A template with one `di-container`; give `containers` for others, `spec` for the rest of the pod. */
export function aTemplate(
  { containers = [aContainer()], spec = {}, metadata }: {
    readonly containers?: Container[];
    readonly spec?: Partial<PodSpec>;
    readonly metadata?: ObjectMeta;
  } = {},
): PodTemplateSpec {
  return { ...(metadata && { metadata }), spec: { ...spec, containers } };
}

/** A container with the least that the API server takes; the main one by default. */
export function aContainer(parts: Partial<Container> = {}): Container {
  return { name: "di-container", image: "img", ...parts };
}

export type PodPhase = NonNullable<NonNullable<Pod["status"]>["phase"]>;

export interface PodParts extends MetaParts {
  /** The job whose controller reference and labels it has; absent: nobody's pod. */
  readonly ownedBy?: DIJob;
  /** Its role; by default what the name says (`pong-learner-x`), else a collector. */
  readonly type?: ReplicaType;
  /** Absent: the kubelet has not seen it yet. */
  readonly phase?: PodPhase;
  /** State of containers by name. */
  readonly states?: Readonly<Record<string, ContainerState>>;
  readonly spec?: Partial<PodSpec>;
  readonly labels?: Readonly<Record<string, string>>;
  /** In ms since 1970; default {@link CREATED_AT_MS}. */
  readonly createdAtMs?: number;
}

/** A stored pod. */
export function aPod(name: string, parts: PodParts = {}): Pod {
  const { ownedBy, phase, states, spec } = parts;
  const metadata = metadataOf(name, parts);
  if (parts.createdAtMs !== undefined) {
    metadata.creationTimestamp = new Date(parts.createdAtMs).toISOString();
  }
  if (ownedBy !== undefined) {
    metadata.labels = replicaLabels(ownedBy, name, parts.type ?? typeOf(name));
    metadata.ownerReferences = [ownerOf(ownedBy)];
  }
  if (parts.labels !== undefined) metadata.labels = { ...metadata.labels, ...parts.labels };
  const pod: Pod = {
    apiVersion: "v1",
    kind: "Pod",
    metadata,
    spec: { restartPolicy: "Never", ...spec, containers: spec?.containers ?? [aContainer()] },
  };
  if (phase !== undefined || states !== undefined) {
    pod.status = {
      ...(phase !== undefined && { phase }),
      ...(states !== undefined && { containerStatuses: statusesOf(states) }),
    };
  }
  return pod;
}

/** A stored service; `ownedBy` is its pod, or a job as v0.2.2 had it. */
export function aService(
  name: string,
  parts: MetaParts & { readonly ownedBy?: KubeObject } = {},
): Service {
  const metadata = metadataOf(name, parts);
  if (parts.ownedBy !== undefined) metadata.ownerReferences = [ownerOf(parts.ownedBy)];
  return { apiVersion: "v1", kind: "Service", metadata, spec: { clusterIP: "None" } };
}

/** The cluster's aggregator configuration. */
export function anAggregatorConfig(
  provisioning: Provisioning = "PerJob",
  template: PodTemplateSpec = aTemplate(),
): AggregatorConfig {
  return {
    apiVersion: API_VERSION,
    kind: "AggregatorConfig",
    metadata: { name: "aggregator-config", namespace: "di-system", resourceVersion: "1" },
    spec: { provisioning, aggregator: { template } },
  };
}

/** The five labels of a job's pod, spelled out: the code's own way to make them is under test. */
export function replicaLabels(job: DIJob, pod: string, type: ReplicaType): Record<string, string> {
  return {
    [LABEL.group]: GROUP,
    [LABEL.job]: job.metadata.name ?? "",
    [LABEL.controller]: CONTROLLER_NAME,
    [LABEL.replicaType]: type,
    [LABEL.pod]: pod,
  };
}

/** A controller reference to `owner`. */
export function ownerOf(owner: KubeObject): OwnerReference {
  return {
    apiVersion: owner.apiVersion ?? "",
    kind: owner.kind ?? "",
    name: owner.metadata.name ?? "",
    uid: owner.metadata.uid ?? "",
    controller: true,
  };
}

function metadataOf(name: string, { uid, version, deleting }: MetaParts): ObjectMeta {
  return {
    name,
    namespace: NAMESPACE,
    uid: uid ?? `${name}-uid`,
    resourceVersion: version ?? "1",
    creationTimestamp: CREATED_AT,
    ...(deleting && { deletionTimestamp: CREATED_AT }),
  };
}

function statusesOf(states: Readonly<Record<string, ContainerState>>) {
  return Object.entries(states).map(([name, state]) => ({
    name,
    state,
    image: "",
    imageID: "",
    ready: state.running !== undefined,
    restartCount: 0,
  }));
}

const TYPES = ["coordinator", "aggregator", "ddp-learner", "learner", "collector"] as const;

function typeOf(name: string): ReplicaType {
  return TYPES.find((type) => new RegExp(`-${type}(-|$)`).test(name)) ?? "collector";
}
