/**
 * Reads PromQL expressions, and the series that there are, from standard input; says of each expression
 * what is wrong with it, which labels its result has, and which values it looks for.
 */
import type { SyntaxNode } from "@lezer/common";
import { parser } from "@prometheus-io/lezer-promql";

interface Series {
  readonly type: string;
  readonly labels: readonly string[];
}
interface Input {
  readonly series: Readonly<Record<string, Series>>;
  readonly expressions: readonly string[];
}
interface Matcher {
  readonly metric: string;
  readonly label: string;
  readonly operator: string;
  readonly value: string;
}
/** What an expression comes to: a number, or series with these labels. */
type Result = { readonly kind: "scalar" } | {
  readonly kind: "vector";
  readonly labels: ReadonlySet<string>;
};

const SCALAR: Result = { kind: "scalar" };
/** Functions of what has passed in a time: they need a counter, and that time. */
const OF_COUNTERS = ["rate", "irate", "increase"];
/** Nodes that leave the labels of what is in them alone. */
const TRANSPARENT = ["ParenExpr", "UnaryExpr", "OffsetExpr", "SubqueryExpr", "StepInvariantExpr"];
const LITERALS = ["NumberDurationLiteral", "StringLiteral"];
const SET_OPERATORS = ["And", "Or", "Unless"];

class Checker {
  readonly faults: string[] = [];
  readonly matchers: Matcher[] = [];

  constructor(
    readonly text: string,
    readonly series: Input["series"],
  ) {}

  check(): readonly string[] {
    const tree = parser.parse(this.text);
    tree.iterate({
      enter: ({ type, from }) => {
        if (type.isError) this.faults.push(`no PromQL at ${from}: ${this.text.slice(from)}`);
      },
    });
    const expression = tree.topNode.firstChild;
    if (expression === null || this.faults.length > 0) return [];
    const result = this.#visit(expression);
    return result.kind === "vector" ? [...result.labels].sort() : [];
  }

  #visit(node: SyntaxNode): Result {
    if (LITERALS.includes(node.name)) return SCALAR;
    if (TRANSPARENT.includes(node.name)) return this.#visitFirst(node);
    if (node.name === "VectorSelector") return this.#visitSelector(node);
    if (node.name === "FunctionCall") return this.#visitCall(node);
    if (node.name === "AggregateExpr") return this.#visitAggregate(node);
    if (node.name === "BinaryExpr") return this.#visitBinary(node);
    this.faults.push(`${node.name} is out of place: ${this.#textOf(node)}`);
    return SCALAR;
  }

  #visitFirst(node: SyntaxNode): Result {
    const inner = childrenOf(node).find(({ name }) => isExpression(name));
    return inner === undefined ? SCALAR : this.#visit(inner);
  }

  #visitSelector(node: SyntaxNode): Result {
    const metric = this.#textOf(node.getChild("Identifier"));
    const series = this.series[metric];
    if (series === undefined) {
      this.faults.push(`no metric ${metric || this.#textOf(node)}`);
      return { kind: "vector", labels: new Set() };
    }
    const labels = new Set(series.labels);
    for (
      const matcher of node.getChild("LabelMatchers")?.getChildren("UnquotedLabelMatcher") ?? []
    ) {
      const [label = "", operator = "", quoted = '""'] = childrenOf(matcher).map((child) =>
        this.#textOf(child)
      );
      this.#requireLabel(labels, label, metric);
      this.matchers.push({ metric, label, operator, value: JSON.parse(quoted) });
    }
    return { kind: "vector", labels };
  }

  #visitCall(node: SyntaxNode): Result {
    const name = this.#textOf(node.getChild("FunctionIdentifier"));
    const args = childrenOf(node.getChild("FunctionCallBody"));
    if (OF_COUNTERS.includes(name)) return this.#visitRate(name, args);
    const results = args.map((arg) => this.#visit(arg));
    const labels = new Set(results.flatMap(labelsOf));
    if (name === "vector" || name === "absent") return { kind: "vector", labels: new Set() };
    if (name === "histogram_quantile") {
      this.#requireLabel(labels, "le", name);
      labels.delete("le");
    }
    return { kind: "vector", labels };
  }

  #visitRate(name: string, [range]: readonly SyntaxNode[]): Result {
    const selector = range?.name === "MatrixSelector" ? range.getChild("VectorSelector") : null;
    if (selector === null) {
      this.faults.push(`${name} of what has no time: ${this.#textOf(range)}`);
      return SCALAR;
    }
    const metric = this.#textOf(selector.getChild("Identifier"));
    const type = this.series[metric]?.type ?? "counter";
    if (type !== "counter") this.faults.push(`${name} of ${metric}, a ${type}`);
    return this.#visitSelector(selector);
  }

  #visitAggregate(node: SyntaxNode): Result {
    const inner = childrenOf(node.getChild("FunctionCallBody")).map((arg) => this.#visit(arg));
    const labels = new Set(inner.flatMap(labelsOf));
    const modifier = node.getChild("AggregateModifier");
    const named = this.#labelsIn(modifier);
    for (const label of named) this.#requireLabel(labels, label, this.#textOf(node));
    return modifier?.getChild("Without")
      ? { kind: "vector", labels: labels.difference(new Set(named)) }
      : { kind: "vector", labels: new Set(named) };
  }

  #visitBinary(node: SyntaxNode): Result {
    const [leftNode, rightNode] = childrenOf(node).filter(({ name }) => isExpression(name));
    if (leftNode === undefined || rightNode === undefined) return SCALAR;
    const [left, right] = [this.#visit(leftNode), this.#visit(rightNode)];
    if (left.kind === "scalar") return right;
    if (right.kind === "scalar") return left;
    const matching = node.getChild("MatchingModifierClause");
    for (const label of this.#labelsIn(matching)) {
      for (const { labels } of [left, right]) {
        this.#requireLabel(labels, label, this.#textOf(matching));
      }
    }
    const operator = childrenOf(node)[1]?.name ?? "";
    if (operator === "Or") return { kind: "vector", labels: left.labels.union(right.labels) };
    if (matching === null && left.labels.symmetricDifference(right.labels).size > 0) {
      this.faults.push(`the sides have other labels: ${this.#textOf(node)}`);
    }
    if (matching?.getChild("On") && !SET_OPERATORS.includes(operator)) {
      return { kind: "vector", labels: new Set(this.#labelsIn(matching)) };
    }
    return left;
  }

  #labelsIn(modifier: SyntaxNode | null): string[] {
    const lists = modifier?.getChildren("GroupingLabels") ?? [];
    return lists.flatMap((list) => list.getChildren("LabelName").map((name) => this.#textOf(name)));
  }

  #requireLabel(labels: ReadonlySet<string>, label: string, where: string): void {
    if (!labels.has(label)) this.faults.push(`no label ${label} in ${where}`);
  }

  #textOf(node: SyntaxNode | null | undefined): string {
    return node ? this.text.slice(node.from, node.to) : "";
  }
}

function childrenOf(node: SyntaxNode | null): SyntaxNode[] {
  const children: SyntaxNode[] = [];
  for (let child = node?.firstChild ?? null; child !== null; child = child.nextSibling) {
    children.push(child);
  }
  return children;
}

function isExpression(name: string): boolean {
  return name.endsWith("Expr") || name.endsWith("Selector") || name === "FunctionCall" ||
    LITERALS.includes(name);
}

function labelsOf(result: Result): string[] {
  return result.kind === "vector" ? [...result.labels] : [];
}

const { series, expressions }: Input = JSON.parse(
  await new Response(Deno.stdin.readable).text(),
);
const checked = expressions.map((expression) => {
  const checker = new Checker(expression, series);
  const labels = checker.check();
  return { expression, labels, faults: checker.faults, matchers: checker.matchers };
});
await Deno.stdout.write(new TextEncoder().encode(JSON.stringify(checked)));
