/** Keeps the names of services current: for the proxy in memory, for Python in a file. */
import type { ObjectCache, Pod, Service } from "../../kube/mod.ts";
import type { Logger } from "../../lib/logger.ts";
import { buildNames, type NameTable, type Resolution, resolveName, splitAddress } from "./names.ts";
import type { PodPorts } from "./ports.ts";
import { NAMES_FILE, SITECUSTOMIZE } from "./sitecustomize.ts";

/** Changes that come close together are taken in at once. */
const GATHER_MS = 10;

export interface NameServiceOptions {
  readonly services: ObjectCache<Service>;
  readonly pods: ObjectCache<Pod>;
  readonly portsOf: (uid: string) => PodPorts | undefined;
  readonly routes: ReadonlyMap<string, string>;
  /** Where Python programs look: gets the name table and the module that reads it. */
  readonly pythonFolder: string;
  readonly log: Logger;
}

export class NameService {
  readonly #options: NameServiceOptions;
  readonly #unsubscribe: (() => void)[];
  #table: NameTable = new Map();
  #namespaces: ReadonlySet<string> = new Set();
  #timer: ReturnType<typeof setTimeout> | undefined;
  #writing: Promise<void>;
  #written = "";

  constructor(options: NameServiceOptions) {
    this.#options = options;
    this.#writing = this.#install();
    this.#rebuild();
    this.#unsubscribe = [options.services, options.pods].map((cache) =>
      cache.subscribe(() => this.refresh())
    );
  }

  /** Where a name and port are. A service that has only just come or gone is seen as it is now. */
  resolve(host: string, port: number): Resolution {
    if (this.#timer !== undefined) this.#rebuild();
    return resolveName(this.#table, this.#namespaces, host, port);
  }

  /** Something changed: the names are built anew shortly. */
  refresh(): void {
    this.#timer ??= setTimeout(() => this.#rebuild(), GATHER_MS);
  }

  async stop(): Promise<void> {
    for (const unsubscribe of this.#unsubscribe) unsubscribe();
    clearTimeout(this.#timer);
    await this.#writing;
  }

  #rebuild(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const { services, pods, portsOf, routes } = this.#options;
    this.#table = buildNames({ services: services.values(), pods, portsOf, routes });
    const namespaces = new Set<string>();
    for (const cache of [services, pods]) {
      for (const { metadata } of cache.values()) namespaces.add(metadata.namespace ?? "");
    }
    for (const address of routes.keys()) {
      namespaces.add(splitAddress(address).host.split(".")[1] ?? "");
    }
    this.#namespaces = namespaces;
    this.#write();
  }

  #write(): void {
    const text = tableText(this.#table);
    if (text === this.#written) return;
    this.#written = text;
    this.#writing = this.#writing.then(async () => {
      // Several writes in a row: only the last one matters.
      if (text !== this.#written) return;
      try {
        const path = `${this.#options.pythonFolder}/${NAMES_FILE}`;
        await Deno.writeTextFile(`${path}.new`, text);
        await Deno.rename(`${path}.new`, path);
      } catch (error) {
        this.#options.log.warning("Could not write name table", { error: String(error) });
      }
    });
  }

  async #install(): Promise<void> {
    const { pythonFolder, log } = this.#options;
    try {
      await Deno.mkdir(pythonFolder, { recursive: true, mode: 0o700 });
      await Deno.writeTextFile(`${pythonFolder}/sitecustomize.py`, SITECUSTOMIZE);
    } catch (error) {
      log.warning("Could not write name resolver", { error: String(error) });
    }
  }
}

/** The table as Python reads it: name to rows of port, host, host port, size. */
export function tableText(table: NameTable): string {
  const names = [...table].filter(([, entries]) => entries.length > 0)
    .map(([name, entries]) => [
      name,
      entries.map(({ port, host, hostPort, size }) => [port, host, hostPort, size]),
    ]);
  return JSON.stringify(Object.fromEntries(names));
}
