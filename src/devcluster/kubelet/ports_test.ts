import { deepStrictEqual, notStrictEqual, strictEqual, throws } from "node:assert/strict";
import { aContainer, aPod } from "../../../tests/support/builders.ts";
import { PortAllocator, PortsExhaustedError } from "./port_claims.ts";
import { blockStarts, PodPorts } from "./ports.ts";

Deno.test.each([
  { of: "no port", ports: [], starts: [] },
  { of: "one port", ports: [80], starts: [80] },
  { of: "ports close together", ports: [9000, 9001, 9014], starts: [9000] },
  { of: "a port whose next one is out of reach", ports: [9000, 9015], starts: [9000, 9015] },
  { of: "ports far apart", ports: [9000, 9007, 10314], starts: [9000, 10314] },
])("blockStarts() of $of", ({ ports, starts }) => {
  deepStrictEqual(blockStarts(ports), starts);
});

const PORTS = new PodPorts([9000, 10314], [
  { containerPort: 9000, hostPort: 20000, size: 16 },
  { containerPort: 10314, hostPort: 20016, size: 16 },
]);

Deno.test.each([
  { port: 9000, block: { containerPort: 9000, hostPort: 20000, size: 16 } },
  { port: 9001, block: { containerPort: 9001, hostPort: 20001, size: 15 } },
  { port: 10315, block: { containerPort: 10315, hostPort: 20017, size: 15 } },
  { port: 80, block: { containerPort: 80, hostPort: 80, size: 1 } },
])("PodPorts finds container port $port", ({ port, block }) => {
  deepStrictEqual(PORTS.blockAt(port), block);
});

Deno.test.each([
  { name: "PORT", value: "9000", given: "20000" },
  { name: "LEARNER_PORT", value: "10314", given: "20016" },
  { name: "LEARNER_PORT", value: "9001", given: "9001" },
  { name: "LEARNER_PORT", value: "9000x", given: "9000x" },
  { name: "PORTS", value: "9000", given: "9000" },
  { name: "REPORT", value: "9000", given: "9000" },
])("a process gets $given for $name=$value", ({ name, value, given }) => {
  strictEqual(PORTS.valueOf(name, value), given);
});

function podWithPorts(...ports: number[]) {
  const container = aContainer({ ports: ports.map((containerPort) => ({ containerPort })) });
  return aPod("pong", { spec: { containers: [container] } });
}

Deno.test("two allocators on one machine never give the same port", () => {
  const [one, other] = [new PortAllocator(), new PortAllocator()];
  try {
    const seen = new Set<number>();
    for (const allocator of [one, other]) {
      for (let count = 0; count < 40; count++) {
        for (const { hostPort, size } of allocator.allocate(podWithPorts(80)).blocks) {
          for (let at = 0; at < size; at++) seen.add(hostPort + at);
        }
      }
    }
    strictEqual(seen.size, 2 * 40 * 16);
  } finally {
    one.stop();
    other.stop();
  }
});

Deno.test("an allocator leaves out blocks in which somebody listens", () => {
  const busy = new Set<number>();
  const allocator = new PortAllocator({ isFree: (port) => !busy.has(port) });
  try {
    const first = allocator.allocate(podWithPorts(80)).hostPortOf(80);
    busy.add(first + 16 + 3);
    strictEqual(allocator.allocate(podWithPorts(80)).hostPortOf(80), first + 32);
  } finally {
    allocator.stop();
  }
});

Deno.test("an allocator uses again what came back, once there is nothing else", () => {
  // Room for one slab: 31 blocks.
  const first = freePort();
  const allocator = new PortAllocator({ first, end: first + 512, isFree: () => true });
  try {
    const oldest = allocator.allocate(podWithPorts(80));
    for (let count = 1; count < 31; count++) allocator.allocate(podWithPorts(80));
    throws(() => allocator.allocate(podWithPorts(80)), PortsExhaustedError);
    allocator.release(oldest);
    deepStrictEqual(allocator.allocate(podWithPorts(80)).blocks, oldest.blocks);
    throws(() => allocator.allocate(podWithPorts(80, 9000)), PortsExhaustedError);
  } finally {
    allocator.stop();
  }
});

Deno.test("pods keep the ports of the host that they ask for", () => {
  const allocator = new PortAllocator();
  try {
    const onHost = podWithPorts(80);
    if (onHost.spec !== undefined) onHost.spec.hostNetwork = true;
    strictEqual(allocator.allocate(onHost).hostPortOf(80), 80);
    const ports = [{ containerPort: 80, hostPort: 8088 }, { containerPort: 81 }];
    const pod = aPod("pong", { spec: { containers: [aContainer({ ports })] } });
    const given = allocator.allocate(pod);
    strictEqual(given.hostPortOf(80), 8088);
    notStrictEqual(given.hostPortOf(81), 81);
  } finally {
    allocator.stop();
  }
});

function freePort(): number {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  listener.close();
  return listener.addr.port;
}
