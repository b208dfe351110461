import { stringify } from "yaml";
import { buildCrds } from "../api/mod.ts";
import type { CommandContext } from "./process.ts";

/** Prints both definitions as one YAML stream for `kubectl apply -f -`. */
export function printCrds({ print }: CommandContext): void {
  print(buildCrds().map((crd) => stringify(crd)).join("---\n").trimEnd());
}
