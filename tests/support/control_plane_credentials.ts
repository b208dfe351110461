/** Keys, tokens and kubeconfig of a control plane for tests. */
import { stringify } from "yaml";
import { FILES } from "./control_plane_flags.ts";

/** Writes the key of service accounts, and the one token that the API server takes. */
export async function writeCredentials(folder: string, token: string): Promise<void> {
  const algorithm = {
    name: "RSASSA-PKCS1-v1_5",
    modulusLength: 2048,
    publicExponent: new Uint8Array([1, 0, 1]),
    hash: "SHA-256",
  };
  const pair = await crypto.subtle.generateKey(algorithm, true, ["sign", "verify"]);
  const privateKey = await crypto.subtle.exportKey("pkcs8", pair.privateKey);
  const publicKey = await crypto.subtle.exportKey("spki", pair.publicKey);
  const files = {
    [FILES.signingKey]: pem("PRIVATE KEY", privateKey),
    [FILES.signingPublicKey]: pem("PUBLIC KEY", publicKey),
    [FILES.tokens]: `${token},tests,tests,system:masters\n`,
  };
  await Promise.all(
    Object.entries(files).map(([name, text]) =>
      Deno.writeTextFile(`${folder}/${name}`, text, { mode: 0o600 })
    ),
  );
}

/** Writes the kubeconfig of the token's user, once the API server has made its certificate. */
export async function writeKubeconfig(folder: string, port: number, token: string): Promise<void> {
  const authority = await Deno.readFile(`${folder}/${FILES.certificate}`);
  const name = "tests";
  const text = stringify({
    apiVersion: "v1",
    kind: "Config",
    "current-context": name,
    clusters: [{
      name,
      cluster: {
        server: `https://127.0.0.1:${port}`,
        "certificate-authority-data": authority.toBase64(),
      },
    }],
    users: [{ name, user: { token } }],
    contexts: [{ name, context: { cluster: name, user: name } }],
  });
  await Deno.writeTextFile(`${folder}/${FILES.kubeconfig}`, text, { mode: 0o600 });
}

function pem(label: string, bytes: ArrayBuffer): string {
  const lines = new Uint8Array(bytes).toBase64().replace(/.{64}/g, "$&\n");
  return `-----BEGIN ${label}-----\n${lines}\n-----END ${label}-----\n`;
}
