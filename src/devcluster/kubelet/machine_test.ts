import { deepStrictEqual, ok } from "node:assert/strict";
import { readResources } from "./machine.ts";

Deno.test("readResources() gives what is claimed before what there is", async () => {
  const { "ephemeral-storage": disk = "", ...claimed } = await readResources(
    { cpus: 64, memoryBytes: 3 * 2 ** 39 + 1, gpus: 8 },
    "/",
  );
  deepStrictEqual(claimed, {
    cpu: "64",
    memory: "1536Gi",
    pods: "500",
    "nvidia.com/gpu": "8",
  });
  ok(/^\d+[KMGT]i$/.test(disk), disk);
});

Deno.test("readResources() gives what there is, and no GPUs", async () => {
  const { cpu, memory, ...rest } = await readResources({}, "/nonexistent");
  ok(Number(cpu) >= 1 && /^\d+[KMGT]i$/.test(memory ?? ""), `${cpu} ${memory}`);
  deepStrictEqual(rest, { pods: "500" });
});
