/** A real Kubernetes control plane for tests: etcd, kube-apiserver and, where there, its controllers. */
import { startDeadline } from "../../src/lib/abort.ts";
import { KubeClient } from "../../src/kube/client.ts";
import { isNotFound } from "../../src/kube/errors.ts";
import { readKubeconfig } from "../../src/kube/kubeconfig.ts";
import type { Resource } from "../../src/kube/resources.ts";
import type { KubeObject } from "../../src/kube/types.ts";
import { writeCredentials, writeKubeconfig } from "./control_plane_credentials.ts";
import {
  apiServerCommand,
  controllerManagerCommand,
  etcdCommand,
  FILES,
} from "./control_plane_flags.ts";
import { findControlPlane, type Programs } from "./control_plane_programs.ts";
import { eventually } from "./eventually.ts";
import { keptPort } from "./free_port.ts";
import { type KeptProcess, ProcessKeeper } from "./process_keeper.ts";

export { findControlPlane, type Programs };

/** What a test needs to use a cluster. Its user may do everything. */
export interface ClusterAccess {
  /** Base URL of the API server, without a trailing slash. */
  readonly url: string;
  readonly kubeconfigPath: string;
  /** Whether controllers run: then owned objects go with their owners, and namespaces end. */
  readonly hasGarbageCollector: boolean;
}

/** A running control plane. Nothing of it outlives the test process. */
export interface ControlPlane extends ClusterAccess {
  /** Stops the API server in its tracks: connections stay open and nothing answers. */
  freeze(): void;
  /** Lets it go on after `freeze()`. */
  thaw(): void;
  /** Kills the API server: connections break, and new ones are refused. */
  killApiServer(): Promise<void>;
  /** Starts it again at the same URL after `killApiServer()`; resolves when it is ready. */
  restartApiServer(): Promise<void>;
  /** Ends everything and removes all files. */
  stop(): Promise<void>;
}

export interface ControlPlaneOptions {
  /**
   * CustomResourceDefinitions that exist before the controllers start. The garbage collector looks for
   * new kinds only every 30 s, so what is owned by objects of a later kind stays that long.
   */
  readonly crds?: readonly KubeObject[];
  /** Default: `findControlPlane()`. */
  readonly programs?: Programs;
  /** Flags of the API server besides those that every test needs. */
  readonly apiServerFlags?: readonly string[];
}

/** A start takes about 3 s; the first one on a busy machine, with the programs not yet in memory, longer. */
const START_LIMIT_MS = 90_000;
const START_TRIES = 5;
/** For one question whether the API server is ready. */
const READY_LIMIT_MS = 5_000;

interface CustomResourceDefinition extends KubeObject {
  status?: { conditions?: { type: string; status: string }[] };
}
const CUSTOM_RESOURCE_DEFINITIONS: Resource<CustomResourceDefinition> = {
  group: "apiextensions.k8s.io",
  version: "v1",
  kind: "CustomResourceDefinition",
  plural: "customresourcedefinitions",
  namespaced: false,
};
const SERVICE_ACCOUNTS: Resource<KubeObject> = {
  group: "",
  version: "v1",
  kind: "ServiceAccount",
  plural: "serviceaccounts",
  namespaced: true,
};

/**
 * Starts a control plane of its own, in a temporary folder, at a free loopback port.
 *
 * @returns When the API server is ready, `crds` are established, and, if there are controllers, pods can
 * be made in the namespace `default`.
 * @throws {Error} If a program ends or does not get ready; with the end of its log.
 */
export async function startControlPlane(
  { crds = [], programs, apiServerFlags = [] }: ControlPlaneOptions = {},
): Promise<ControlPlane> {
  const found = programs ?? await findControlPlane();
  const keeper = await ProcessKeeper.open("di-control-plane-");
  try {
    return await startIn(keeper, found, crds, apiServerFlags);
  } catch (error) {
    await keeper.stop(0);
    throw error;
  }
}

async function startIn(
  keeper: ProcessKeeper,
  programs: Programs,
  crds: readonly KubeObject[],
  apiServerFlags: readonly string[],
): Promise<ControlPlane> {
  const { folder } = keeper;
  const kubeconfigPath = `${folder}/${FILES.kubeconfig}`;
  const token = crypto.randomUUID();
  const etcd = await keeper.start("etcd", etcdCommand(programs.etcd, folder));
  await writeCredentials(folder, token);
  await untilReady(etcd, () => exists(`${folder}/${FILES.etcdSocket}`));

  const startApiServer = async (port: number) => {
    const command = apiServerCommand(programs, folder, port, apiServerFlags);
    const server = await keeper.start("kube-apiserver", command);
    await untilReady(server, () => exists(`${folder}/${FILES.certificateKey}`));
    return server;
  };
  const untilServing = (server: KeptProcess) =>
    withClient(kubeconfigPath, (client) => untilReady(server, () => isReady(client)));
  const first = await onFreePort(async (port) => {
    const server = await startApiServer(port);
    await writeKubeconfig(folder, port, token);
    await untilServing(server);
    return { port, server };
  });
  const { port } = first;
  let { server } = first;

  await withClient(kubeconfigPath, async (client) => {
    await Promise.all(crds.map((crd) => establish(client, crd)));
    if (programs.controllerManager === undefined) return;
    const command = controllerManagerCommand(programs.controllerManager, folder);
    const controllers = await keeper.start("kube-controller-manager", command);
    await untilReady(controllers, () => hasDefaultAccount(client));
  });

  return {
    url: `https://127.0.0.1:${port}`,
    kubeconfigPath,
    hasGarbageCollector: programs.controllerManager !== undefined,
    freeze: () => server.signal("SIGSTOP"),
    thaw: () => server.signal("SIGCONT"),
    async killApiServer() {
      server.signal("SIGKILL");
      await server.ended;
    },
    async restartApiServer() {
      server = await startApiServer(port);
      await untilServing(server);
    },
    // Nothing of it is kept, so none of it needs the seconds that an orderly end takes.
    stop: () => keeper.stop(0),
  };
}

/** Tries ports until the API server gets one: between our look and its start anybody may take it. */
async function onFreePort<T>(start: (port: number) => Promise<T>): Promise<T> {
  for (let tries = 1;; tries++) {
    try {
      return await start(keptPort());
    } catch (error) {
      const taken = error instanceof Error && error.message.includes("address already in use");
      if (!taken || tries === START_TRIES) throw error;
    }
  }
}

/** Waits for a program that was started, and no longer once it has ended. */
async function untilReady(
  program: KeptProcess,
  check: () => boolean | Promise<boolean>,
): Promise<void> {
  const log = () => `; the end of its log:\n${program.logTail()}`;
  const outcome = await eventually(
    `${program.name} to be ready`,
    async () => program.exited ? "ended" : await check() && "ready",
    { timeoutMs: START_LIMIT_MS },
  ).catch((cause: Error) => {
    throw new Error(cause.message + log(), { cause });
  });
  if (outcome === "ended") throw new Error(`${program.name} did not start${log()}`);
}

async function withClient<T>(
  kubeconfigPath: string,
  work: (client: KubeClient) => Promise<T>,
): Promise<T> {
  const client = new KubeClient(readKubeconfig(kubeconfigPath));
  try {
    return await work(client);
  } finally {
    client.close();
  }
}

async function isReady(client: KubeClient): Promise<boolean> {
  const deadline = startDeadline(READY_LIMIT_MS);
  try {
    const response = await client.stream("/readyz", deadline.signal);
    return await response.text() === "ok";
  } finally {
    deadline.clear();
  }
}

async function hasDefaultAccount(client: KubeClient): Promise<boolean> {
  try {
    await client.get(SERVICE_ACCOUNTS, { namespace: "default", name: "default" });
    return true;
  } catch (error) {
    if (isNotFound(error)) return false;
    throw error;
  }
}

/** Applies a CustomResourceDefinition and waits until its kind is served. */
async function establish(client: KubeClient, crd: KubeObject): Promise<void> {
  const name = crd.metadata.name ?? "";
  await client.create<CustomResourceDefinition>(CUSTOM_RESOURCE_DEFINITIONS, crd);
  await eventually(`CustomResourceDefinition ${name} to be established`, async () => {
    const { status } = await client.get(CUSTOM_RESOURCE_DEFINITIONS, { namespace: "", name });
    return status?.conditions?.some(({ type, status }) =>
      type === "Established" && status === "True"
    );
  });
}

function exists(path: string): boolean {
  try {
    Deno.statSync(path);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}
