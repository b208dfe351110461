import { deepStrictEqual, match, strictEqual } from "node:assert/strict";
import { loggerOf } from "../../lib/logger.ts";
import { eventually } from "../../../tests/support/eventually.ts";
import { makeCertificate } from "../certificate.ts";
import { startEndpoint } from "./endpoint.ts";
import { execRoute } from "./exec_endpoint.ts";
import { Reaper } from "./reaper.ts";

const PATH = "/usr/bin:/bin";
const V4 = "v4.channel.k8s.io";
const V5 = "v5.channel.k8s.io";

interface Bench {
  /** Opens a WebSocket on the container `main` of `rl/pong`. */
  open(query: string, protocol?: string): ExecClient;
  get(path: string, method?: string): Promise<Response>;
  /** The container ends. */
  end(): void;
}

/** What one command said, by channel. */
interface Said {
  readonly stdout: string;
  readonly stderr: string;
  /** Parsed; undefined when none came. */
  readonly status: unknown;
}

class ExecClient {
  readonly #socket: WebSocket;
  /** By channel. */
  readonly #text = new Map<number, string>();
  readonly #opened = Promise.withResolvers<void>();
  readonly #closed = Promise.withResolvers<void>();

  constructor(url: string, protocol: string, client: Deno.HttpClient) {
    this.#socket = new WebSocket(url, { protocols: [protocol], client });
    this.#socket.binaryType = "arraybuffer";
    this.#socket.onopen = () => this.#opened.resolve();
    this.#socket.onmessage = ({ data }) => {
      const bytes = new Uint8Array(data);
      const channel = bytes[0] ?? 0;
      this.#text.set(channel, this.#said(channel) + new TextDecoder().decode(bytes.subarray(1)));
    };
    this.#socket.onclose = () => this.#closed.resolve();
  }

  async send(channel: number, text: string): Promise<void> {
    await this.#opened.promise;
    this.#socket.send(Uint8Array.of(channel, ...new TextEncoder().encode(text)));
  }

  async endInput(): Promise<void> {
    await this.#opened.promise;
    this.#socket.send(Uint8Array.of(255, 0));
  }

  get stdout(): string {
    return this.#said(1);
  }

  /** Resolves at the end of the connection. */
  async said(): Promise<Said> {
    await this.#closed.promise;
    const status = this.#said(3);
    return {
      stdout: this.#said(1),
      stderr: this.#said(2),
      status: status === "" ? undefined : JSON.parse(status),
    };
  }

  #said(channel: number): string {
    return this.#text.get(channel) ?? "";
  }

  /** Goes away. */
  async leave(): Promise<void> {
    this.#socket.close();
    await this.#closed.promise;
  }
}

async function withExec(use: (bench: Bench) => Promise<void>): Promise<void> {
  const certificate = await makeCertificate("laptop", ["laptop"]);
  const reaper = new Reaper(PATH);
  const ended = new AbortController();
  const plan = { argv: ["/bin/true"] as const, env: { PATH, COLOR: "red" }, cwd: "/tmp" };
  const endpoint = await startEndpoint({
    certificate,
    access: { kind: "anyone" },
    routes: {
      exec: execRoute(
        ({ pod, container }) =>
          pod !== "pong"
            ? { kind: "noPod" }
            : container !== "main"
            ? { kind: "notRunning" }
            : { kind: "running", place: { plan, ended: ended.signal } },
        reaper,
      ),
    },
    log: loggerOf("test"),
  });
  const client = Deno.createHttpClient({ caCerts: [certificate.caPem] });
  const authority = `127.0.0.1:${endpoint.port}`;
  try {
    await use({
      open: (query, protocol = V5) =>
        new ExecClient(`wss://${authority}/exec/rl/pong/main?${query}`, protocol, client),
      get: (path, method = "GET") => fetch(`https://${authority}${path}`, { client, method }),
      end: () => ended.abort(),
    });
  } finally {
    client.close();
    await endpoint.stop();
    await reaper.stop();
  }
}

function commandQuery(script: string, streams = "output=1&error=1"): string {
  const words = ["sh", "-c", script].map((word) => `command=${encodeURIComponent(word)}`);
  return [...words, streams].join("&");
}

const SUCCESS = { metadata: {}, status: "Success" };
function exited(code: number) {
  return {
    metadata: {},
    status: "Failure",
    message: `command terminated with non-zero exit code: exit status ${code}`,
    reason: "NonZeroExitCode",
    details: { causes: [{ reason: "ExitCode", message: String(code) }] },
  };
}

Deno.test.each([
  {
    what: "keeps its streams apart",
    script: "echo out; echo err >&2",
    said: { stdout: "out\n", stderr: "err\n", status: SUCCESS },
  },
  { what: "passes its exit code on", script: "exit 3", said: quiet(exited(3)) },
  { what: "tells of a signal", script: "kill -9 $$", said: quiet(exited(137)) },
  {
    what: "has the container's variables and folder",
    script: 'echo "$COLOR $(pwd)"',
    said: { stdout: "red /tmp\n", stderr: "", status: SUCCESS },
  },
  { what: "has no input", script: "cat", said: quiet(SUCCESS) },
])("a command $what", ({ script, said }) =>
  withExec(async ({ open }) => {
    for (const protocol of [V5, V4]) {
      deepStrictEqual(await open(commandQuery(script), protocol).said(), said);
    }
  }));

function quiet(status: unknown): Said {
  return { stdout: "", stderr: "", status };
}

Deno.test("a command gets the client's input, and its end", () =>
  withExec(async ({ open }) => {
    const client = open(commandQuery("cat; echo end", "input=1&output=1"));
    await client.send(0, "one\n");
    await client.send(0, "two\n");
    await client.endInput();
    deepStrictEqual(await client.said(), {
      stdout: "one\ntwo\nend\n",
      stderr: "",
      status: SUCCESS,
    });
  }));

Deno.test("output that is more than a pipe holds arrives whole", () =>
  withExec(async ({ open }) => {
    const client = open(commandQuery("head -c 3000000 /dev/zero | tr '\\0' x", "output=1"));
    const { stdout, status } = await client.said();
    deepStrictEqual([stdout.length, status], [3_000_000, SUCCESS]);
  }));

Deno.test("a command that cannot be started says why", () =>
  withExec(async ({ open }) => {
    deepStrictEqual(
      await open("command=nosuch&output=1").said(),
      quiet({
        metadata: {},
        status: "Failure",
        message: "Internal error occurred: error executing command in container: " +
          'exec: "nosuch": executable file not found in $PATH',
        reason: "InternalError",
        code: 500,
      }),
    );
  }));

function isAlive(pid: string): boolean {
  try {
    return !Deno.readTextFileSync(`/proc/${pid}/stat`).includes(") Z ");
  } catch {
    return false;
  }
}

Deno.test.each(
  [
    { when: "the client goes away", how: "leave" },
    { when: "the container ends", how: "end" },
  ] as const,
)("a command ends when $when", ({ how }) =>
  withExec(async ({ open, end }) => {
    const client = open(commandQuery("echo $$; sleep 1000 & wait"));
    const pid = await eventually("the command's pid", () => client.stdout.trim());
    strictEqual(isAlive(pid), true);
    if (how === "leave") await client.leave();
    else {
      end();
      deepStrictEqual((await client.said()).status, exited(137));
    }
    await eventually("the command's end", () => !isAlive(pid));
  }));

Deno.test("a command ends with the endpoint", async () => {
  let pid = "";
  await withExec(async ({ open }) => {
    const client = open(commandQuery("echo $$; exec sleep 1000"));
    pid = await eventually("the command's pid", () => client.stdout.trim());
  });
  strictEqual(isAlive(pid), false);
});

Deno.test.each([
  { path: "/exec/rl/none/main?command=a&output=1", status: 404, text: /^pod does not exist\n$/ },
  {
    path: "/exec/rl/pong/side?command=a&output=1",
    status: 404,
    text: /^container not found \("side"\)\n$/,
  },
  { path: "/exec/rl/pong?command=a&output=1", status: 404, text: /^404 page not found\n$/ },
  { path: "/exec/rl/pong/main?command=a", status: 400, text: /at least 1 of stdin/ },
  { path: "/exec/rl/pong/main?output=1", status: 400, text: /at least one command/ },
  { path: "/exec/rl/pong/main?command=a&output=1&tty=1", status: 400, text: /leave out -t/ },
  { path: "/exec/rl/pong/main?command=a&output=1", status: 400, text: /not SPDY/ },
])(
  "the endpoint answers $status to $path",
  ({ path, status, text }) =>
    withExec(async ({ get }) => {
      for (const method of ["GET", "POST"]) {
        const response = await get(path, method);
        strictEqual(response.status, status);
        match(await response.text(), text);
      }
    }),
);
