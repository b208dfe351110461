// deno-lint-ignore-file no-console
/**
 * The installation on real pods: `deno task test:pods`. Takes a cluster and a way to bring an image there:
 *
 * - `KUBECONFIG`: the cluster; nothing of this project may be in it.
 * - `IMAGE_LOAD`: a command that is called with an image's name, its root folder, and its entrypoint as JSON.
 */
import { match, ok, strictEqual } from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { eventually } from "../support/eventually.ts";
import { run } from "../support/run_program.ts";
import { buildImageRoot } from "./image_root.ts";

const TOP = fileURLToPath(new URL("../../", import.meta.url));
const JOB = "dijob-example-1";
const WAIT = { timeoutMs: 180_000, intervalMs: 500 };

const kubeconfig = Deno.env.get("KUBECONFIG");
const imageLoad = Deno.env.get("IMAGE_LOAD");
if (!kubeconfig || !imageLoad) {
  console.error("Set KUBECONFIG, and IMAGE_LOAD to a command: see docs/developer-guide.md");
  Deno.exit(2);
}

/** What a command printed; the run ends with what it said when it fails. */
async function must(...words: string[]): Promise<string> {
  const { code, stdout, stderr } = await run(words, { cwd: TOP });
  if (code === 0) return stdout.trim();
  throw new Error(`${words.join(" ")} ended with ${code}\n${stdout}\n${stderr}`);
}
const kubectl = (...words: string[]) => must("kubectl", ...words);

let steps = 0;
function step(text: string): void {
  console.log(`${String(++steps).padStart(2)}. ${text}`);
}

/** The image that the manifests name. */
async function imageOfManifests(): Promise<string> {
  const text = await Deno.readTextFile(`${TOP}deploy/di-manager.yaml`);
  const [, image = ""] = /image: (\S+)/.exec(text) ?? [];
  return image;
}

async function phase(): Promise<string> {
  return await kubectl("get", "dijob", JOB, "-o", "jsonpath={.status.phase}");
}

async function story(): Promise<void> {
  await kubectl(
    "apply",
    "-f",
    "examples/di-mock-agconfig.yaml",
    "-f",
    "examples/di-mock-dijob.yaml",
  );
  step("the README's job is submitted");
  await eventually("the job to run", async () => await phase() === "Running", WAIT);
  await eventually("its replicas", async () => {
    const pods = await kubectl("get", "pod", "-o", "name", "-l", `dijob-name=${JOB}`);
    return pods.split("\n").length >= 5;
  }, WAIT);
  console.log(indent(await kubectl("get", "pod")));

  const [copy = ""] = (await kubectl(
    ...["get", "pod", "-n", "di-system", "-l", "control-plane=di-server", "-o", "name"],
  )).split("\n");
  await kubectl("delete", "-n", "di-system", copy, "--wait=false");
  step(`one copy of the server is deleted: ${copy}`);

  await eventually("the job's end", async () => /Succeeded|Failed/.test(await phase()), WAIT);
  const log = await kubectl("logs", `${JOB}-coordinator`);
  console.log(indent(log.split("\n").slice(-4).join("\n")));
  strictEqual(await phase(), "Succeeded", log);
  step("the job has succeeded");
  await eventually("the clean-up", async () => {
    const pods = await kubectl("get", "pod", "-o", "name", "-l", `dijob-name=${JOB}`);
    return pods === `pod/${JOB}-coordinator`;
  }, WAIT);
  console.log(indent(await kubectl("get", "dijob,pod")));
  await kubectl("delete", "dijob", JOB);
  await eventually("the end of its pods", async () => {
    return await kubectl("get", "pod", "-o", "name", "-l", `dijob-name=${JOB}`) === "";
  }, WAIT);
  step("the job is deleted, and nothing of it is left");
}

/** A stranger in the cluster is refused: the manifests say --caller-check=enforce. */
async function refusal(): Promise<void> {
  const image = await imageOfManifests();
  const { code, stdout, stderr } = await run([
    ...["kubectl", "run", "stranger", "--rm", "-i", "--restart=Never", `--image=${image}`],
    ...["--image-pull-policy=IfNotPresent", "--labels=group-name=diengine.opendilab.org"],
    ...["--command", "--", "di-orchestrator", "replicas", "list", "-A"],
    "--server=di-server.di-system:8080",
  ], { cwd: TOP });
  const said = `${stdout}\n${stderr}`;
  ok(code !== 0, said);
  match(said, /not allowed/);
  step(
    `a stranger's list is refused: ${
      said.split("\n").find((line) => line.includes("not allowed"))
    }`,
  );
}

function indent(text: string): string {
  return text.split("\n").map((line) => `      ${line}`).join("\n");
}

const startedAt = performance.now();
const image = await imageOfManifests();
const root = await buildImageRoot(TOP);
step(`the image's files are made: ${root.folder.replace(TOP, "")}`);
const load = imageLoad.split(/\s+/);
await must(...load, image, root.folder, JSON.stringify(root.entrypoint));
step(`${image} is loaded`);
console.log(indent(await must(Deno.execPath(), "task", "--quiet", "deploy", "--yes")));
step("deploy has ended");
console.log(indent(await kubectl("get", "pod", "-n", "di-system")));
try {
  await story();
  await refusal();
} finally {
  const log = await run(["kubectl", "logs", "-n", "di-system", "-l", "control-plane=di-operator"]);
  await Deno.writeTextFile(`${TOP}dist/operator.log`, log.stdout);
  const server = await run(["kubectl", "logs", "-n", "di-system", "-l", "control-plane=di-server"]);
  await Deno.writeTextFile(`${TOP}dist/server.log`, server.stdout);
}
await must(Deno.execPath(), "task", "--quiet", "undeploy", "--yes", "--delete-jobs");
step("undeploy has taken everything back");
console.log(`passed in ${((performance.now() - startedAt) / 1000).toFixed(0)} s`);
