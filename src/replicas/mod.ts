/** Templates to pods and services: the one home of labels, ports and environment names. */
export * from "./gpu_share.ts";
export * from "./pod.ts";
export * from "./ports.ts";
export * from "./service.ts";
export * from "./state.ts";
