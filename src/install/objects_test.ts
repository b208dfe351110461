import { rejects } from "node:assert/strict";
import { MemoryApi, MemoryClient } from "../../tests/support/memory_api.ts";
import { placeParts } from "./objects.ts";

const SERVES = { resources: [{ name: "configmaps", kind: "ConfigMap", namespaced: true }] };

Deno.test("placeParts() refuses a part that needs a namespace and names none", async () => {
  const client = new MemoryClient(new MemoryApi(), () => SERVES);
  const part = { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "settings" } };
  await rejects(placeParts(client, [part], new AbortController().signal), {
    name: "InstallError",
    message: "ConfigMap settings names no namespace",
  });
});
