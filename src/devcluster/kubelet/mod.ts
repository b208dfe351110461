/** Runs pods as processes of this machine, against any Kubernetes API server. */
export type { HostEnvironment, KubeletOptions, RunningKubelet } from "./kubelet.ts";
export { startKubelet } from "./kubelet.ts";
export type { ClaimedResources } from "./machine.ts";
export { RESTART_TIMING, type RestartTiming } from "./records.ts";
