/** Fields that a JSON text has twice: parsers keep the last one and tell nobody. */

/** What the text of a body says twice. */
export type Repeated =
  | {
    readonly form: "json";
    /** Begins what is said of each: what the text is, where it is no object. */
    readonly about?: string;
    /** In the order of the text, each once. */
    readonly fields: readonly { readonly path: string; readonly at: number }[];
    /** Where each field of the text is first. */
    readonly positions: ReadonlyMap<string, number>;
  }
  | {
    readonly form: "yaml";
    /** `line 6: key "x" already set in map` */
    readonly lines: readonly string[];
  };

const QUOTE = '"';
const BACKSLASH = 0x5c;
const COLON = 0x3a;

/**
 * Finds the fields that are there twice, in time linear in the text. A text without any costs little:
 * its keys are counted, and those of the value.
 *
 * @param text JSON that has been parsed already.
 * @param value What it was parsed to.
 */
export function findRepeated(text: string, value: unknown): Repeated | undefined {
  return countKeysOfText(text) === countKeysOfValue(value) ? undefined : walkText(text);
}

/** Index of the quote that ends the string which begins at `start`. */
function endOfString(text: string, start: number): number {
  let end = text.indexOf(QUOTE, start + 1);
  for (; end !== -1; end = text.indexOf(QUOTE, end + 1)) {
    let slashes = 0;
    while (text.charCodeAt(end - 1 - slashes) === BACKSLASH) slashes += 1;
    if (slashes % 2 === 0) return end;
  }
  throw new SyntaxError("A string does not end");
}

/** Whether a colon follows, maybe after white space: then the string before it is a key. */
function isKeyAt(text: string, afterString: number): boolean {
  let at = afterString;
  while (text.charCodeAt(at) <= 0x20) at += 1;
  return text.charCodeAt(at) === COLON;
}

function countKeysOfText(text: string): number {
  let keys = 0;
  for (let start = text.indexOf(QUOTE); start !== -1;) {
    const after = endOfString(text, start) + 1;
    if (isKeyAt(text, after)) keys += 1;
    start = text.indexOf(QUOTE, after);
  }
  return keys;
}

function countKeysOfValue(value: unknown): number {
  let keys = 0;
  const open = [value];
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    if (typeof next !== "object" || next === null) continue;
    const members: unknown[] = Object.values(next);
    if (!Array.isArray(next)) keys += members.length;
    for (const member of members) if (typeof member === "object") open.push(member);
  }
  return keys;
}

/** An object or list that is open at some place of the text. */
interface Level {
  readonly path: string;
  /** Keys seen so far; undefined in a list. */
  readonly keys: Set<string> | undefined;
  index: number;
  key: string;
}

function walkText(text: string): Repeated {
  const fields = new Map<string, number>();
  const positions = new Map<string, number>();
  const levels: Level[] = [];
  const pathHere = (): string => {
    const level = levels.at(-1);
    if (level === undefined) return "";
    if (level.keys === undefined) return `${level.path}[${level.index}]`;
    return level.path === "" ? level.key : `${level.path}.${level.key}`;
  };
  for (let at = 0; at < text.length; at += 1) {
    const level = levels.at(-1);
    switch (text[at]) {
      case "{":
      case "[":
        levels.push({
          path: pathHere(),
          keys: text[at] === "{" ? new Set() : undefined,
          index: 0,
          key: "",
        });
        break;
      case "}":
      case "]":
        levels.pop();
        break;
      case ",":
        if (level !== undefined) level.index += 1;
        break;
      case QUOTE: {
        const start = at;
        at = endOfString(text, start);
        if (level?.keys === undefined || !isKeyAt(text, at + 1)) break;
        level.key = String(JSON.parse(text.slice(start, at + 1)));
        const path = pathHere();
        if (!positions.has(path)) positions.set(path, start);
        if (level.keys.has(level.key) && !fields.has(path)) fields.set(path, start);
        level.keys.add(level.key);
      }
    }
  }
  return {
    form: "json",
    fields: [...fields].map(([path, at]) => ({ path, at })),
    positions,
  };
}

/** What is wrong with a text, for a warning each and as one sentence. */
export interface TextFaults {
  readonly warnings: readonly string[];
  readonly sentence: string;
}

/**
 * The faults of a body in the order of the real server.
 *
 * @param unknown Paths of fields that the schema does not know.
 * @param order `text`: as they are met, and nothing is said of what is inside an unknown field;
 *   `repeatedFirst`: the server reads custom objects and patches as a whole before it looks for them.
 */
export function textFaults(
  repeated: Repeated | undefined,
  unknown: readonly string[],
  order: "text" | "repeatedFirst",
): TextFaults {
  const strangers = unknown.map((path) => ({ path, fault: `unknown field "${path}"` }));
  if (repeated?.form !== "json") {
    const lines = repeated?.lines ?? [];
    const faults = strangers.map(({ fault }) => fault);
    const first = lines.length === 0 ? [] : [yamlFault(lines)];
    return { warnings: [...lines, ...faults], sentence: [...first, ...faults].join(", ") };
  }
  const { positions, about = "" } = repeated;
  const inText = order === "text";
  const isInside = (path: string) =>
    unknown.some((other) =>
      path === other || path.startsWith(`${other}.`) || path.startsWith(`${other}[`)
    );
  const twice = repeated.fields.filter(({ path }) => !inText || !isInside(path))
    .map(({ path, at }) => ({ at, fault: `${about}duplicate field "${path}"` }));
  const faults = [
    ...twice,
    ...strangers.map(({ path, fault }) => ({ at: positions.get(path) ?? 0, fault })),
  ];
  if (inText) faults.sort((a, b) => a.at - b.at);
  const warnings = faults.map(({ fault }) => fault);
  return { warnings, sentence: warnings.join(", ") };
}

/** The lines as one fault. */
export function yamlFault(lines: readonly string[]): string {
  return `yaml: unmarshal errors:\n${lines.map((line) => `  ${line}`).join("\n")}`;
}
