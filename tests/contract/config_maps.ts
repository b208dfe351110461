/** Writes of config maps, for rows about those who watch them. */
import { configMap } from "./objects.ts";

/** Selects what a row itself has made in its namespace. */
export const OWN = "fieldSelector=metadata.name!%3Dkube-root-ca.crt";

export function make(name: string, labels: Readonly<Record<string, string>> = {}) {
  return { send: "POST configmaps", body: configMap({ name, labels }) };
}

/** Sets the label `team`; null takes it away. */
export function label(name: string, team: string | null) {
  return {
    send: `PATCH configmaps/${name}`,
    type: "merge",
    body: { metadata: { labels: { team } } },
  };
}

export function remove(name: string) {
  return { send: `DELETE configmaps/${name}` };
}
