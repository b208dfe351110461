/** Which port of this machine stands for which port of a container. */
import type { Pod } from "../../kube/mod.ts";
import { allContainersOf } from "./records.ts";

/** Ports in one block: container port P + i is host port base + i for i below this. */
export const BLOCK_SIZE = 16;
/** A declared port has at least this many ports after it in its block. */
const PORTS_AFTER = 1;

/** Some consecutive container ports and where they are on the host. */
export interface PortBlock {
  /** The first container port. */
  readonly containerPort: number;
  readonly hostPort: number;
  readonly size: number;
}

/** The declared container ports of a pod, ascending, each once. */
export function declaredPorts(pod: Pod): number[] {
  const ports = allContainersOf(pod).flatMap(({ ports }) => ports ?? []);
  return [...new Set(ports.map(({ containerPort }) => containerPort))].sort((a, b) => a - b);
}

/** Container ports at which blocks must begin so that every declared port and the next one is in one. */
export function blockStarts(ascending: readonly number[]): number[] {
  const starts: number[] = [];
  for (const port of ascending) {
    const start = starts.at(-1);
    if (start === undefined || port + PORTS_AFTER >= start + BLOCK_SIZE) starts.push(port);
  }
  return starts;
}

/** The ports of one pod. */
export class PodPorts {
  readonly blocks: readonly PortBlock[];
  readonly #declared: ReadonlySet<number>;

  constructor(declared: readonly number[], blocks: readonly PortBlock[]) {
    this.#declared = new Set(declared);
    this.blocks = blocks;
  }

  /**
   * The block that stands for a container port and those after it. A port outside of every block is
   * itself: a process that was not told another listens there.
   */
  blockAt(containerPort: number): PortBlock {
    // The last block that holds it: a later one begins at a declared port of its own.
    const block = this.blocks.findLast(({ containerPort: first, size }) =>
      first <= containerPort && containerPort < first + size
    );
    if (block === undefined) return { containerPort, hostPort: containerPort, size: 1 };
    const skip = containerPort - block.containerPort;
    return { containerPort, hostPort: block.hostPort + skip, size: block.size - skip };
  }

  hostPortOf(containerPort: number): number {
    return this.blockAt(containerPort).hostPort;
  }

  /** The value that a process gets for a variable: a declared port in `PORT` or `*_PORT` is the host's. */
  valueOf(name: string, value: string): string {
    if (name !== "PORT" && !name.endsWith("_PORT")) return value;
    if (!/^\d{1,5}$/.test(value)) return value;
    const port = Number(value);
    return this.#declared.has(port) ? String(this.hostPortOf(port)) : value;
  }
}
