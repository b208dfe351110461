/** Where the API server is and who we are there: from a kubeconfig file or from inside a pod. */
import { parse } from "yaml";
import * as z from "zod";
import { KubeconfigError } from "./errors.ts";

/** All that is needed to talk to one API server. */
export interface ClusterConfig {
  /** Base URL without a trailing slash: `https://127.0.0.1:6443`. */
  readonly server: string;
  /** PEM of the authority that signed the server's certificate; absent: the system's authorities. */
  readonly caPem?: string;
  readonly clientCertPem?: string;
  readonly clientKeyPem?: string;
  /** The bearer token to send now; called for each request, since token files rotate. */
  readonly token?: () => string;
  /** The file that the token comes from; absent: it comes from none. */
  readonly tokenPath?: string;
  /** Name of the kubeconfig's context; absent inside a pod. */
  readonly context?: string;
  /** The context's namespace, or `default`. */
  readonly namespace: string;
}

const CLUSTER = z.object({
  server: z.string(),
  "certificate-authority": z.string().optional(),
  "certificate-authority-data": z.string().optional(),
  "insecure-skip-tls-verify": z.boolean().optional(),
});
const USER = z.object({
  "client-certificate": z.string().optional(),
  "client-certificate-data": z.string().optional(),
  "client-key": z.string().optional(),
  "client-key-data": z.string().optional(),
  token: z.string().optional(),
  tokenFile: z.string().optional(),
  exec: z.unknown().optional(),
  "auth-provider": z.unknown().optional(),
  username: z.unknown().optional(),
});
const CONTEXT = z.object({
  cluster: z.string(),
  user: z.string(),
  namespace: z.string().optional(),
});
const KUBECONFIG = z.object({
  "current-context": z.string(),
  clusters: z.array(z.object({ name: z.string(), cluster: CLUSTER })),
  users: z.array(z.object({ name: z.string(), user: USER.nullish() })).nullish(),
  contexts: z.array(z.object({ name: z.string(), context: CONTEXT })),
});

const SERVICE_ACCOUNT = "/var/run/secrets/kubernetes.io/serviceaccount";
/** Kubernetes rotates a token long before it ends; once a minute is soon enough and costs nothing. */
const TOKEN_LIFETIME_MS = 60_000;

/** The environment that decides where a configuration comes from. */
export interface KubeEnvironment {
  readonly KUBECONFIG?: string | undefined;
  readonly HOME?: string | undefined;
  readonly KUBERNETES_SERVICE_HOST?: string | undefined;
  readonly KUBERNETES_SERVICE_PORT?: string | undefined;
}

/**
 * The configuration of this process: the file named by `path`, else by `$KUBECONFIG`, else the pod's
 * service account, else `~/.kube/config`.
 *
 * @throws {KubeconfigError} If there is none, or it cannot be used; the message names the file.
 */
export function loadClusterConfig(path: string | undefined, env: KubeEnvironment): ClusterConfig {
  if (!path && env.KUBECONFIG?.includes(":")) {
    throw new KubeconfigError(
      `KUBECONFIG names several files ("${env.KUBECONFIG}"); give one of them by --kubeconfig`,
    );
  }
  const file = path || env.KUBECONFIG;
  if (file) return readKubeconfig(file);
  if (env.KUBERNETES_SERVICE_HOST) return readServiceAccount(env);
  if (env.HOME) return readKubeconfig(`${env.HOME}/.kube/config`);
  throw new KubeconfigError(
    "No Kubernetes configuration: give --kubeconfig FILE, set KUBECONFIG, or run inside a cluster",
  );
}

/** Reads a kubeconfig file. Relative paths in it count from its folder. */
export function readKubeconfig(path: string): ClusterConfig {
  const text = readText(path, `kubeconfig "${path}"`);
  return parseKubeconfig(text, path);
}

/** Makes a configuration of a kubeconfig's text; `path` is for messages and relative file names. */
export function parseKubeconfig(text: string, path: string): ClusterConfig {
  const refuse = (what: string): never => {
    throw new KubeconfigError(`Cannot use kubeconfig "${path}": ${what}`);
  };
  let document: unknown;
  try {
    document = parse(text);
  } catch (error) {
    return refuse(firstLine(error));
  }
  const parsed = KUBECONFIG.safeParse(document);
  if (!parsed.success) return refuse(firstIssue(parsed.error));
  const config = parsed.data;
  const name = config["current-context"];
  const context = config.contexts.find((entry) => entry.name === name)?.context ??
    refuse(`no context "${name}"`);
  const cluster = config.clusters.find((entry) => entry.name === context.cluster)?.cluster ??
    refuse(`no cluster "${context.cluster}"`);
  const user = config.users?.find((entry) => entry.name === context.user)?.user ?? {};
  if (["exec", "auth-provider", "username"].some((way) => way in user)) {
    refuse(
      `user "${context.user}" logs in by plugin or password; only tokens and certificates work`,
    );
  }
  if (cluster["insecure-skip-tls-verify"]) {
    refuse("insecure-skip-tls-verify is not supported; give certificate-authority");
  }
  if (!/^https?:\/\/[^/]/.test(cluster.server)) {
    refuse(`server "${cluster.server}" is not an http(s) URL`);
  }
  const folder = path.includes("/") ? path.slice(0, path.lastIndexOf("/") + 1) : "";
  const file = (value: string) => (value.startsWith("/") ? value : folder + value);
  const pem = (data: string | undefined, filePath: string | undefined) => {
    if (data !== undefined) {
      try {
        return atob(data);
      } catch {
        return refuse("certificate or key data is not base64");
      }
    }
    return filePath === undefined ? undefined : readText(file(filePath), `file "${filePath}"`);
  };
  const caPem = pem(cluster["certificate-authority-data"], cluster["certificate-authority"]);
  const clientCertPem = pem(user["client-certificate-data"], user["client-certificate"]);
  const clientKeyPem = pem(user["client-key-data"], user["client-key"]);
  if ((clientCertPem === undefined) !== (clientKeyPem === undefined)) {
    refuse(`user "${context.user}" has only one of client certificate and client key`);
  }
  // As in client-go, a file goes before a token that stands beside it.
  const token = user.tokenFile !== undefined
    ? rotatingToken(file(user.tokenFile))
    : user.token !== undefined
    ? constant(user.token)
    : undefined;
  return {
    server: cluster.server.replace(/\/+$/, ""),
    context: name,
    namespace: context.namespace ?? "default",
    ...(caPem !== undefined && { caPem }),
    ...(clientCertPem !== undefined && clientKeyPem !== undefined &&
      { clientCertPem, clientKeyPem }),
    ...(token !== undefined && { token }),
    ...(user.tokenFile !== undefined && { tokenPath: file(user.tokenFile) }),
  };
}

function readServiceAccount(env: KubeEnvironment): ClusterConfig {
  const host = env.KUBERNETES_SERVICE_HOST ?? "";
  const port = env.KUBERNETES_SERVICE_PORT ?? "443";
  return {
    server: `https://${host.includes(":") ? `[${host}]` : host}:${port}`,
    caPem: readText(`${SERVICE_ACCOUNT}/ca.crt`, "service account certificate"),
    token: rotatingToken(`${SERVICE_ACCOUNT}/token`),
    tokenPath: `${SERVICE_ACCOUNT}/token`,
    namespace: readText(`${SERVICE_ACCOUNT}/namespace`, "service account namespace").trim(),
  };
}

/** The text of a token file, read again once a minute. */
function rotatingToken(path: string): () => string {
  let token = readText(path, `token file "${path}"`).trim();
  let readAt = Date.now();
  return () => {
    if (Date.now() - readAt > TOKEN_LIFETIME_MS) {
      readAt = Date.now();
      try {
        token = Deno.readTextFileSync(path).trim() || token;
      } catch {
        // A rotation replaces the file's link: the next minute finds the new one.
      }
    }
    return token;
  };
}

function constant(token: string): () => string {
  return () => token;
}

function readText(path: string, what: string): string {
  try {
    return Deno.readTextFileSync(path);
  } catch (error) {
    throw new KubeconfigError(`Cannot read ${what}: ${firstLine(error)}`);
  }
}

function firstLine(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).split("\n", 1)[0] ?? "";
}

function firstIssue(error: z.ZodError): string {
  const issue = error.issues[0];
  return issue === undefined
    ? "not a kubeconfig"
    : `${issue.path.join(".") || "file"}: ${issue.message}`;
}
