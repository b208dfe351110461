/** Puts the parts of a node together: watches, workers, scheduler, names, endpoint. */
import {
  isNotFound,
  type KubeClient,
  type KubeObject,
  listWatch,
  type Node,
  NODES,
  ObjectCache,
  type Pod,
  PODS,
  type Resource,
  runReflector,
  SECRETS,
  type Service,
  SERVICES,
  withoutManagedFields,
} from "../../kube/mod.ts";
import { type Logger, loggerOf } from "../../lib/logger.ts";
import { makeCertificate, type ServingCertificate } from "../certificate.ts";
import type { ProcessBase } from "./container_start.ts";
import { startEndpoint, textResponse } from "./endpoint.ts";
import type { EndpointAccess } from "./endpoint_access.ts";
import { EventRecorder } from "./events.ts";
import { type ExecLookup, execRoute, refusingRoute } from "./exec_endpoint.ts";
import { LOG_SIZE_LIMIT } from "./log_file.ts";
import { type ContainerPlace, type LogLookup, logRoute } from "./log_endpoint.ts";
import { MemoryGuard } from "./memory.ts";
import { NameService } from "./name_service.ts";
import { LABEL_INDEX, labelIndex } from "./names.ts";
import { type ClaimedResources, readNodeInfo, readResources } from "./machine.ts";
import { NodeKeeper } from "./node.ts";
import { amountsOf } from "./pod_resources.ts";
import { VOLUME_REFRESH_MS } from "./volume_refresh.ts";
import { readSources } from "./object_sources.ts";
import { HOST_IP } from "./pod_status.ts";
import { LAST_WORDS_MS, PodWorker, type WorkerDeps } from "./pod_worker.ts";
import { PortAllocator } from "./port_claims.ts";
import { writeProgram } from "./program.ts";
import { startProxy } from "./proxy.ts";
import { Reaper } from "./reaper.ts";
import { RESTART_TIMING, type RestartTiming } from "./records.ts";
import { Scheduler } from "./scheduler.ts";

/** What processes keep of the environment of this machine. */
export interface HostEnvironment {
  readonly PATH: string;
  readonly HOME?: string | undefined;
  readonly LANG?: string | undefined;
  readonly TMPDIR?: string | undefined;
}

export interface KubeletOptions {
  readonly client: KubeClient;
  readonly nodeName: string;
  /** Holds pod folders, logs, the program's wrapper and the name table; removed by `stop()`. */
  readonly rootFolder: string;
  /** What goes with this process should it be killed: default `rootFolder`, else a folder around it. */
  readonly doomedFolder?: string;
  /** What starts this program again; `di-orchestrator` on the `PATH` of every process. */
  readonly programCommand: readonly string[];
  /** Variables that only the program itself needs, such as `DENO_DIR`. */
  readonly programVariables?: Readonly<Record<string, string>>;
  /** Fixed addresses: `di-server.di-system:8080` to `127.0.0.1:41234`. */
  readonly routes: ReadonlyMap<string, string>;
  readonly hostEnv: HostEnvironment;
  /** Give pods without a node to this one; default true. */
  readonly schedule?: boolean;
  /** What to offer instead of what this machine has. */
  readonly claimed?: ClaimedResources;
  /** The longest time for processes to end when the kubelet stops, in ms; default 3 s. */
  readonly stopGraceMs?: number;
  /** How often volumes with config maps, secrets and the like are brought up to date, in ms. */
  readonly volumeRefreshMs?: number;
  /** Serve with this certificate, for API servers that verify kubelets. */
  readonly certificate?: ServingCertificate;
  readonly restartTiming?: RestartTiming;
  /** Bytes after which a container's log begins a new file. */
  readonly logSizeLimit?: number;
}

export interface RunningKubelet {
  readonly nodeName: string;
  /** Ends every process it started, gives back every port, and removes its folder. */
  stop(): Promise<void>;
}

/** The secret that an API server of ours shows itself with. */
const ACCESS_SECRET = { namespace: "kube-system", name: "kubelet-access" };
const PORT_FORWARD_REFUSAL =
  "this node forwards no ports: its pods listen on loopback ports of this machine, which their " +
  "variables called PORT or *_PORT hold (kubectl exec POD -- env)";
/** How long processes may take to end when the kubelet stops. */
const STOP_GRACE_MS = 3000;

/**
 * Starts a node. Resolves once it is registered or, where the API server is away, once everything
 * else stands; it registers later then.
 *
 * @throws {Deno.errors.PermissionDenied} If its folder cannot be made.
 */
export async function startKubelet(options: KubeletOptions): Promise<RunningKubelet> {
  const kubelet = new Kubelet(options);
  try {
    await kubelet.start();
  } catch (error) {
    await kubelet.stop();
    throw error;
  }
  return { nodeName: options.nodeName, stop: () => kubelet.stop() };
}

class Kubelet {
  readonly #options: KubeletOptions;
  readonly #log: Logger = loggerOf("kubelet");
  readonly #abort = new AbortController();
  readonly #reaper: Reaper;
  readonly #allocator = new PortAllocator();
  readonly #pods = new ObjectCache<Pod>({ [LABEL_INDEX]: labelIndex });
  readonly #services = new ObjectCache<Service>();
  /** This node alone. */
  readonly #nodes = new ObjectCache<Node>();
  readonly #events: EventRecorder;
  readonly #schedulerEvents: EventRecorder;
  /** By uid. */
  readonly #workers = new Map<string, PodWorker>();
  readonly #reflectors: Promise<void>[] = [];
  /** What must end before the pods do: no more of them may come. */
  readonly #withdrawals: (() => Promise<void>)[] = [];
  readonly #stops: (() => Promise<void>)[] = [];
  /** As quantities. */
  #resources: Readonly<Record<string, string>> = {};
  #stopping: Promise<void> | undefined;

  constructor(options: KubeletOptions) {
    const { client, nodeName, hostEnv } = options;
    this.#options = options;
    this.#reaper = new Reaper(hostEnv.PATH, options.doomedFolder ?? options.rootFolder);
    this.#events = new EventRecorder(client, "kubelet", nodeName, this.#log);
    this.#schedulerEvents = new EventRecorder(client, "default-scheduler", nodeName, this.#log);
  }

  async start(): Promise<void> {
    const { client, nodeName, rootFolder, programCommand, programVariables = {} } = this.#options;
    await Deno.mkdir(rootFolder, { recursive: true, mode: 0o700 });
    await writeProgram(`${rootFolder}/bin`, programCommand, programVariables);
    const certificate = this.#options.certificate ?? await makeCertificate(nodeName, [nodeName]);
    const endpoint = await startEndpoint({
      certificate,
      access: await this.#endpointAccess(),
      routes: {
        healthz: { methods: ["GET"], answer: () => textResponse(200, "ok") },
        containerLogs: logRoute((where, previous) => this.#lookupLog(where, previous)),
        exec: execRoute((where) => this.#lookupRunning(where), this.#reaper),
        attach: refusingRoute("this node cannot attach to a process: use logs -f, or exec"),
        portForward: refusingRoute(PORT_FORWARD_REFUSAL),
      },
      log: this.#log,
    });
    this.#stops.push(() => endpoint.stop());
    this.#resources = await readResources(this.#options.claimed ?? {}, rootFolder);
    const node = new NodeKeeper(client, {
      name: nodeName,
      kubeletPort: endpoint.port,
      caPem: certificate.caPem,
      resources: this.#resources,
      info: await readNodeInfo(),
    }, this.#log);
    await node.start();
    this.#withdrawals.push(() => node.stop(LAST_WORDS_MS));
    const names = new NameService({
      services: this.#services,
      pods: this.#pods,
      portsOf: (uid) => this.#workers.get(uid)?.ports,
      routes: this.#options.routes,
      pythonFolder: `${rootFolder}/python`,
      log: this.#log,
    });
    this.#stops.push(() => names.stop());
    const proxy = startProxy({
      resolve: (host, port) => names.resolve(host, port),
      log: this.#log,
    });
    this.#stops.push(() => proxy.stop());
    this.#watchPods(proxy.port);
    this.#reflect(PODS, this.#pods);
    this.#reflect(SERVICES, this.#services);
    if (this.#options.schedule ?? true) {
      this.#reflect(NODES, this.#nodes, { fieldSelector: `metadata.name=${nodeName}` });
      const scheduler = new Scheduler({
        client,
        pods: this.#pods,
        nodes: this.#nodes,
        nodeName,
        events: this.#schedulerEvents,
        log: this.#log,
      });
      this.#withdrawals.push(() => scheduler.stop());
    }
  }

  stop(): Promise<void> {
    return this.#stopping ??= this.#stopAll();
  }

  async #stopAll(): Promise<void> {
    this.#abort.abort();
    await Promise.all([...this.#reflectors, ...this.#withdrawals.map((end) => end())]);
    const graceMs = this.#options.stopGraceMs ?? STOP_GRACE_MS;
    for (const worker of this.#workers.values()) worker.shutDown(graceMs);
    await Promise.all([...this.#workers.values()].map(({ ended }) => ended));
    await Promise.all(this.#stops.map((stop) => stop()));
    await Promise.all([
      this.#events.stop(LAST_WORDS_MS),
      this.#schedulerEvents.stop(LAST_WORDS_MS),
      this.#reaper.stop(),
    ]);
    this.#allocator.stop();
    await Deno.remove(this.#options.rootFolder, { recursive: true }).catch(() => {});
  }

  #reflect<T extends KubeObject>(
    resource: Resource<T>,
    cache: ObjectCache<T>,
    scope: { fieldSelector?: string } = {},
  ): void {
    this.#reflectors.push(runReflector({
      source: listWatch(this.#options.client, resource, scope),
      cache,
      trim: withoutManagedFields,
      log: this.#log,
      signal: this.#abort.signal,
    }));
  }

  #watchPods(proxyPort: number): void {
    const deps = this.#workerDeps(proxyPort);
    const { nodeName } = this.#options;
    this.#pods.subscribe(({ before, after }) => {
      const uid = after?.metadata.uid ?? "";
      const oldUid = before?.metadata.uid ?? "";
      if (before !== undefined && oldUid !== uid) this.#workers.get(oldUid)?.leave(0);
      if (after === undefined || after.spec?.nodeName !== nodeName) return;
      const worker = this.#workers.get(uid);
      if (worker !== undefined) worker.update(after);
      else if (!this.#abort.signal.aborted) this.#adopt(after, deps);
    });
  }

  #adopt(pod: Pod, deps: WorkerDeps): void {
    const worker = new PodWorker(pod, deps);
    this.#workers.set(worker.uid, worker);
    void worker.ended.then(() => this.#workers.delete(worker.uid));
  }

  #workerDeps(proxyPort: number): WorkerDeps {
    const { client, rootFolder, restartTiming = RESTART_TIMING } = this.#options;
    const sources = readSources(client, amountsOf(this.#resources), this.#abort.signal);
    return {
      client,
      base: this.#processBase(proxyPort),
      references: sources,
      sources,
      volumeRefreshMs: this.#options.volumeRefreshMs ?? VOLUME_REFRESH_MS,
      reaper: this.#reaper,
      memory: new MemoryGuard(),
      allocator: this.#allocator,
      timing: restartTiming,
      logSizeLimit: this.#options.logSizeLimit ?? LOG_SIZE_LIMIT,
      now: Date.now,
      events: this.#events,
      log: this.#log,
      podsFolder: `${rootFolder}/pods`,
      observe: (pod) => this.#pods.observe(withoutManagedFields(pod)),
    };
  }

  #processBase(proxyPort: number): ProcessBase {
    const { hostEnv, rootFolder } = this.#options;
    const variables: Record<string, string> = proxyVariables(proxyPort);
    for (const [name, value] of Object.entries(hostEnv)) {
      if (value !== undefined) variables[name] = value;
    }
    return {
      variables,
      programFolder: `${rootFolder}/bin`,
      pythonFolder: `${rootFolder}/python`,
    };
  }

  /** Reads once whether the API server has a token for us; it is the same for as long as it lives. */
  async #endpointAccess(): Promise<EndpointAccess> {
    try {
      const secret = await this.#options.client.get(SECRETS, ACCESS_SECRET);
      const token = new TextDecoder().decode(Uint8Array.fromBase64(secret.data?.token ?? ""));
      if (token !== "") return { kind: "token", token };
    } catch (error) {
      if (!isNotFound(error)) {
        this.#log.warning("Could not read who may use the endpoint", { error: String(error) });
      }
    }
    return { kind: "sameUser" };
  }

  #workerOf({ namespace, pod }: ContainerPlace): PodWorker | undefined {
    return this.#workers.get(this.#pods.get({ namespace, name: pod })?.metadata.uid ?? "");
  }

  #lookupRunning(where: ContainerPlace): ExecLookup {
    const worker = this.#workerOf(where);
    if (worker === undefined) return { kind: "noPod" };
    const place = worker.runningPlaceOf(where.container);
    return place === undefined ? { kind: "notRunning" } : { kind: "running", place };
  }

  #lookupLog(where: ContainerPlace, previous: boolean): LogLookup {
    const { container } = where;
    const worker = this.#workerOf(where);
    if (worker === undefined) return { kind: "noPod" };
    if (!worker.hasContainer(container)) return { kind: "noContainer" };
    return { kind: "found", log: worker.logOf(container, previous) };
  }
}

/** What makes HTTP clients ask the proxy; each program reads its own spelling. */
function proxyVariables(port: number): Record<string, string> {
  const proxy = `http://${HOST_IP}:${port}`;
  const own = Deno.networkInterfaces().map(({ address }) => address);
  const direct = [...new Set(["localhost", HOST_IP, "::1", "0.0.0.0", ...own])].join(",");
  return {
    http_proxy: proxy,
    https_proxy: proxy,
    no_proxy: direct,
    HTTP_PROXY: proxy,
    HTTPS_PROXY: proxy,
    NO_PROXY: direct,
  };
}
