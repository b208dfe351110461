import { deepStrictEqual, match, strictEqual, throws } from "node:assert/strict";
import { stringify } from "yaml";
import { KubeconfigError } from "./errors.ts";
import { type KubeEnvironment, loadClusterConfig, parseKubeconfig } from "./kubeconfig.ts";

interface Parts {
  readonly cluster?: Record<string, unknown>;
  readonly user?: Record<string, unknown> | null;
  readonly context?: Record<string, unknown>;
  /** Over the top level. */
  readonly file?: Record<string, unknown>;
}

/** A kubeconfig as `kubectl` writes it. */
function aKubeconfig({ cluster, user, context, file }: Parts = {}): string {
  return stringify({
    apiVersion: "v1",
    kind: "Config",
    "current-context": "here",
    clusters: [{ name: "c", cluster: { server: "https://127.0.0.1:6443/", ...cluster } }],
    users: [{ name: "u", user: user === null ? null : { token: "secret", ...user } }],
    contexts: [{ name: "here", context: { cluster: "c", user: "u", ...context } }],
    ...file,
  });
}

/** What a kubeconfig comes to, the token asked for once. */
function configOf(text: string, path = "config"): Record<string, unknown> {
  const { token, ...config } = parseKubeconfig(text, path);
  return { ...config, ...(token !== undefined && { token: token() }) };
}

const SERVER = { server: "https://127.0.0.1:6443", context: "here", namespace: "default" };
const PEM = "-----BEGIN CERTIFICATE-----\n";

Deno.test.each<{ what: string; parts: Parts; config: Record<string, unknown> }>([
  { what: "a token", parts: {}, config: { ...SERVER, token: "secret" } },
  {
    what: "the context's namespace",
    parts: { context: { namespace: "rl" } },
    config: { ...SERVER, namespace: "rl", token: "secret" },
  },
  { what: "no user at all", parts: { file: { users: null } }, config: SERVER },
  { what: "an empty user", parts: { user: null }, config: SERVER },
  {
    what: "plain HTTP",
    parts: { cluster: { server: "http://localhost:8080" } },
    config: { ...SERVER, server: "http://localhost:8080", token: "secret" },
  },
  {
    what: "certificates as data",
    parts: {
      cluster: { "certificate-authority-data": btoa(`${PEM}ca`) },
      user: {
        token: undefined,
        "client-certificate-data": btoa(`${PEM}cert`),
        "client-key-data": btoa(`${PEM}key`),
      },
    },
    config: {
      ...SERVER,
      caPem: `${PEM}ca`,
      clientCertPem: `${PEM}cert`,
      clientKeyPem: `${PEM}key`,
    },
  },
  {
    what: "the current one of many contexts",
    parts: {
      file: {
        "current-context": "there",
        clusters: [
          { name: "c", cluster: { server: "https://wrong" } },
          { name: "d", cluster: { server: "https://right" } },
        ],
        contexts: [
          { name: "here", context: { cluster: "c", user: "u" } },
          { name: "there", context: { cluster: "d", user: "nobody" } },
        ],
      },
    },
    config: { server: "https://right", context: "there", namespace: "default" },
  },
])("parseKubeconfig() takes $what", ({ parts, config }) => {
  deepStrictEqual(configOf(aKubeconfig(parts)), config);
});

Deno.test("parseKubeconfig() reads files beside it, and those with a whole path", () =>
  withFolder((folder) => {
    for (const name of ["ca", "cert", "key"]) {
      Deno.writeTextFileSync(`${folder}/${name}.pem`, PEM + name);
    }
    Deno.writeTextFileSync(`${folder}/token`, "from a file\n");
    const text = aKubeconfig({
      cluster: { "certificate-authority": "ca.pem" },
      user: {
        token: undefined,
        tokenFile: "token",
        "client-certificate": `${folder}/cert.pem`,
        "client-key": "key.pem",
      },
    });
    deepStrictEqual(configOf(text, `${folder}/config`), {
      ...SERVER,
      caPem: `${PEM}ca`,
      clientCertPem: `${PEM}cert`,
      clientKeyPem: `${PEM}key`,
      token: "from a file",
      tokenPath: `${folder}/token`,
    });
  }));

Deno.test("parseKubeconfig() reads a token file again once a minute, and lives through a gap", () =>
  withFolder((folder) => {
    const path = `${folder}/token`;
    Deno.writeTextFileSync(path, "one");
    const dateNow = Date.now;
    let now = dateNow();
    Date.now = () => now;
    try {
      const { token = () => "" } = parseKubeconfig(
        aKubeconfig({ user: { token: undefined, tokenFile: path } }),
        "config",
      );
      const seen: string[] = [];
      const ask = (afterMs: number) => {
        now += afterMs;
        seen.push(token());
      };
      Deno.writeTextFileSync(path, "two");
      ask(59_000);
      ask(2_000);
      Deno.removeSync(path);
      ask(61_000);
      Deno.writeTextFileSync(path, "three");
      ask(61_000);
      deepStrictEqual(seen, ["one", "two", "two", "three"]);
    } finally {
      Date.now = dateNow;
    }
  }));

Deno.test.each<{ what: string; text: string; why: RegExp }>([
  { what: "broken YAML", text: "a: [\nb: c", why: /\bline\b/ },
  { what: "an empty file", text: "", why: /file: / },
  { what: "something else", text: "- 1", why: /file: / },
  {
    what: "no current context",
    text: aKubeconfig({ file: { "current-context": undefined } }),
    why: /current-context: /,
  },
  {
    what: "a context that is not there",
    text: aKubeconfig({ file: { "current-context": "gone" } }),
    why: /no context "gone"/,
  },
  {
    what: "a cluster that is not there",
    text: aKubeconfig({ context: { cluster: "gone" } }),
    why: /no cluster "gone"/,
  },
  {
    what: "a server that is no URL",
    text: aKubeconfig({ cluster: { server: "127.0.0.1:6443" } }),
    why: /server "127\.0\.0\.1:6443" is not an http\(s\) URL/,
  },
  {
    what: "a login plugin",
    text: aKubeconfig({ user: { exec: { command: "aws" } } }),
    why: /user "u" logs in by plugin or password; only tokens and certificates/,
  },
  {
    what: "a login provider",
    text: aKubeconfig({ user: { "auth-provider": { name: "oidc" } } }),
    why: /plugin/,
  },
  {
    what: "a server that shall not be checked",
    text: aKubeconfig({ cluster: { "insecure-skip-tls-verify": true } }),
    why: /insecure-skip-tls-verify is not supported/,
  },
  {
    what: "data that is not base64",
    text: aKubeconfig({ cluster: { "certificate-authority-data": "%%%" } }),
    why: /not base64/,
  },
  {
    what: "a server of the wrong type",
    text: aKubeconfig({ cluster: { server: 6443 } }),
    why: /clusters\.0\.cluster\.server: /,
  },
])("parseKubeconfig() refuses $what in one line that names the file", ({ text, why }) => {
  throws(() => parseKubeconfig(text, "/etc/my.conf"), (error: unknown) => {
    strictEqual(error instanceof KubeconfigError, true);
    match(String(error), /^KubeconfigError: Cannot use kubeconfig "\/etc\/my\.conf": [^\n]+$/);
    match(String(error), why);
    return true;
  });
});

Deno.test.each([
  { key: "tokenFile", parts: { user: { token: undefined, tokenFile: "gone" } } },
  { key: "certificate-authority", parts: { cluster: { "certificate-authority": "gone" } } },
])("parseKubeconfig() names a $key that is not there", ({ parts }) =>
  withFolder((folder) => {
    throws(() => parseKubeconfig(aKubeconfig(parts), `${folder}/config`), {
      name: "KubeconfigError",
      message: /^Cannot read (token )?file ".*gone": [^\n]+$/,
    });
  }));

Deno.test.each<{ what: string; path?: string; env: KubeEnvironment; server: string }>([
  {
    what: "the flag before all else",
    path: "flag",
    env: { KUBECONFIG: "env", HOME: "", KUBERNETES_SERVICE_HOST: "10.0.0.1" },
    server: "https://flag",
  },
  {
    what: "$KUBECONFIG before the pod's account",
    env: { KUBECONFIG: "env", HOME: "", KUBERNETES_SERVICE_HOST: "10.0.0.1" },
    server: "https://env",
  },
  { what: "the home folder's file at last", env: { HOME: "" }, server: "https://home" },
  {
    what: "the home folder's file when the others are empty",
    path: "",
    env: { KUBECONFIG: "", HOME: "" },
    server: "https://home",
  },
])("loadClusterConfig() takes $what", ({ path, env, server }) =>
  withFolder((folder) => {
    Deno.mkdirSync(`${folder}/.kube`);
    for (const [file, name] of [["flag", "flag"], ["env", "env"], [".kube/config", "home"]]) {
      const text = aKubeconfig({ cluster: { server: `https://${name}` } });
      Deno.writeTextFileSync(`${folder}/${file}`, text);
    }
    const under = (name: string | undefined) => name && `${folder}/${name}`;
    const config = loadClusterConfig(under(path), {
      ...env,
      KUBECONFIG: under(env.KUBECONFIG),
      HOME: folder,
    });
    strictEqual(config.server, server);
  }));

Deno.test.each<{ when: string; path?: string; env: KubeEnvironment; message: RegExp }>([
  {
    when: "the file is not there",
    path: "/nowhere/config",
    env: {},
    message: /^Cannot read kubeconfig "\/nowhere\/config": [^\n]+$/,
  },
  {
    when: "the pod's account is not there",
    env: { KUBERNETES_SERVICE_HOST: "10.0.0.1" },
    message: /^Cannot read service account certificate: [^\n]+$/,
  },
  {
    when: "nothing is known",
    env: {},
    message: /^No Kubernetes configuration: give --kubeconfig FILE, set KUBECONFIG, /,
  },
])("loadClusterConfig() says in one line when $when", ({ path, env, message }) => {
  throws(() => loadClusterConfig(path, env), { name: "KubeconfigError", message });
});

function withFolder(work: (folder: string) => void): void {
  const folder = Deno.makeTempDirSync();
  try {
    work(folder);
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
}
