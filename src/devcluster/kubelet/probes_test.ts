import { deepStrictEqual, match } from "node:assert/strict";
import http2 from "node:http2";
import type { Container, Probe } from "../../kube/mod.ts";
import { aContainer } from "../../../tests/support/builders.ts";
import { eventually } from "../../../tests/support/eventually.ts";
import { PodPorts } from "./ports.ts";
import { runHook } from "./hooks.ts";
import { checkHealth } from "./probe_grpc.ts";
import { type ProbeChange, startProbes } from "./probes.ts";
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
  answer: (request: Request) => Response = () => new Response("ok"),
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

const DEADLY = { ...EXEC, ...FAST, failureThreshold: 2, terminationGracePeriodSeconds: 7 };

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
  { kind: "startup probe", probes: { startupProbe: DEADLY } },
  { kind: "liveness probe", probes: { livenessProbe: DEADLY } },
])(
  "a $kind that fails too often gives the container up",
  ({ kind, probes }) =>
    withProbes(probes, async ({ changes }) => {
      await eventually("the verdict", () => changes.length === 1);
      deepStrictEqual(changes, [{ unhealthy: { cause: kind, graceMs: 7000 } }]);
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
    message: /^Readiness probe failed: dial tcp 127\.0\.0\.1:1: connect: connection refused$/,
  },
  {
    what: "an HTTP port that nobody listens on",
    probe: { httpGet: { port: 1, path: "/x" } },
    message:
      /^Readiness probe failed: Get "http:\/\/127\.0\.0\.1:1\/x": dial tcp 127\.0\.0\.1:1: connect: connection refused$/,
  },
  {
    what: "a gRPC port that nobody listens on",
    probe: { grpc: { port: 1 } },
    message: /^Readiness probe failed: failed to connect service "127\.0\.0\.1:1": /,
  },
  {
    what: "a command that takes too long",
    probe: { exec: { command: ["sh", "-c", "while :; do :; done"] }, timeoutSeconds: 0.05 },
    message:
      /^Readiness probe failed: command timed out: "sh -c while :; do :; done" timed out after 0\.05s$/,
  },
  {
    what: "a command that is not there",
    probe: { exec: { command: ["nonesuch"] } },
    message:
      /^Readiness probe errored and resulted in unknown state: exec: "nonesuch": executable file not found in \$PATH$/,
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

Deno.test("a liveness probe that cannot be tried says nothing of the container", () =>
  withProbes({ livenessProbe: { ...FAST, exec: { command: ["nonesuch"] } } }, async (rig) => {
    await eventually("more failures than are forgiven", () => rig.failures.length > 5);
    deepStrictEqual(rig.changes, []);
  }));

const REDIRECTS: readonly { where: string; to: string; ready: boolean }[] = [
  { where: "on its own host", to: "/gone", ready: false },
  { where: "to another host", to: "http://nowhere.invalid/", ready: true },
];

Deno.test.each(REDIRECTS)(
  "an HTTP probe that is sent $where finds the container ready: $ready",
  ({ to, ready }) =>
    withProbes({ readinessProbe: { ...FAST, httpGet: { port: "http" } } }, async ({ changes }) => {
      await eventually("the verdict", () => changes.length === 1);
      deepStrictEqual(changes, [{ ready }]);
    }, ({ url }) => {
      const isFirst = new URL(url).pathname === "/";
      return isFirst
        ? new Response(null, { status: 302, headers: { location: to } })
        : new Response(null, { status: 404 });
    }),
);

Deno.test("an HTTP probe sends its own headers, straight to the container", () => {
  const seen: (string | null)[] = [];
  const httpHeaders = [{ name: "Host", value: "shop" }, { name: "X-Who", value: "me" }];
  return withProbes(
    { readinessProbe: { ...FAST, httpGet: { port: 80, httpHeaders } } },
    async ({ changes }) => {
      await eventually("the verdict", () => changes.length === 1);
      deepStrictEqual(seen.slice(0, 3), ["shop", "me", "kube-probe/1.36"]);
    },
    ({ headers }) => {
      seen.push(...["host", "x-who", "user-agent"].map((name) => headers.get(name)));
      return new Response();
    },
  );
});

/** Runs a hook of a container in a folder of its own, and gives what it left there. */
async function runHookIn(command: readonly string[], limitMs: number) {
  const folder = await Deno.makeTempDir();
  const reaper = new Reaper(PATH);
  const target = {
    container: aContainer({ name: "main" }),
    plan: { argv: ["/bin/sh"], env: { PATH }, cwd: folder } as const,
    ports: new PodPorts([], []),
    reaper,
  };
  try {
    const signal = AbortSignal.timeout(limitMs);
    const failure = await runHook({ exec: { command: [...command] } }, "p_ns(u)", target, signal);
    return { failure, files: [...Deno.readDirSync(folder)].map(({ name }) => name) };
  } finally {
    await reaper.stop();
    await Deno.remove(folder, { recursive: true });
  }
}

const HOOKS: readonly { what: string; script: string; failure: string | undefined }[] = [
  { what: "ends well", script: "touch done", failure: undefined },
  {
    what: "fails",
    script: "touch done; echo no; exit 3",
    failure: 'Exec lifecycle hook ([sh -c touch done; echo no; exit 3]) for Container "main" in ' +
      "Pod \"p_ns(u)\" failed - error: command 'sh -c touch done; echo no; exit 3' exited with 3: , " +
      'message: "no\\n"',
  },
];

Deno.test.each(HOOKS)("runHook() waits for a command that $what", async ({ script, failure }) => {
  const result = await runHookIn(["sh", "-c", script], 5000);
  deepStrictEqual(result, { failure, files: ["done"] });
});

Deno.test("runHook() ends a command that takes too long", async () => {
  const { failure } = await runHookIn(["sh", "-c", "while :; do :; done"], 50);
  match(failure ?? "", /exited with 137/);
});

const HEALTH: readonly { what: string; body: number[]; status: string; ready: boolean }[] = [
  { what: "serves", body: [0, 0, 0, 0, 2, 0x08, 1], status: "0", ready: true },
  { what: "does not serve", body: [0, 0, 0, 0, 2, 0x08, 2], status: "0", ready: false },
  { what: "has no such method", body: [], status: "12", ready: false },
  { what: "does not encode what it says", body: [], status: "2", ready: false },
];

Deno.test.each(HEALTH)("a gRPC probe of a server that $what gives $ready", async (row) => {
  const asked: string[] = [];
  const server = http2.createServer();
  server.on("stream", (stream, headers) => {
    asked.push(`${headers[":method"]} ${headers[":path"]}`);
    stream.resume();
    stream.on("end", () => {
      stream.respond({ ":status": 200, "content-type": "application/grpc" }, {
        waitForTrailers: true,
      });
      const trailers = { "grpc-status": row.status, "grpc-message": "100% of it" };
      stream.on("wantTrailers", () => stream.sendTrailers(trailers));
      stream.end(Uint8Array.from(row.body));
    });
  });
  const port = await new Promise<number>((resolve) =>
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      resolve(typeof address === "object" ? address?.port ?? 0 : 0);
    })
  );
  const failure = await checkHealth(`127.0.0.1:${port}`, "", AbortSignal.timeout(5000));
  await new Promise((resolve) => server.close(resolve));
  deepStrictEqual([failure === undefined, asked], [
    row.ready,
    ["POST /grpc.health.v1.Health/Check"],
  ]);
});
