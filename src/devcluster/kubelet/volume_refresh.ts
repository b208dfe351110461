/** Keeps what a pod's volumes show current, as long as the pod runs. */
import type { Pod, Volume } from "../../kube/mod.ts";
import { sleep } from "../../lib/abort.ts";
import { isFinished } from "./records.ts";
import { prepareVolumes, type VolumeSources } from "./volumes.ts";

/** How often a kubelet looks at what volumes show. */
export const VOLUME_REFRESH_MS = 60_000;

export interface RefreshOptions {
  /** The newest state of the pod. */
  readonly pod: () => Pod;
  /** Holds its volumes. */
  readonly folder: string;
  readonly sources: VolumeSources;
  readonly intervalMs: number;
  /** Ends it. */
  readonly signal: AbortSignal;
  readonly onFailure: (message: string) => void;
}

/** Brings volumes up to date again and again; resolves when `signal` aborts or the pod has finished. */
export async function refreshVolumes(options: RefreshOptions): Promise<void> {
  const { pod, folder, sources, intervalMs, signal, onFailure } = options;
  if (!pod().spec?.volumes?.some(isShown)) return;
  for (;;) {
    // Pods that came together need not ask together.
    await sleep(intervalMs * (1 + Math.random() / 2), signal);
    if (signal.aborted || isFinished(pod().status?.phase)) return;
    try {
      await prepareVolumes(pod(), folder, sources);
    } catch (error) {
      if (!signal.aborted) onFailure(error instanceof Error ? error.message : String(error));
    }
  }
}

/** Whether the volume shows what stands in the API server. */
function isShown({ configMap, secret, downwardAPI, projected }: Volume): boolean {
  return [configMap, secret, downwardAPI, projected].some((source) => source !== undefined);
}
