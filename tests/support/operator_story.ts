/**
 * Jobs in a namespace of their own, an operator that sees to them, and a test that plays the node: what the
 * rows of the operator's behaviour begin with. Works on any API server, since nothing runs.
 */
import {
  type DIJob,
  DIJOBS,
  type DIJobSpec,
  LABEL,
  PHASES,
  type ReplicaType,
} from "../../src/api/mod.ts";
import {
  type ContainerState,
  EVENTS,
  type KubeClient,
  NAMESPACES,
  type Pod,
  PODS,
  type Service,
  SERVICES,
} from "../../src/kube/mod.ts";
import { buildPod, type PodOrder } from "../../src/replicas/mod.ts";
import { aContainer, aTemplate, type PodPhase } from "./builders.ts";
import { eventually } from "./eventually.ts";
import { isGone } from "./story.ts";
import type { StoryOperator } from "./story_operator.ts";
import { createNamespace, IS_REAL } from "./test_cluster.ts";

/** Keeps a pod from going. */
const HOLD = "diengine.opendilab.org/test-holds-it";
export const COORDINATOR = "demo-coordinator";

/** A replica as the server makes it; `phase` and `states` are what a node reports, by default that it runs. */
export interface ReplicaParts {
  readonly phase?: PodPhase;
  /** True: no node has seen it yet. */
  readonly isNew?: boolean;
  readonly states?: Readonly<Record<string, ContainerState>>;
  readonly template?: PodOrder["template"];
  readonly part?: NonNullable<PodOrder["part"]>;
}

/** Closed with `await using`. */
export class OperatorStory implements AsyncDisposable {
  readonly operator: StoryOperator;
  readonly client: KubeClient;
  readonly namespace: string;

  private constructor(operator: StoryOperator, namespace: string) {
    this.operator = operator;
    this.client = operator.cluster.client;
    this.namespace = namespace;
  }

  /** A namespace without a job. */
  static async open(operator: StoryOperator): Promise<OperatorStory> {
    return new OperatorStory(operator, await createNamespace(operator.cluster, "rows"));
  }

  /** A job `demo` whose coordinator is made and has not been seen by a node. */
  static async begin(
    operator: StoryOperator,
    spec: Partial<DIJobSpec> = {},
  ): Promise<OperatorStory> {
    const story = await OperatorStory.open(operator);
    await story.submit(spec);
    await story.untilPhase("Created");
    return story;
  }

  /** A job `demo` whose coordinator runs. */
  static async run(
    operator: StoryOperator,
    spec: Partial<DIJobSpec> = {},
  ): Promise<OperatorStory> {
    const story = await OperatorStory.begin(operator, spec);
    await story.report(COORDINATOR, "Running");
    await story.untilPhase("Running");
    return story;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // The embedded cluster ends with the test file; a real one may serve others after it.
    if (!IS_REAL) return;
    for (const [name, { metadata }] of await this.pods()) {
      if (metadata.finalizers?.includes(HOLD)) await this.release(name);
    }
    for (const name of (await this.pods()).keys()) await this.kill(name);
    await this.client.delete(NAMESPACES, { namespace: "", name: this.namespace });
  }

  key(name: string) {
    return { namespace: this.namespace, name };
  }

  /** Creates a job; what the spec leaves out is of no concern to the row. */
  submit(spec: Partial<DIJobSpec> = {}, name = "demo"): Promise<DIJob> {
    const template = aTemplate({ containers: [aContainer({ image: "img" })] });
    return this.client.create<DIJob>(DIJOBS, {
      metadata: { ...this.key(name) },
      spec: { coordinator: { template }, collector: { template }, learner: { template }, ...spec },
    });
  }

  /** What a user changes in the job's spec. */
  async change(spec: Partial<DIJobSpec>): Promise<DIJob> {
    return await this.client.patch(DIJOBS, this.key("demo"), { spec });
  }

  job(name = "demo"): Promise<DIJob> {
    return this.client.get(DIJOBS, this.key(name));
  }

  /** Waits until `check` of the job holds. */
  until(what: string, check: (job: DIJob) => boolean): Promise<DIJob> {
    return eventually(what, async () => {
      const job = await this.job();
      return check(job) && job;
    });
  }

  untilPhase(phase: string): Promise<DIJob> {
    return this.until(`phase ${phase}`, ({ status }) => status?.phase === phase);
  }

  /** All pods of the namespace, by name. */
  async pods(): Promise<Map<string, Pod>> {
    const { items } = await this.client.list(PODS, { namespace: this.namespace });
    return new Map(items.map((pod) => [pod.metadata.name ?? "", pod]));
  }

  async podNames(): Promise<string[]> {
    return [...(await this.pods()).keys()].sort();
  }

  async serviceNames(): Promise<string[]> {
    const { items } = await this.client.list(SERVICES, { namespace: this.namespace });
    return items.map(({ metadata }) => metadata.name ?? "").sort();
  }

  untilPods(names: readonly string[]): Promise<boolean> {
    return eventually(`the pods ${names.join(", ") || "to be gone"}`, async () => {
      return String(await this.podNames()) === String([...names].sort());
    });
  }

  untilServices(names: readonly string[]): Promise<boolean> {
    return eventually(`the services ${names.join(", ") || "to be gone"}`, async () => {
      return String(await this.serviceNames()) === String([...names].sort());
    });
  }

  /** The pod, once there is one of this name and of another uid than `before`. */
  pod(name: string, before?: Pod): Promise<Pod> {
    return eventually(`pod ${name}`, async () => {
      const pod = await this.client.get(PODS, this.key(name));
      return pod.metadata.uid !== before?.metadata.uid && pod;
    });
  }

  /** The service, once there is one of this name and of another uid than `before`. */
  service(name: string, before?: Service): Promise<Service> {
    return eventually(`service ${name}`, async () => {
      const service = await this.client.get(SERVICES, this.key(name));
      return service.metadata.uid !== before?.metadata.uid && service;
    });
  }

  /** Plays the node: gives a pod a phase, and its containers a state. */
  async report(
    name: string,
    phase: PodPhase,
    states: Readonly<Record<string, ContainerState>> = {},
  ): Promise<void> {
    const containerStatuses = Object.entries(states).map(([container, state]) => ({
      name: container,
      state,
      image: "",
      imageID: "",
      ready: state.running !== undefined,
      restartCount: 0,
    }));
    const status = { phase, ...(containerStatuses.length > 0 && { containerStatuses }) };
    await this.client.patch(PODS, this.key(name), { status }, { subresource: "status" });
  }

  /** Plays the server: gives the job a replica `demo-TYPE-ID`. Its service is left to the operator. */
  async addReplica(type: ReplicaType, id: string, parts: ReplicaParts = {}): Promise<Pod> {
    const { phase = "Running", states, template = aTemplate(), part, isNew = false } = parts;
    const name = `demo-${type}-${id}`;
    const job = await this.job();
    const pod = await this.client.create(
      PODS,
      buildPod({
        ...{ job, type, name, template, serverAddress: "di-server.di-system:8080" },
        ...(part && { part }),
      }),
    );
    if (!isNew) await this.report(name, phase, states);
    return pod;
  }

  /** Keeps a pod there after its deletion, as one whose node takes its time. */
  async hold(name: string): Promise<void> {
    await this.client.patch(PODS, this.key(name), { metadata: { finalizers: [HOLD] } });
  }

  /** Lets a held pod go. */
  async release(name: string): Promise<void> {
    await this.client.patch(PODS, this.key(name), { metadata: { finalizers: null } });
  }

  /** `kubectl delete pod`. */
  async deletePod(name: string): Promise<void> {
    await this.client.delete(PODS, this.key(name));
  }

  /** Plays a node that has stopped the pod: it goes at once, if it is still there. */
  async kill(name: string): Promise<void> {
    await isGone(this.client.delete(PODS, this.key(name), { gracePeriodSeconds: 0 }));
  }

  async deleteService(name: string): Promise<void> {
    await this.client.delete(SERVICES, this.key(name));
  }

  /** Waits until the operator has seen all that was done so far, and has done its part. */
  settle(): Promise<void> {
    return this.operator.settle();
  }

  /** The Events of the namespace's jobs as `Warning FailedCreate the message`, one for each time. */
  async events(): Promise<string[]> {
    const { items } = await this.client.list(EVENTS, { namespace: this.namespace });
    return items.filter(({ involvedObject }) => involvedObject.kind === DIJOBS.kind)
      .flatMap(({ type, reason, message, count = 1 }) =>
        Array.from({ length: count }, () => `${type} ${reason} ${message}`)
      ).sort();
  }

  /** Waits until these are the Events, no more and none twice. */
  async untilEvents(expected: readonly string[]): Promise<void> {
    const wanted = [...expected].sort();
    await eventually(`the Events ${wanted.join("; ")}`, async () => {
      const events = await this.events();
      if (String(events) === String(wanted)) return true;
      throw new Error(events.join("; "));
    });
  }

  /** All that the operator may write to in the namespace: name and version of each object. */
  async everything(): Promise<string[]> {
    const scope = { namespace: this.namespace };
    const lists = await Promise.all([
      this.client.list(DIJOBS, scope),
      this.client.list(PODS, scope),
      this.client.list(SERVICES, scope),
      this.client.list(EVENTS, scope),
    ]);
    return lists.flatMap(({ items }, index) =>
      items.map(({ metadata }) => `${index} ${metadata.name} ${metadata.resourceVersion}`)
    ).sort();
  }
}

/** `type status reason` of the conditions that stand for phases. */
export function phasesOf({ status }: DIJob): string[] {
  return (status?.conditions ?? []).filter(({ type }) => PHASES.some((phase) => phase === type))
    .map(({ type, status, reason }) => `${type} ${status} ${reason}`);
}

/** A job's condition of a type, whole. */
export function conditionOf({ status }: DIJob, wanted: string) {
  return status?.conditions?.find(({ type }) => type === wanted);
}

/** The state of a container that has ended. */
export function ended(exitCode: number, reason = exitCode === 0 ? "Completed" : "Error") {
  return { terminated: { exitCode, reason } };
}

/** The five labels of a job's pod, spelled out: the code's own way to make them is under test. */
export function labelsOf(job: string, pod: string, type: ReplicaType): Record<string, string> {
  return {
    [LABEL.group]: "diengine.opendilab.org",
    [LABEL.job]: job,
    [LABEL.controller]: "di-operator",
    [LABEL.replicaType]: type,
    [LABEL.pod]: pod,
  };
}
