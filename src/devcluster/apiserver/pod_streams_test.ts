import { deepStrictEqual, strictEqual } from "node:assert/strict";
import { createServer } from "node:https";
import { connect } from "node:tls";
import { makeCertificate } from "../certificate.ts";
import { startApiServer } from "./mod.ts";
import { TestApi } from "./test_support.ts";
import { wantsStream } from "./upgrade_relay.ts";

const PODS = "/api/v1/namespaces/default/pods";
const POD = { metadata: { name: "p" }, spec: { containers: [{ name: "c", image: "x" }] } };
const BINDING = { metadata: { name: "p" }, target: { name: "n" } };

function nodeAt(port: number, caPem: string) {
  return {
    metadata: { name: "n", annotations: { "kubelet.di-orchestrator/ca": btoa(caPem) } },
    status: {
      addresses: [{ type: "InternalIP", address: "127.0.0.1" }],
      daemonEndpoints: { kubeletEndpoint: { Port: port } },
    },
  };
}

Deno.test.each([
  { of: "none/exec?command=a", bound: true, says: 'pods "none" not found', code: 404 },
  { of: "p/exec?command=a", bound: false, says: "pod p does not have a host assigned", code: 400 },
  {
    of: "p/exec?command=a&container=z",
    bound: true,
    says: "container z is not valid for pod p",
    code: 400,
  },
  {
    of: "p/exec?stdout=1",
    bound: true,
    says: "you must specify at least one command for the container",
    code: 400,
  },
  {
    of: "p/attach?stdout=1",
    upgrade: false,
    bound: true,
    says: "Upgrade request required",
    code: 400,
  },
  {
    of: "p/portforward",
    bound: true,
    says: "only the first request on a connection can upgrade it",
    code: 400,
  },
])("a stream of $of is refused: $says", async ({ of, bound, upgrade = true, says, code }) => {
  const api = new TestApi();
  try {
    await api.call("POST", "/api/v1/nodes", nodeAt(1, ""));
    await api.call("POST", PODS, POD);
    if (bound) await api.call("POST", `${PODS}/p/binding`, BINDING);
    const headers: HeadersInit = upgrade ? { upgrade: "websocket" } : {};
    const { body, code: status } = await api.call("GET", `${PODS}/${of}`, undefined, headers);
    deepStrictEqual([status, body.message], [code, says]);
  } finally {
    api.server.stop();
  }
});

Deno.test.each([
  { what: "an exec", start: "GET /api/v1/namespaces/rl/pods/p/exec?command=a", wants: true },
  {
    what: "a port-forward",
    start: "POST /api/v1/namespaces/rl/pods/p/portforward HTTP/1.1\r\n",
    wants: true,
  },
  {
    what: "a log",
    start: "GET /api/v1/namespaces/rl/pods/p/log?follow=1 HTTP/1.1\r\n",
    wants: false,
  },
  { what: "HTTP/2", start: "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", wants: false },
  { what: "half a path", start: "GET /api/v1/namespaces/rl/pods/p/ex", wants: undefined },
  { what: "a long path", start: `GET /${"x".repeat(2000)}`, wants: false },
])("wantsStream() gives $wants for $what", ({ start, wants }) => {
  strictEqual(wantsStream(new TextEncoder().encode(start)), wants);
});

/** Sends `text` to an API server and gives all that comes back; `more` follows an answer 101. */
function exchange(
  { url, caPem }: { readonly url: string; readonly caPem: string },
  text: string,
  more: string,
): Promise<string> {
  const { hostname, port } = new URL(url);
  const socket = connect({ host: hostname, port: Number(port), ca: [caPem] });
  let answer = "";
  let isFirst = true;
  return new Promise((resolve, reject) => {
    socket.once("secureConnect", () => socket.write(text));
    socket.on("data", (data) => {
      answer += String(data);
      if (isFirst && answer.includes(" 101 ")) socket.write(more);
      isFirst = false;
    });
    socket.on("end", () => resolve(answer));
    socket.on("error", reject);
  });
}

Deno.test("a connection goes on to the kubelet, both ways, and its answers come back", async () => {
  const { certPem, keyPem, caPem } = await makeCertificate("kubelet");
  const asked: unknown[] = [];
  const kubelet = createServer({ cert: certPem, key: keyPem });
  kubelet.on("upgrade", ({ method, url, headers }, socket) => {
    asked.push([method, url, headers.authorization, headers["sec-websocket-protocol"]]);
    if (method === "POST") {
      socket.end("HTTP/1.1 400 Bad Request\r\nContent-Length: 4\r\n\r\nnope");
      return;
    }
    socket.write("HTTP/1.1 101 Switching Protocols\r\n\r\n");
    socket.on("data", (data) => socket.end(`got ${data}`));
  });
  const address = await new Promise<number>((resolve) =>
    kubelet.listen(0, "127.0.0.1", () => {
      const bound = kubelet.address();
      resolve(typeof bound === "object" ? bound?.port ?? 0 : 0);
    })
  );
  const api = await startApiServer();
  const client = Deno.createHttpClient({ caCerts: [api.caPem] });
  const headers = { authorization: `Bearer ${api.token}`, "content-type": "application/json" };
  const post = async (path: string, body: unknown) => {
    const request = { client, method: "POST", headers, body: JSON.stringify(body) };
    await (await fetch(`${api.url}${path}`, request)).body?.cancel();
  };
  const request = (method: string, token: string) =>
    `${method} ${PODS}/p/exec?command=a&command=b%20c&stdin=true&stdout=true&tty=false HTTP/1.1\r\n` +
    `Host: x\r\nAuthorization: Bearer ${token}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n` +
    "Sec-WebSocket-Protocol: v5.channel.k8s.io\r\n\r\n";
  try {
    await post("/api/v1/nodes", nodeAt(address, caPem));
    await post(PODS, POD);
    await post(`${PODS}/p/binding`, BINDING);
    const statusLine = (answer: string) => answer.split("\r\n")[0];
    strictEqual(
      await exchange(api, request("GET", api.token), "input"),
      "HTTP/1.1 101 Switching Protocols\r\n\r\ngot input",
    );
    strictEqual(
      await exchange(api, request("POST", api.token), ""),
      "HTTP/1.1 400 Bad Request\r\nContent-Length: 4\r\n\r\nnope",
    );
    strictEqual(
      statusLine(await exchange(api, request("GET", "wrong"), "")),
      "HTTP/1.1 401 Unauthorized",
    );
    const path = "/exec/default/p/c?command=a&command=b+c&input=1&output=1";
    const secret = await fetch(`${api.url}/api/v1/namespaces/kube-system/secrets/kubelet-access`, {
      client,
      headers,
    });
    const token = `Bearer ${atob((await secret.json()).data.token)}`;
    deepStrictEqual(asked, [
      ["GET", path, token, "v5.channel.k8s.io"],
      ["POST", path, token, "v5.channel.k8s.io"],
    ]);
    kubelet.closeAllConnections();
    await new Promise((resolve) => kubelet.close(resolve));
    const answer = await exchange(api, request("GET", api.token), "");
    strictEqual(statusLine(answer), "HTTP/1.1 500 Internal Server Error");
  } finally {
    client.close();
    await api.stop();
    kubelet.close();
  }
});
