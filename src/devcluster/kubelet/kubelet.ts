/** Puts the parts of a node together: watches, workers, scheduler, names, endpoint. */
import {
  isNotFound,
  type KubeClient,
  type KubeObject,
  listWatch,
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
import { EventRecorder } from "./events.ts";
import { LOG_SIZE_LIMIT } from "./log_file.ts";
import { type LogAccess, type LogLookup, startLogServer } from "./log_server.ts";
import { NameService } from "./name_service.ts";
import { LABEL_INDEX, labelIndex } from "./names.ts";
import { NodeKeeper, nodeLabels } from "./node.ts";
import { readSources } from "./object_sources.ts";
import { HOST_IP } from "./pod_status.ts";
import { PodWorker, type WorkerDeps } from "./pod_worker.ts";
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
  /** What starts this program again; `di-orchestrator` on the `PATH` of every process. */
  readonly programCommand: readonly string[];
  /** Variables that only the program itself needs, such as `DENO_DIR`. */
  readonly programVariables?: Readonly<Record<string, string>>;
  /** Fixed addresses: `di-server.di-system:8080` to `127.0.0.1:41234`. */
  readonly routes: ReadonlyMap<string, string>;
  readonly hostEnv: HostEnvironment;
  /** Give pods without a node to this one; default true. */
  readonly schedule?: boolean;
  /** Number of `nvidia.com/gpu` to offer, whether or not there are any; default 0. */
  readonly gpus?: number;
  /** Serve with this certificate, for API servers that verify kubelets. */
  readonly certificate?: ServingCertificate;
  /** Let everyone on this machine read logs when the API server has no token for it; default false. */
  readonly anonymousLogs?: boolean;
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
/** How long processes may take to end when the kubelet stops. */
const STOP_GRACE_MS = 3000;
/** How long the last words to the API server may take. */
const LAST_WORDS_MS = 1000;

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
  readonly #events: EventRecorder;
  readonly #schedulerEvents: EventRecorder;
  /** By uid. */
  readonly #workers = new Map<string, PodWorker>();
  readonly #reflectors: Promise<void>[] = [];
  readonly #stops: (() => Promise<void>)[] = [];
  #stopping: Promise<void> | undefined;

  constructor(options: KubeletOptions) {
    const { client, nodeName, hostEnv } = options;
    this.#options = options;
    this.#reaper = new Reaper(hostEnv.PATH);
    this.#events = new EventRecorder(client, "kubelet", nodeName, this.#log);
    this.#schedulerEvents = new EventRecorder(client, "default-scheduler", nodeName, this.#log);
  }

  async start(): Promise<void> {
    const { client, nodeName, rootFolder, programCommand, programVariables = {} } = this.#options;
    await Deno.mkdir(rootFolder, { recursive: true, mode: 0o700 });
    await writeProgram(`${rootFolder}/bin`, programCommand, programVariables);
    const certificate = this.#options.certificate ?? await makeCertificate(nodeName, [nodeName]);
    const endpoint = startLogServer({
      certificate,
      access: await this.#logAccess(),
      lookup: (where, previous) => this.#lookupLog(where, previous),
      log: this.#log,
    });
    this.#stops.push(() => endpoint.stop());
    const gpus = this.#options.gpus ?? 0;
    const node = new NodeKeeper(client, {
      name: nodeName,
      kubeletPort: endpoint.port,
      caPem: certificate.caPem,
      gpus,
      cpus: navigator.hardwareConcurrency,
      memoryBytes: Deno.systemMemoryInfo().total,
    }, this.#log);
    await node.start();
    this.#stops.push(() => node.stop(LAST_WORDS_MS));
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
      const scheduler = new Scheduler({
        client,
        pods: this.#pods,
        node: {
          name: nodeName,
          labels: nodeLabels(nodeName),
          allocatable: { "nvidia.com/gpu": gpus },
        },
        events: this.#schedulerEvents,
        log: this.#log,
      });
      this.#stops.push(() => scheduler.stop());
    }
  }

  stop(): Promise<void> {
    return this.#stopping ??= this.#stopAll();
  }

  async #stopAll(): Promise<void> {
    this.#abort.abort();
    await Promise.all(this.#reflectors);
    for (const worker of this.#workers.values()) worker.leave(STOP_GRACE_MS);
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

  #reflect<T extends KubeObject>(resource: Resource<T>, cache: ObjectCache<T>): void {
    this.#reflectors.push(runReflector({
      source: listWatch(this.#options.client, resource),
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
      if (this.#abort.signal.aborted) return;
      const uid = after?.metadata.uid ?? "";
      const oldUid = before?.metadata.uid ?? "";
      if (before !== undefined && oldUid !== uid) this.#workers.get(oldUid)?.leave(0);
      if (after === undefined || after.spec?.nodeName !== nodeName) return;
      const worker = this.#workers.get(uid);
      if (worker === undefined) this.#adopt(after, deps);
      else worker.update(after);
    });
  }

  #adopt(pod: Pod, deps: WorkerDeps): void {
    const worker = new PodWorker(pod, deps);
    this.#workers.set(worker.uid, worker);
    void worker.ended.then(() => this.#workers.delete(worker.uid));
  }

  #workerDeps(proxyPort: number): WorkerDeps {
    const { client, rootFolder, restartTiming = RESTART_TIMING } = this.#options;
    const sources = readSources(client, this.#abort.signal);
    return {
      client,
      base: this.#processBase(proxyPort),
      references: sources,
      sources,
      reaper: this.#reaper,
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
  async #logAccess(): Promise<LogAccess> {
    try {
      const secret = await this.#options.client.get(SECRETS, ACCESS_SECRET);
      const token = new TextDecoder().decode(Uint8Array.fromBase64(secret.data?.token ?? ""));
      if (token !== "") return { kind: "token", token };
    } catch (error) {
      if (!isNotFound(error)) {
        this.#log.warning("Could not read who may see logs", { error: String(error) });
      }
    }
    return { kind: this.#options.anonymousLogs ? "anyone" : "sameUser" };
  }

  #lookupLog(
    { namespace, pod, container }: { namespace: string; pod: string; container: string },
    previous: boolean,
  ): LogLookup {
    const uid = this.#pods.get({ namespace, name: pod })?.metadata.uid ?? "";
    const worker = this.#workers.get(uid);
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
