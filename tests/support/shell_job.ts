/** A DIJob that needs nothing but a shell. */
import type { DIJob } from "../../src/api/mod.ts";

/** A job whose coordinator runs one line of shell, and ends as that does. */
export function shellJob(name: string, script: string, namespace = "default"): DIJob {
  const container = { name: "di-container", image: "none", command: ["/bin/sh", "-c", script] };
  return {
    apiVersion: "diengine.opendilab.org/v1alpha1",
    kind: "DIJob",
    metadata: { name, namespace },
    spec: {
      cleanPodPolicy: "Running",
      coordinator: { template: { spec: { containers: [container] } } },
    },
  };
}
