/** Pods with kubectl: logs, commands in them, files, Events; and what a node of processes does not have. */
import { deepStrictEqual, match, strictEqual } from "node:assert/strict";
import { RESTART_TIMING } from "../../src/devcluster/kubelet/mod.ts";
import { eventually } from "../support/eventually.ts";
import { cellsOf, type KubectlSession, linesOf, testSession } from "../support/kubectl_session.ts";
import { startNode } from "../support/story.ts";
import { useTestCluster } from "../support/test_cluster.ts";

const cluster = useTestCluster();
/** A crash is over soon; ten seconds of a real kubelet. */
const TIMING = { ...RESTART_TIMING, initialMs: 100, maxMs: 200 };

interface ContainerText {
  readonly name: string;
  readonly script: string;
}

/** A pod of shell scripts that ends within a second of being told to. */
function podText(name: string, containers: readonly ContainerText[], restartPolicy = "Always") {
  return JSON.stringify({
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name, labels: { app: "logs" } },
    spec: {
      restartPolicy,
      terminationGracePeriodSeconds: 1,
      containers: containers.map((one) => ({
        name: one.name,
        image: "none",
        command: ["sh", "-c", one.script],
        env: [{ name: "COLOR", value: "red" }],
      })),
    },
  });
}

/** Runs a session with a node of its own, named after the session's namespace. */
function testOnNode(
  name: string,
  fn: (session: KubectlSession, t: Deno.TestContext) => Promise<void>,
): void {
  testSession(name, cluster, async (session, t) => {
    const options = { restartTiming: TIMING };
    const node = await startNode(cluster(), session.namespace, "127.0.0.1:1", options);
    try {
      await fn(session, t);
      await session.ok("delete", "pods", "--all");
    } finally {
      await node.stop();
    }
  });
}

testOnNode("kubectl logs shows what containers said", async (session, t) => {
  const logs = (...args: string[]) => session.ok("logs", ...args);
  const two = [
    { name: "first", script: "echo one; echo two; echo three >&2; exec sleep 1000" },
    { name: "second", script: "echo other; exec sleep 1000" },
  ];
  await session.okWith(podText("two", two), "create", "-f", "-");
  await session.ok("wait", "--for=condition=Ready", "pod/two", "--timeout=30s");

  await t.step("of a container, in parts", async () => {
    await eventually("its words", async () => {
      return await logs("two", "-c", "first") === "one\ntwo\nthree\n";
    });
    strictEqual(await logs("two", "-c", "first", "--tail=1"), "three\n");
    strictEqual(await logs("two", "-c", "second", "--since=1h"), "other\n");
    const later = new Date(Date.now() + 3_600_000).toISOString();
    strictEqual(await logs("two", "-c", "second", `--since-time=${later}`), "");
    strictEqual(await logs("two", "-c", "first", "--limit-bytes=5"), "one\nt");
    match(
      await logs("two", "-c", "second", "--timestamps"),
      /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z other\n$/,
    );
    const chosen = await session.run("logs", "two");
    deepStrictEqual(chosen, {
      code: 0,
      stdout: "one\ntwo\nthree\n",
      stderr: 'Defaulted container "first" out of: first, second\n',
    });
  });

  await t.step("of several at once", async () => {
    deepStrictEqual(linesOf(await logs("two", "--all-containers", "--prefix")), [
      "[pod/two/first] one",
      "[pod/two/first] three",
      "[pod/two/first] two",
      "[pod/two/second] other",
    ]);
    strictEqual(await logs("-l", "app=logs", "-c", "second"), "other\n");
  });

  await t.step("of a run that is over, and of the one before", async () => {
    const script = `if [ -e was ]; then echo again; exec sleep 1000; fi; touch was; echo once`;
    await session.okWith(podText("twice", [{ name: "main", script }]), "create", "-f", "-");
    await eventually("the second run", async () => await logs("twice") === "again\n");
    strictEqual(await logs("twice", "--previous"), "once\n");
    match(
      await session.refusal("logs", "two", "-c", "first", "--previous"),
      /previous terminated container "first" in pod "two" not found/,
    );
  });

  await t.step("as they come, to the end", async () => {
    const script = "echo begin; until [ -e go ]; do sleep 0.05; done; echo end";
    const pod = podText("slow", [{ name: "main", script }], "Never");
    await session.okWith(pod, "create", "-f", "-");
    await session.ok("wait", "--for=condition=Ready", "pod/slow", "--timeout=30s");
    const follower = session.start("logs", "-f", "slow");
    await eventually("the beginning", () => follower.stdout() === "begin\n");
    await session.ok("exec", "slow", "--", "touch", "go");
    deepStrictEqual([await follower.ended, follower.stdout()], [0, "begin\nend\n"]);
    strictEqual(
      await session.ok("wait", "--for=jsonpath={.status.phase}=Succeeded", "pod/slow"),
      "pod/slow condition met\n",
    );
  });

  await t.step("not of what is not there", async () => {
    strictEqual(
      await session.refusal("logs", "two", "-c", "third"),
      "error: container third is not valid for pod two\n",
    );
    match(await session.refusal("logs", "none"), /pods "none" not found/);
  });
});

testOnNode("kubectl exec runs commands beside a container", async (session, t) => {
  const main = { name: "main", script: "exec sleep 1000" };
  const side = { name: "side", script: "exec sleep 1000" };
  await session.okWith(podText("pod", [main, side]), "create", "-f", "-");
  await session.okWith(
    podText("over", [{ ...main, script: "exit 0" }], "Never"),
    "create",
    "-f",
    "-",
  );
  await session.ok("wait", "--for=condition=Ready", "pod/pod", "--timeout=30s");
  const exec = (...command: string[]) => session.run("exec", "pod", "-c", "main", "--", ...command);

  await t.step("its streams, its exit code, its place", async () => {
    deepStrictEqual(await exec("sh", "-c", "echo out; echo err >&2; exit 3"), {
      code: 3,
      stdout: "out\n",
      stderr: "err\ncommand terminated with exit code 3\n",
    });
    deepStrictEqual(await exec("sh", "-c", "kill -9 $$"), {
      code: 137,
      stdout: "",
      stderr: "command terminated with exit code 137\n",
    });
    strictEqual((await exec("printenv", "COLOR", "HOSTNAME")).stdout, "red\npod\n");
    strictEqual((await exec("cat")).stdout, "");
    strictEqual((await session.run("exec", "pod", "--", "true")).code, 0);
  });

  await t.step("its input", async () => {
    const counted = ["exec", "-i", "pod", "-c", "main", "--", "sh", "-c", "wc -c; echo end"];
    const text = await session.okWith("x".repeat(1_000_000), ...counted);
    deepStrictEqual(linesOf(text), ["1000000", "end"]);
  });

  await t.step("files, both ways", async () => {
    const [here, there, back] = [session.path("here"), "pod:there", session.path("back")];
    const bytes = crypto.getRandomValues(new Uint8Array(60_000));
    await Deno.writeFile(here, bytes);
    await session.ok("cp", here, there, "-c", "main");
    await session.ok("cp", there, back, "-c", "main");
    deepStrictEqual(await Deno.readFile(back), bytes);
  });

  await t.step("a command ends when its client does", async () => {
    const client = session.start(
      ...["exec", "pod", "-c", "main", "--", "sh", "-c", "echo $$; exec sleep 1000"],
    );
    const pid = await eventually("its pid", () => client.stdout().trim());
    const isAlive = async () => (await exec("kill", "-0", pid)).code === 0;
    strictEqual(await isAlive(), true);
    client.kill("SIGKILL");
    await eventually("its end", async () => !await isAlive());
  });

  await t.step("what cannot be run", async () => {
    strictEqual(
      (await exec("no-such-program")).stderr,
      "error: Internal error occurred: error executing command in container: " +
        'exec: "no-such-program": executable file not found in $PATH\n',
    );
    const refused = (...args: string[]) => session.refusal("exec", ...args, "--", "true");
    strictEqual(
      await refused("pod", "-c", "none"),
      "Error from server (BadRequest): container none is not valid for pod pod\n",
    );
    strictEqual(await refused("none"), 'Error from server (NotFound): pods "none" not found\n');
    await session.ok("wait", "--for=jsonpath={.status.phase}=Succeeded", "pod/over");
    strictEqual(
      await refused("over"),
      "error: cannot exec into a container in a completed pod; current phase is Succeeded\n",
    );
  });

  await t.step("attach and port-forward say that they are not there", async () => {
    match(
      await session.refusal("attach", "pod", "-c", "main"),
      /^Error from server \(BadRequest\): this node cannot attach to a process: use logs -f, or exec$/m,
    );
    match(
      await session.refusal("port-forward", "pod", "8080"),
      /^error: error upgrading connection: this node forwards no ports: its pods listen on/m,
    );
  });
});

testOnNode("kubectl shows a pod's life", async (session, t) => {
  const { namespace } = session;
  await t.step("events, as they come", async () => {
    const watch = session.start("events", "-w");
    const main = { name: "main", script: "exec sleep 1000" };
    await session.okWith(podText("pod", [main]), "create", "-f", "-");
    await session.okWith(podText("more", [main]), "create", "-f", "-");
    await session.ok("wait", "--for=condition=Ready", "pod", "--all", "--timeout=30s");
    await eventually("the start", () => {
      return / Normal +Started +Pod\/pod +Container started$/m.test(watch.stdout());
    });
    await eventually("the written Event", async () => {
      const events = cellsOf(await session.ok("events", "--for=pod/pod"));
      const seen = events.map((cells) => cells.slice(1, 4).join(" ")).sort();
      deepStrictEqual(seen, [
        "Normal Created Pod/pod",
        "Normal Pulled Pod/pod",
        "Normal Scheduled Pod/pod",
        "Normal Started Pod/pod",
        "TYPE REASON OBJECT",
      ]);
      return true;
    });
  });

  await t.step("describe of the pod and of its node", async () => {
    const pod = await session.ok("describe", "pod", "pod");
    match(pod, new RegExp(`^Node: +${namespace}/127\\.0\\.0\\.1$`, "m"));
    match(pod, /^ {4}State: +Running\n {6}Started: /m);
    match(pod, /^ {2}Normal +Started +\S+ .*kubelet +Container started$/m);
    const node = await session.ok("describe", "node", namespace);
    match(node, /^ {2}Ready +True .*KubeletReady +processes can be run$/m);
    match(node, /^ +Container Runtime Version: +process:\/\/1$/m);
    match(node, new RegExp(`^ {2}${namespace} +pod +0 \\(0%\\) `, "m"));
    strictEqual(
      await session.ok("get", "node", namespace, "-o", "jsonpath={.status.declaredFeatures}"),
      '["ExtendWebSocketsToKubelet"]',
    );
    match(
      await session.ok("get", "node", namespace, "-o", "wide"),
      new RegExp(`^${namespace} +Ready +<none> .* 127\\.0\\.0\\.1 `, "m"),
    );
  });

  await t.step("get -w to its deletion", async () => {
    const watch = session.start("get", "pod", "pod", "-w");
    await eventually("the first row", () => /^pod +1\/1 +Running +0 /m.test(watch.stdout()));
    strictEqual(await session.ok("delete", "pod", "pod"), 'pod "pod" deleted\n');
    await eventually("the last rows", () => /^pod +1\/1 +Terminating /m.test(watch.stdout()));
    match(await session.refusal("get", "pod", "pod"), /pods "pod" not found/);
  });

  await t.step("delete at once", async () => {
    const { stdout } = await session.run("delete", "pod", "more", "--grace-period=0", "--force");
    strictEqual(stdout, 'pod "more" force deleted\n');
    match(await session.refusal("get", "pod", "more"), /pods "more" not found/);
  });
});
