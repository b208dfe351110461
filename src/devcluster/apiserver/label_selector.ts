/** Label selectors: `a=b,c!=d,e in (f,g),h notin (i),j,!k,l>3` to a test of labels. */
import { checkQualifiedName, validateLabels } from "./names.ts";
import { badRequest } from "./status.ts";

/** What is asked of an object's labels. */
export type LabelTest = (labels: Readonly<Record<string, string>>) => boolean;

const TOKEN = /\s*(==|!=|[=!(),<>]|[^\s=!(),<>]+|$)/y;
const SYMBOLS: ReadonlySet<string> = new Set(["", "==", "!=", "=", "!", "(", ")", ",", "<", ">"]);

/**
 * The tests that a selector is made of; all of them must hold.
 *
 * @throws {StatusError} 400 when it cannot be read, in the words of the real server.
 */
export function parseLabelTests(text: string): LabelTest[] {
  return new Parser(text).parse();
}

class Parser {
  readonly #tokens: string[];
  #next = 0;

  constructor(text: string) {
    this.#tokens = text.match(new RegExp(TOKEN, "g"))?.map((token) => token.trim()) ?? [];
  }

  parse(): LabelTest[] {
    const tests: LabelTest[] = [];
    while (this.#peek() !== "") {
      if (this.#peek() !== "!" && !this.#isWord()) {
        throw unexpected(this.#peek(), "!, identifier, or 'end of string'");
      }
      tests.push(this.#requirement());
      const separator = this.#take();
      if (separator === "") break;
      if (separator !== ",") throw unexpected(separator, "',' or 'end of string'");
      if (this.#peek() !== "!" && !this.#isWord()) {
        throw unexpected(this.#peek(), "identifier after ','");
      }
    }
    return tests;
  }

  #peek(): string {
    return this.#tokens[this.#next] ?? "";
  }
  #take(): string {
    const token = this.#peek();
    this.#next += 1;
    return token;
  }
  #isWord(): boolean {
    return !SYMBOLS.has(this.#peek());
  }
  #takeWord(): string {
    if (!this.#isWord()) throw broken(found(this.#peek(), "identifier"));
    return this.#take();
  }

  #requirement(): LabelTest {
    const absent = this.#peek() === "!";
    if (absent) this.#take();
    const key = this.#takeWord();
    const [fault] = checkQualifiedName(key);
    if (fault !== undefined) throw broken(`<nil>: Invalid value: ${JSON.stringify(key)}: ${fault}`);
    if (absent) return (labels) => labels[key] === undefined;
    if (this.#peek() === "" || this.#peek() === ",") return (labels) => labels[key] !== undefined;
    return this.#comparison(key, this.#take());
  }

  #comparison(key: string, operator: string): LabelTest {
    switch (operator) {
      case "in": {
        const wanted = this.#values(key);
        return (labels) => labels[key] !== undefined && wanted.has(labels[key]);
      }
      case "notin": {
        const unwanted = this.#values(key);
        return (labels) => labels[key] === undefined || !unwanted.has(labels[key]);
      }
      case "=":
      case "==": {
        const wanted = this.#value(key);
        return (labels) => labels[key] === wanted;
      }
      case "!=": {
        const unwanted = this.#value(key);
        return (labels) => labels[key] !== unwanted;
      }
      case "<":
      case ">":
        return this.#bound(key, operator);
      default:
        throw broken(found(operator, "in, notin, =, ==, !=, gt, lt"));
    }
  }

  #bound(key: string, operator: string): LabelTest {
    const text = this.#value(key);
    if (!/^[+-]?\d+$/.test(text)) {
      const why = "for 'Gt', 'Lt' operators, the value must be an integer";
      throw broken(`values[0]: Invalid value: ${JSON.stringify(text)}: ${why}`);
    }
    const bound = Number(text);
    return (labels) => {
      const number = Number(labels[key] ?? NaN);
      return operator === ">" ? number > bound : number < bound;
    };
  }

  #value(key: string): string {
    if (this.#peek() === "" || this.#peek() === ",") return "";
    return checkedValue(key, this.#takeWord(), 0);
  }

  #values(key: string): ReadonlySet<string> {
    const opening = this.#take();
    if (opening !== "(") throw broken(`found '${opening}' expected: '('`);
    const values: string[] = [];
    do {
      values.push(this.#isWord() ? checkedValue(key, this.#take(), values.length) : "");
      const separator = this.#take();
      if (separator === ")") return new Set(values);
      if (separator !== ",") throw broken(found(separator, "',' or ')'"));
    } while (true);
  }
}

function checkedValue(key: string, value: string, index: number): string {
  const [fault] = validateLabels({ [key]: value }, `values[${index}][${key}]`);
  if (fault !== undefined) throw broken(`${fault.field}: ${fault.message}`);
  return value;
}

function found(token: string, expected: string): string {
  return `found '${token}', expected: ${expected}`;
}
function unexpected(token: string, expected: string): Error {
  return badRequest(found(token, expected));
}
function broken(why: string): Error {
  return badRequest(`unable to parse requirement: ${why}`);
}
