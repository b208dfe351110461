/** Blocks of loopback ports that no other kubelet of this machine has. */
import { BLOCK_SIZE, blockStarts, declaredPorts, PodPorts, type PortBlock } from "./ports.ts";
import type { Pod } from "../../kube/mod.ts";

/** Ports in one slab; the first one is held by a listening socket for as long as the slab is ours. */
const SLAB_SIZE = 512;
const FIRST_PORT = 15_000;
/** Where outgoing connections begin to take their ports, when the system does not say. */
const EPHEMERAL_FALLBACK = 32_000;

/** No block could be had. */
export class PortsExhaustedError extends Error {
  override readonly name = "PortsExhaustedError";
}

/** Which ports may be given out. */
export interface PortRange {
  readonly first?: number;
  /** The first one that may not; default where the system's ports for outgoing connections begin. */
  readonly end?: number;
  /** Whether nobody listens on a port; default to try it. */
  readonly isFree?: (port: number) => boolean;
}

interface Slab {
  readonly first: number;
  readonly claim: Deno.Listener;
}

/**
 * Gives each pod its ports. A slab of ports is claimed by listening on its first one, so that two
 * kubelets on one machine keep apart; each block is tried before it is given out, so that other programs
 * are kept clear of too.
 */
export class PortAllocator {
  readonly #slabs: Slab[] = [];
  /** Blocks that may be had, by their first port; those given back go to the end and so rest longest. */
  readonly #free: number[] = [];
  readonly #first: number;
  readonly #end: number;
  readonly #isFree: (port: number) => boolean;

  constructor(range: PortRange = {}) {
    this.#first = range.first ?? FIRST_PORT;
    this.#end = range.end ?? ephemeralStart();
    this.#isFree = range.isFree ?? isPortFree;
  }

  /**
   * The ports of a pod, to be given back by {@link release}. A pod on the host's network, and a port
   * with `hostPort`, gets the ports it names.
   *
   * @throws {PortsExhaustedError} If this machine has no block left.
   */
  allocate(pod: Pod): PodPorts {
    const declared = declaredPorts(pod);
    if (pod.spec?.hostNetwork === true) return new PodPorts(declared, []);
    const blocks: PortBlock[] = [];
    try {
      for (const containerPort of blockStarts(declared)) {
        blocks.push({ containerPort, hostPort: this.#takeBlock(), size: BLOCK_SIZE });
      }
    } catch (error) {
      this.#giveBack(blocks);
      throw error;
    }
    return new PodPorts(declared, [...blocks, ...hostPortsOf(pod)]);
  }

  /** Takes the pod's blocks back. */
  release(ports: PodPorts): void {
    this.#giveBack(ports.blocks);
  }

  /** Gives up every claim. */
  stop(): void {
    for (const { claim } of this.#slabs) claim.close();
    this.#slabs.length = 0;
    this.#free.length = 0;
  }

  #giveBack(blocks: readonly PortBlock[]): void {
    for (const { hostPort, size } of blocks) {
      if (size === BLOCK_SIZE) this.#free.push(hostPort);
    }
  }

  #takeBlock(): number {
    for (;;) {
      for (let left = this.#free.length; left > 0; left--) {
        const first = this.#free.shift() ?? 0;
        if (range(first, BLOCK_SIZE).every(this.#isFree)) return first;
        this.#free.push(first);
      }
      this.#claimSlab();
    }
  }

  #claimSlab(): void {
    const count = Math.floor((this.#end - this.#first) / SLAB_SIZE);
    // Kubelets that start together try different slabs first.
    const start = Math.floor(Math.random() * count);
    for (let step = 0; step < count; step++) {
      const first = this.#first + (start + step) % count * SLAB_SIZE;
      if (this.#slabs.some((slab) => slab.first === first)) continue;
      const claim = listen(first);
      if (claim === undefined) continue;
      this.#slabs.push({ first, claim });
      for (let at = first + BLOCK_SIZE; at + BLOCK_SIZE <= first + SLAB_SIZE; at += BLOCK_SIZE) {
        this.#free.push(at);
      }
      return;
    }
    throw new PortsExhaustedError(
      `Cannot give the pod ports: none of ${this.#first} to ${this.#end} is left on this machine`,
    );
  }
}

function hostPortsOf(pod: Pod): PortBlock[] {
  return (pod.spec?.containers ?? []).flatMap(({ ports }) => ports ?? []).flatMap((port) =>
    port.hostPort === undefined
      ? []
      : [{ containerPort: port.containerPort, hostPort: port.hostPort, size: 1 }]
  );
}

function range(first: number, count: number): number[] {
  return Array.from({ length: count }, (_, at) => first + at);
}

function isPortFree(port: number): boolean {
  const listener = listen(port, "0.0.0.0");
  listener?.close();
  return listener !== undefined;
}

function listen(port: number, hostname = "127.0.0.1"): Deno.Listener | undefined {
  try {
    return Deno.listen({ hostname, port });
  } catch (error) {
    if (error instanceof Deno.errors.AddrInUse) return undefined;
    throw error;
  }
}

/** The first port that this system gives to outgoing connections. */
function ephemeralStart(): number {
  try {
    const text = Deno.readTextFileSync("/proc/sys/net/ipv4/ip_local_port_range");
    const first = Number(text.trim().split(/\s+/)[0]);
    // A machine that gives out nearly all ports leaves no room below: take ours all the same.
    return first >= FIRST_PORT + SLAB_SIZE * 4 ? first : EPHEMERAL_FALLBACK;
  } catch {
    return EPHEMERAL_FALLBACK;
  }
}
