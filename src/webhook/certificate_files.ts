/** A certificate that lives in files and is renewed there, as cert-manager's secrets are. */
import { createPrivateKey, X509Certificate } from "node:crypto";
import { sleep } from "../lib/abort.ts";
import type { Logger } from "../lib/logger.ts";

/** In PEM. */
export interface CertificatePair {
  readonly cert: string;
  readonly key: string;
}

export interface CertificateFilesOptions {
  /** Folder with `tls.crt` and `tls.key`. */
  readonly folder: string;
  /** Pause between two looks at the files, in ms. */
  readonly intervalMs: number;
  readonly log: Logger;
  readonly signal: AbortSignal;
  /** Called with the first pair that can be used, and with each that follows. */
  readonly onChange: (pair: CertificatePair) => Promise<void> | void;
}

/**
 * Looks at the files until `signal` aborts. A pair that is missing or cannot be used is said once, and the
 * one before stays in force. Never rejects.
 *
 * @param onFailure Told what is wrong, and with undefined that it is well again.
 */
export async function followCertificate(
  { folder, intervalMs, log, signal, onChange }: CertificateFilesOptions,
  onFailure: (failure: string | undefined) => void,
): Promise<void> {
  let known = "";
  let said: string | undefined;
  while (!signal.aborted) {
    try {
      const [cert, key] = await Promise.all([
        Deno.readTextFile(`${folder}/tls.crt`),
        Deno.readTextFile(`${folder}/tls.key`),
      ]);
      if (`${cert}\n${key}` !== known) {
        requireMatch(cert, key);
        await onChange({ cert, key });
        known = `${cert}\n${key}`;
        log.info("Serving with the certificate", { folder });
      }
      said = undefined;
      onFailure(undefined);
    } catch (error) {
      const failure = `${folder}: ${error instanceof Error ? error.message : String(error)}`;
      if (failure !== said) log.warning("Cannot use the certificate", { error: failure });
      said = failure;
      onFailure(failure);
    }
    await sleep(intervalMs, signal);
  }
}

/** A server takes any pair without a word, and then fails each connection. @throws {TypeError} */
function requireMatch(cert: string, key: string): void {
  if (new X509Certificate(cert).checkPrivateKey(createPrivateKey(key))) return;
  throw new TypeError("tls.key is not the key of tls.crt");
}
