import { deepStrictEqual, match } from "node:assert/strict";
import type { Container, Probe } from "../../kube/mod.ts";
import { aContainer } from "../../../tests/support/builders.ts";
import { eventually } from "../../../tests/support/eventually.ts";
import { PodPorts } from "./ports.ts";
import { type ProbeChange, runPreStop, startProbes } from "./probes.ts";
import { Reaper } from "./reaper.ts";

/** Whatever the tests themselves were started with. */
const PATH = "/usr/bin:/bin";
/** As fast as can be; a real API server takes whole seconds only. */
const FAST = { periodSeconds: 0.01, timeoutSeconds: 2 };

interface Rig {
  readonly changes: readonly ProbeChange[];
  readonly failures: readonly string[];
  readonly folder: string;
}

/** Runs `use` while the probes of a container run. Container port 80 is where `answer` answers. */
async function withProbes(
  probes: Partial<Container>,
  use: (rig: Rig) => Promise<void>,
  answer: () => Response = () => new Response("ok"),
): Promise<void> {
  const folder = await Deno.makeTempDir();
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, answer);
  const reaper = new Reaper(PATH);
  const changes: ProbeChange[] = [];
  const failures: string[] = [];
  const running = startProbes({
    container: aContainer({ ports: [{ name: "http", containerPort: 80 }], ...probes }),
    plan: { argv: ["/bin/sh"], env: { PATH }, cwd: folder },
    ports: new PodPorts([80], [{ containerPort: 80, hostPort: server.addr.port, size: 1 }]),
    reaper,
    onChange: (change) => void changes.push(change),
    onFailure: (message) => void failures.push(message),
  });
  try {
    await use({ changes, failures, folder });
  } finally {
    await running.stop();
    await reaper.stop();
    await server.shutdown();
    await Deno.remove(folder, { recursive: true });
  }
}

const EXEC = { exec: { command: ["sh", "-c", "test -f ready || { echo not yet; exit 1; }"] } };

Deno.test("a readiness probe tells when it changes its mind, after enough tries", () =>
  withProbes({ readinessProbe: { ...EXEC, ...FAST } }, async (rig) => {
    await eventually("it to be found unready", () => rig.changes.length === 1);
    deepStrictEqual(rig.failures.slice(0, 3), Array(3).fill("Readiness probe failed: not yet\n"));
    await Deno.writeTextFile(`${rig.folder}/ready`, "");
    await eventually("it to be found ready", () => rig.changes.length === 2);
    await Deno.remove(`${rig.folder}/ready`);
    await eventually("it to be found unready again", () => rig.changes.length === 3);
    deepStrictEqual(rig.changes, [{ ready: false }, { ready: true }, { ready: false }]);
  }));

Deno.test("a startup probe holds the others back", () =>
  withProbes({
    startupProbe: { tcpSocket: { port: "http" }, ...FAST },
    readinessProbe: { httpGet: { port: "http", path: "x" }, ...FAST },
  }, async ({ changes }) => {
    await eventually("both to pass", () => changes.length === 2);
    deepStrictEqual(changes, [{ started: true }, { ready: true }]);
  }));

Deno.test.each([
  { kind: "startup probe", probes: { startupProbe: { ...EXEC, ...FAST, failureThreshold: 2 } } },
  { kind: "liveness probe", probes: { livenessProbe: { ...EXEC, ...FAST, failureThreshold: 2 } } },
])(
  "a $kind that fails too often gives the container up",
  ({ kind, probes }) =>
    withProbes(probes, async ({ changes }) => {
      await eventually("the verdict", () => changes.length === 1);
      deepStrictEqual(changes, [{ unhealthy: kind }]);
    }),
);

const FAILURES: readonly { what: string; probe: Probe; message: RegExp }[] = [
  {
    what: "an HTTP status",
    probe: { httpGet: { port: 80, path: "/x" } },
    message: /^Readiness probe failed: HTTP probe failed with statuscode: 503$/,
  },
  {
    what: "a port that nobody listens on",
    probe: { tcpSocket: { port: 1 } },
    message: /^Readiness probe failed: dial tcp 127\.0\.0\.1:1: /,
  },
  {
    what: "a command that takes too long",
    probe: { exec: { command: ["sh", "-c", "while :; do :; done"] }, timeoutSeconds: 0.05 },
    message: /^Readiness probe failed: command timed out: /,
  },
  {
    what: "a command that is not there",
    probe: { exec: { command: ["nonesuch"] } },
    message: /^Readiness probe failed: exec: "nonesuch": executable file not found in \$PATH$/,
  },
];

Deno.test.each(FAILURES)(
  "a probe says what was wrong: $what",
  ({ probe, message }) =>
    withProbes({ readinessProbe: { ...FAST, ...probe } }, async ({ failures }) => {
      await eventually("a failure", () => failures.length > 0);
      match(failures[0] ?? "", message);
    }, () => new Response(null, { status: 503 })),
);

Deno.test("runPreStop() waits for its command", async () => {
  const folder = await Deno.makeTempDir();
  const reaper = new Reaper(PATH);
  try {
    await runPreStop({
      container: aContainer({
        lifecycle: { preStop: { exec: { command: ["touch", "stopped"] } } },
      }),
      plan: { argv: ["/bin/sh"], env: { PATH }, cwd: folder },
      ports: new PodPorts([], []),
      reaper,
      limitMs: 5000,
      signal: new AbortController().signal,
    });
    deepStrictEqual([...Deno.readDirSync(folder)].map(({ name }) => name), ["stopped"]);
  } finally {
    await reaper.stop();
    await Deno.remove(folder, { recursive: true });
  }
});
