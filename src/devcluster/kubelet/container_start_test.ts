import { deepStrictEqual, rejects, strictEqual } from "node:assert/strict";
import type { Container } from "../../kube/mod.ts";
import { aContainer, aPod } from "../../../tests/support/builders.ts";
import { planProcess, type ProcessPlan } from "./container_start.ts";
import { PodPorts } from "./ports.ts";
import { ContainerRefusal } from "./refusal.ts";

const NOTHING = {
  configMap: () => Promise.resolve(undefined),
  secret: () => Promise.resolve(undefined),
  allocatable: new Map<string, number>(),
};
const BASE = {
  variables: { PATH: "/usr/bin:/bin", HOME: "/home/me" },
  programFolder: "/root/bin",
  pythonFolder: "/root/python",
};

async function planOf(container: Partial<Container>): Promise<ProcessPlan> {
  const folder = await Deno.makeTempDir();
  try {
    await Deno.mkdir(`${folder}/data/sub`, { recursive: true });
    const place = {
      folder,
      ports: new PodPorts([80], [{ containerPort: 80, hostPort: 20000, size: 16 }]),
      volumes: new Map([["my-data", `${folder}/data`]]),
    };
    const plan = await planProcess(aPod("pong"), aContainer(container), place, BASE, NOTHING);
    const text = JSON.stringify(plan).replaceAll(folder, "/pod");
    return JSON.parse(text);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("planProcess() makes variables, arguments and folder", async () => {
  const plan = await planOf({
    command: ["sh", "-c"],
    args: ["serve $(MY_PORT) $(NAME)"],
    workingDir: "/data/sub",
    env: [{ name: "MY_PORT", value: "80" }, { name: "NAME", value: "x" }, {
      name: "PYTHONPATH",
      value: "/mine",
    }],
    volumeMounts: [{ name: "my-data", mountPath: "/data" }],
  });
  deepStrictEqual({ ...plan, argv: plan.argv.slice(1) }, {
    argv: ["-c", "serve 80 x"],
    cwd: "/pod/data/sub",
    env: {
      PATH: "/root/bin:/usr/bin:/bin",
      HOME: "/home/me",
      HOSTNAME: "pong",
      VOLUME_MY_DATA: "/pod/data",
      MY_PORT: "20000",
      NAME: "x",
      PYTHONPATH: "/root/python:/mine",
    },
  });
  strictEqual(["/bin/sh", "/usr/bin/sh"].includes(plan.argv[0]), true, plan.argv[0]);
});

Deno.test("planProcess() runs in the pod's folder by default", async () => {
  const { argv, cwd } = await planOf({ command: ["/bin/sh"] });
  deepStrictEqual([argv, cwd], [["/bin/sh"], "/pod"]);
});

const REFUSED: readonly { what: string; container: Partial<Container>; error: ContainerRefusal }[] =
  [
    {
      what: "without a command",
      container: { args: ["x"] },
      error: new ContainerRefusal(
        "CreateContainerError",
        'container "di-container" has no command: images are not run on this node, its containers ' +
          'are processes of the host; set command (image "img" is ignored)',
      ),
    },
    {
      what: "whose program is not on PATH",
      container: { command: ["nonesuch"] },
      error: new ContainerRefusal(
        "StartError",
        'exec: "nonesuch": executable file not found in $PATH',
      ),
    },
    {
      what: "whose program is not where it says",
      container: { command: ["/nonesuch/x"] },
      error: new ContainerRefusal("StartError", 'exec: "/nonesuch/x": no such file or directory'),
    },
    {
      what: "whose program is no program",
      container: { command: ["/etc/passwd"] },
      error: new ContainerRefusal("StartError", 'exec: "/etc/passwd": permission denied'),
    },
    {
      what: "whose folder is not there",
      container: { command: ["sh"], workingDir: "/nonesuch" },
      error: new ContainerRefusal(
        "CreateContainerError",
        'workingDir "/nonesuch" is not a folder of this machine',
      ),
    },
  ];

Deno.test.each(REFUSED)("planProcess() refuses a container $what", async ({ container, error }) => {
  await rejects(planOf(container), error);
});
