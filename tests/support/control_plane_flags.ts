/** The command lines of a control plane for tests. All its files lie in one folder. */
import type { Programs } from "./control_plane_programs.ts";

/** Names inside the folder. */
export const FILES = {
  kubeconfig: "kubeconfig",
  /** Where the API server puts the certificate that it makes for itself. */
  certificates: "certificates",
  /** That certificate, followed by the one of its authority. */
  certificate: "certificates/apiserver.crt",
  /** Written after the certificate. */
  certificateKey: "certificates/apiserver.key",
  /** Lines of token, user, uid and groups. */
  tokens: "tokens.csv",
  /** Signs the tokens of service accounts. */
  signingKey: "service-account.key",
  signingPublicKey: "service-account.pub",
  etcdSocket: "etcd.sock",
} as const;

/** What tests rely on of a cluster without nodes. */
const CONTROLLERS = [
  "garbage-collector-controller",
  "namespace-controller",
  "serviceaccount-controller",
  "serviceaccount-token-controller",
  "root-ca-certificate-publisher-controller",
  "resourcequota-controller",
  "clusterrole-aggregation-controller",
];

/** etcd on sockets in the folder, so that no port can clash. It never waits for the disk. */
export function etcdCommand(program: string, folder: string): string[] {
  // Advertised to nobody, but etcd wants to know its own address.
  const nowhere = "http://127.0.0.1:1";
  return [
    program,
    "--name=tests",
    `--data-dir=${folder}/etcd`,
    "--unsafe-no-fsync",
    "--log-level=warn",
    `--listen-client-urls=unix://${folder}/${FILES.etcdSocket}`,
    `--listen-peer-urls=unix://${folder}/etcd-peer.sock`,
    `--advertise-client-urls=${nowhere}`,
    `--initial-advertise-peer-urls=${nowhere}`,
    `--initial-cluster=tests=${nowhere}`,
  ];
}

/** The API server at a loopback port, with the admission plugins of a real cluster, and flags of `more`. */
export function apiServerCommand(
  programs: Programs,
  folder: string,
  port: number,
  more: readonly string[] = [],
): string[] {
  return [
    programs.apiServer,
    `--etcd-servers=unix://${folder}/${FILES.etcdSocket}`,
    "--bind-address=127.0.0.1",
    `--secure-port=${port}`,
    // Otherwise it looks for the address of a default route, which a closed network lacks.
    "--advertise-address=192.0.2.1",
    "--endpoint-reconciler-type=none",
    `--cert-dir=${folder}/${FILES.certificates}`,
    `--token-auth-file=${folder}/${FILES.tokens}`,
    "--authorization-mode=Node,RBAC",
    "--allow-privileged=true",
    "--service-cluster-ip-range=10.0.0.0/16",
    "--service-account-issuer=https://kubernetes.default.svc.cluster.local",
    `--service-account-key-file=${folder}/${FILES.signingPublicKey}`,
    `--service-account-signing-key-file=${folder}/${FILES.signingKey}`,
    // The name of a node need not resolve here, its address must do.
    "--kubelet-preferred-address-types=InternalIP",
    "--profiling=false",
    // It refuses every pod until somebody has made the namespace's service account.
    ...(programs.controllerManager === undefined
      ? ["--disable-admission-plugins=ServiceAccount"]
      : []),
    ...more,
  ];
}

/** The controllers, as the kubeconfig's user, so that they need no roles. */
export function controllerManagerCommand(program: string, folder: string): string[] {
  return [
    program,
    `--kubeconfig=${folder}/${FILES.kubeconfig}`,
    `--controllers=${CONTROLLERS.join(",")}`,
    "--leader-elect=false",
    "--secure-port=0",
    `--root-ca-file=${folder}/${FILES.certificate}`,
    `--service-account-private-key-file=${folder}/${FILES.signingKey}`,
    // By default 20 requests per second, at which clearing up lags behind the tests.
    "--kube-api-qps=500",
    "--kube-api-burst=1000",
    "--profiling=false",
  ];
}
