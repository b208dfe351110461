/** What this machine is, and how much it has for pods. */
import { statfs } from "node:fs/promises";
import type { NodeInfo } from "./node_object.ts";

/** What the node shall claim to have instead of what there is. */
export interface ClaimedResources {
  /** Whole cores. */
  readonly cpus?: number | undefined;
  readonly memoryBytes?: number | undefined;
  /** Number of `nvidia.com/gpu`; default none. */
  readonly gpus?: number | undefined;
}

/** Each is a few processes: what a laptop's process table takes. */
const MAX_PODS = 500;

/**
 * Quantities by resource.
 *
 * @param folder Where pods keep their files: the size of its file system counts.
 */
export async function readResources(
  { cpus, memoryBytes, gpus = 0 }: ClaimedResources,
  folder: string,
): Promise<Record<string, string>> {
  const disk = await statfs(folder).catch(() => undefined);
  return {
    cpu: String(cpus ?? navigator.hardwareConcurrency),
    memory: bytesText(memoryBytes ?? Deno.systemMemoryInfo().total),
    ...(disk && { "ephemeral-storage": bytesText(disk.blocks * disk.bsize) }),
    pods: String(MAX_PODS),
    ...(gpus > 0 && { "nvidia.com/gpu": String(gpus) }),
  };
}

/** Whole kibibytes, written as an API server writes them back: `1Gi`, not `1048576Ki`. */
function bytesText(bytes: number): string {
  let amount = Math.floor(bytes / 1024);
  let unit = 0;
  while (amount % 1024 === 0 && unit < BYTE_UNITS.length - 1) {
    amount /= 1024;
    unit++;
  }
  return `${amount}${BYTE_UNITS[unit]}`;
}

const BYTE_UNITS = ["Ki", "Mi", "Gi", "Ti"];

/** What `kubectl get nodes -o wide` shows of the machine; "" for what it does not tell. */
export async function readNodeInfo(): Promise<NodeInfo> {
  const [bootID, machineID, release] = await Promise.all(
    ["/proc/sys/kernel/random/boot_id", "/etc/machine-id", "/etc/os-release"].map(readText),
  );
  return {
    architecture: Deno.build.arch === "aarch64" ? "arm64" : "amd64",
    bootID: bootID ?? "",
    kernelVersion: Deno.osRelease(),
    machineID: machineID ?? "",
    operatingSystem: Deno.build.os,
    osImage: /^PRETTY_NAME="?([^"\n]*)/m.exec(release ?? "")?.[1] ?? Deno.build.os,
  };
}

async function readText(path: string): Promise<string> {
  return (await Deno.readTextFile(path).catch(() => "")).trim();
}
