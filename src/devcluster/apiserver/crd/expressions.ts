/** CEL expressions over a node of a schema: compiled against what the schema declares there. */
import { type ASTNode, Environment } from "@marcbachmann/cel-js";
import type { JsonObject } from "../json.ts";
import type { Shape } from "../schema/shape.ts";
import { addKubernetesFunctions } from "./cel_library.ts";

/** An expression that can be evaluated, or why it cannot be used. */
export type Compiled =
  | { readonly evaluate: (context: JsonObject) => unknown; readonly fault?: undefined }
  | { readonly fault: string };

/** What expressions are compiled against; one for each type of `self`. */
const environments = new Map<string, Environment>();

function environmentOf(type: string, optionalOldSelf: boolean): Environment {
  const name = `${type} ${optionalOldSelf}`;
  let environment = environments.get(name);
  if (environment === undefined) {
    environment = addKubernetesFunctions(new Environment({ enableOptionalTypes: true }))
      .registerVariable("self", type)
      .registerVariable("oldSelf", optionalOldSelf ? `optional<${type}>` : type);
    environments.set(name, environment);
  }
  return environment;
}

/**
 * Compiles an expression over values of `shape`.
 *
 * @param wanted Type of the result.
 * @param optionalOldSelf Whether `oldSelf` is an optional value.
 */
export function compile(
  text: string,
  shape: Shape,
  wanted: "bool" | "string",
  optionalOldSelf = false,
): Compiled {
  const environment = environmentOf(celType(shape), optionalOldSelf);
  try {
    const parsed = environment.parse(text);
    const { valid, type, error } = parsed.check();
    if (!valid) return { fault: `compilation failed: ERROR: ${firstLine(error)}` };
    const unknown = undefinedField(parsed.ast, shape);
    if (unknown !== undefined) {
      return { fault: `compilation failed: ERROR: undefined field '${unknown}'` };
    }
    const field = shapeOf(parsed.ast, shape);
    const found = type === "dyn" && field !== undefined ? celType(field) : type;
    if (found !== wanted && found !== "dyn") {
      const what = wanted === "bool" ? "cel expression" : "messageExpression";
      return { fault: `${what} must evaluate to a ${wanted}` };
    }
    return { evaluate: parsed };
  } catch (error) {
    return { fault: `compilation failed: ERROR: ${firstLine(error)}` };
  }
}

/** The first line of an error's text. */
export function firstLine(error: unknown): string {
  return String(error instanceof Error ? error.message : error).split("\n")[0] ?? "";
}

/** Fields of an object that rules see although its schema need not name them. */
const ALWAYS_THERE: ReadonlySet<string> = new Set(["apiVersion", "kind", "metadata"]);

function celType(shape: Shape): string {
  const types = {
    object: "map",
    array: "list",
    string: "string",
    integer: "int",
    number: "double",
    boolean: "bool",
    any: "dyn",
  };
  return types[shape.type];
}

/** The first field below `self` that the schema does not declare. */
function undefinedField(node: ASTNode, self: Shape): string | undefined {
  if (node.op === "." || node.op === ".?") {
    const [object, field] = node.args;
    const shape = shapeOf(object, self);
    if (shape !== undefined && isClosed(shape) && !hasField(shape, field, shape === self)) {
      return field;
    }
  }
  for (const child of childrenOf(node.args)) {
    const found = undefinedField(child, self);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** The schema of what a chain of fields and indexes leads to. */
function shapeOf(node: ASTNode, self: Shape): Shape | undefined {
  switch (node.op) {
    case "id":
      return node.args === "self" ? self : undefined;
    case ".":
      return shapeOf(node.args[0], self)?.member(node.args[1]);
    case "[]": {
      const parent = shapeOf(node.args[0], self);
      return parent?.items ?? parent?.additional;
    }
    default:
      return undefined;
  }
}

function isClosed(shape: Shape): boolean {
  return shape.type === "object" && shape.properties.size > 0 && !shape.embedded;
}

function hasField(shape: Shape, field: string, isSelf: boolean): boolean {
  // Names that are no identifiers are written with underscores.
  return field.startsWith("__") || shape.member(field) !== undefined ||
    isSelf && ALWAYS_THERE.has(field);
}

function childrenOf(args: unknown): ASTNode[] {
  if (Array.isArray(args)) return args.flatMap(childrenOf);
  return isNode(args) ? [args] : [];
}

function isNode(value: unknown): value is ASTNode {
  return typeof value === "object" && value !== null && "op" in value && "args" in value;
}
