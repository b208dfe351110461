/** Asks, installs, and says what to do next. */
import { deploy, OWN_PARTS, type Part, undeploy } from "../install/mod.ts";
import { type ClusterConfig, KubeClient, loadClusterConfig } from "../kube/mod.ts";
import type { DeployFlags, InstallFlags, UndeployFlags } from "./install_commands.ts";
import { readManifests } from "./manifests.ts";
import { type CommandContext, CommandFailure, kubeEnvironment } from "./process.ts";

export async function runDeploy(flags: DeployFlags, context: CommandContext): Promise<void> {
  await withCluster(flags, async (client, where) => {
    const { print, signal } = context;
    const isDone = await deploy({
      client,
      parts: (await partsOf(flags)).map((part) => withImage(part, flags.image)),
      rolloutMs: flags.timeout * 1000,
      print,
      signal,
      confirm: ({ version, make, update }) => {
        print(`${where}, Kubernetes ${version}`);
        for (const title of make) print(`  create  ${title}`);
        for (const title of update) print(`  update  ${title}`);
        return confirmed(flags, "Deploy there?");
      },
    });
    if (!isDone) return print("Nothing was done.");
    print("Deployed. Next, a job:");
    print("  kubectl apply -f examples/di-mock-agconfig.yaml -f examples/di-mock-dijob.yaml");
    print("  kubectl get pod && kubectl logs -f dijob-example-1-coordinator");
  });
}

export async function runUndeploy(flags: UndeployFlags, context: CommandContext): Promise<void> {
  await withCluster(flags, async (client, where) => {
    const { print, signal } = context;
    const isDone = await undeploy({
      client,
      parts: await partsOf(flags),
      deleteJobs: flags.deleteJobs === true,
      print,
      signal,
      confirm: ({ remove, keep, jobs, configs }) => {
        print(where);
        for (const title of keep) print(`  keep    ${title}`);
        for (const title of remove) print(`  delete  ${title}`);
        if (jobs.length > 0) print(`  delete  ${jobs.length} DIJobs: ${jobs.join(", ")}`);
        if (configs.length > 0) {
          print(`  delete  ${configs.length} AggregatorConfigs: ${configs.join(", ")}`);
        }
        if (remove.length === 0) return Promise.resolve(false);
        return confirmed(flags, "Delete these?");
      },
    });
    print(isDone ? "Undeployed." : "Nothing was done.");
  });
}

async function withCluster(
  flags: InstallFlags,
  use: (client: KubeClient, where: string) => Promise<void>,
): Promise<void> {
  const config = loadClusterConfig(flags.kubeconfig, kubeEnvironment());
  const client = new KubeClient(config);
  try {
    await use(client, describe(config));
  } finally {
    client.close();
  }
}

function describe({ context, server }: ClusterConfig): string {
  return context === undefined ? `Cluster ${server}` : `Context ${context}: ${server}`;
}

async function partsOf({ file }: InstallFlags): Promise<readonly Part[]> {
  return file === undefined ? OWN_PARTS : await readManifests(file);
}

/** `part` with all containers of a Deployment on that image. */
function withImage(part: Part, image: string | undefined): Part {
  if (image === undefined || part.kind !== "Deployment") return part;
  const copy = structuredClone(part) as Part & {
    spec: { template: { spec: { containers: { image: string }[] } } };
  };
  for (const container of copy.spec.template.spec.containers) container.image = image;
  return copy;
}

function confirmed({ yes }: InstallFlags, question: string): Promise<boolean> {
  if (yes) return Promise.resolve(true);
  if (!Deno.stdin.isTerminal()) {
    throw new CommandFailure("There is no terminal to ask on: give --yes");
  }
  return Promise.resolve(confirm(question));
}
