/** Bodies in YAML. */
import { isScalar, LineCounter, parseDocument, visit, type YAMLMap } from "yaml";
import type { Repeated } from "../schema/repeated.ts";

/** A body as it was read. */
export interface ParsedBody {
  readonly value: unknown;
  /** What its text says twice; the last one counts. */
  readonly repeated?: Repeated;
}

/** @throws {SyntaxError} With a line number, when it is not YAML. */
export function parseYamlBody(text: string): ParsedBody {
  const lineCounter = new LineCounter();
  const document = parseDocument(text, { lineCounter, uniqueKeys: false, prettyErrors: false });
  const [fault] = document.errors;
  if (fault !== undefined) {
    const { line } = lineCounter.linePos(fault.pos[0]);
    throw new SyntaxError(`yaml: line ${line}: ${fault.message}`);
  }
  const lines: string[] = [];
  visit(document, {
    Map(_key, map) {
      lines.push(...repeatedKeys(map, lineCounter));
    },
  });
  const value: unknown = document.toJS();
  return lines.length === 0 ? { value } : { value, repeated: { form: "yaml", lines } };
}

function repeatedKeys(map: YAMLMap, lineCounter: LineCounter): string[] {
  const seen = new Set<unknown>();
  const lines: string[] = [];
  for (const { key } of map.items) {
    if (!isScalar(key)) continue;
    if (seen.has(key.value)) {
      const { line } = lineCounter.linePos(key.range?.[0] ?? 0);
      lines.push(`line ${line}: key ${JSON.stringify(key.value)} already set in map`);
    }
    seen.add(key.value);
  }
  return lines;
}
