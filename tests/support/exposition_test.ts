import { deepStrictEqual } from "node:assert/strict";
import { readExposition } from "./exposition.ts";

const GOOD = `# HELP di_calls_total Calls, by path (a \\\\ and a line\\nend).
# TYPE di_calls_total counter
di_calls_total{path="/a \\"b\\" } 1",code="200"} 3
di_calls_total{path="/a",code="500"} 1.5e+2

# A remark.
# HELP di_depth Depth now.
# TYPE di_depth gauge
di_depth -1
# HELP di_seconds Time of a call.
# TYPE di_seconds histogram
di_seconds_bucket{le="0.5",path="/a"} 1
di_seconds_bucket{le="+Inf",path="/a"} 2
di_seconds_sum{path="/a"} 7.5
di_seconds_count{path="/a"} 2
# HELP di_rare_total Never yet.
# TYPE di_rare_total counter
`;

Deno.test("readExposition() reads names, help, types, labels and values", () => {
  const { families, faults } = readExposition(GOOD);
  deepStrictEqual(faults, []);
  deepStrictEqual(families, [
    {
      name: "di_calls_total",
      help: "Calls, by path (a \\ and a line\nend).",
      type: "counter",
      samples: [
        {
          name: "di_calls_total",
          labels: new Map([["path", '/a "b" } 1'], ["code", "200"]]),
          value: 3,
        },
        { name: "di_calls_total", labels: new Map([["path", "/a"], ["code", "500"]]), value: 150 },
      ],
    },
    {
      name: "di_depth",
      help: "Depth now.",
      type: "gauge",
      samples: [{ name: "di_depth", labels: new Map(), value: -1 }],
    },
    {
      name: "di_seconds",
      help: "Time of a call.",
      type: "histogram",
      samples: [
        {
          name: "di_seconds_bucket",
          labels: new Map([["le", "0.5"], ["path", "/a"]]),
          value: 1,
        },
        {
          name: "di_seconds_bucket",
          labels: new Map([["le", "+Inf"], ["path", "/a"]]),
          value: 2,
        },
        { name: "di_seconds_sum", labels: new Map([["path", "/a"]]), value: 7.5 },
        { name: "di_seconds_count", labels: new Map([["path", "/a"]]), value: 2 },
      ],
    },
    { name: "di_rare_total", help: "Never yet.", type: "counter", samples: [] },
  ]);
});

/** The lines of a metric with help and type. */
function metric(name: string, type: string, ...samples: string[]): string {
  return [`# HELP ${name} Some help.`, `# TYPE ${name} ${type}`, ...samples, ""].join("\n");
}

function histogram(...samples: string[]): string {
  return metric("a_seconds", "histogram", ...samples.map((sample) => `a_seconds_${sample}`));
}

Deno.test.each([
  {
    what: "a last line without an end",
    text: "# A remark.",
    faults: ["the last line does not end"],
  },
  {
    what: "a metric without help",
    text: "# TYPE a gauge\na 1\n",
    faults: ["a: no HELP"],
  },
  { what: "an empty help", text: "# HELP a \n# TYPE a gauge\na 1\n", faults: ["a: no HELP"] },
  { what: "a metric without a type", text: "# HELP a Some help.\na 1\n", faults: ["a: no TYPE"] },
  {
    what: "help and type said twice",
    text: metric("a", "gauge", "# HELP a Again.", "# TYPE a gauge"),
    faults: ["line 3: a has a second HELP", "line 4: a has a second TYPE"],
  },
  {
    what: "a type after a sample",
    text: "# HELP a Some help.\na 1\n# TYPE a gauge\n",
    faults: ["line 3: a has its TYPE after a sample"],
  },
  {
    what: "an unknown type",
    text: metric("a", "meter"),
    faults: ['line 2: a has the unknown type "meter"', "a: no TYPE"],
  },
  {
    what: "a stray backslash in help",
    text: "# HELP a A \\t.\n# TYPE a gauge\n",
    faults: ["line 1: a has a HELP with a stray backslash"],
  },
  {
    what: "a comment that is nearly a type",
    text: "# TYPE 1a gauge\n",
    faults: ['line 1: cannot read "# TYPE 1a gauge"'],
  },
  {
    what: "a metric in two places",
    text: `${metric("a", "gauge", "a 1")}${metric("b", "gauge", "b 1")}a{x="1"} 1\n`,
    faults: ["line 7: a goes on after another metric"],
  },
  {
    what: "a name that is none",
    text: metric("a", "gauge", "a-b 1"),
    faults: ['line 3: cannot read "a-b 1"'],
  },
  {
    what: "a label's name that is none",
    text: metric("a", "gauge", 'a{x-y="1"} 1'),
    faults: [`line 3: cannot read ${JSON.stringify('a{x-y="1"} 1')}`],
  },
  {
    what: "a label's value that is not escaped",
    text: metric("a", "gauge", 'a{x="\\d"} 1'),
    faults: [`line 3: cannot read ${JSON.stringify('a{x="\\d"} 1')}`],
  },
  {
    what: "a value that is no number",
    text: metric("a", "gauge", "a one"),
    faults: ['line 3: cannot read "a one"'],
  },
  {
    what: "a timestamp",
    text: metric("a", "gauge", "a 1 1700000000000"),
    faults: ["line 3: a has a timestamp"],
  },
  {
    what: "a series twice, whatever the order of its labels",
    text: metric("a", "gauge", 'a{x="1",y="2"} 1', 'a{y="2",x="1"} 1'),
    faults: ['line 4: a second sample of a{y="2",x="1"}'],
  },
  {
    what: "a label twice",
    text: metric("a", "gauge", 'a{x="1",x="2"} 1'),
    faults: ["line 3: a has a label twice"],
  },
  {
    what: "a label of Prometheus",
    text: metric("a", "gauge", 'a{__x="1"} 1'),
    faults: ["a: label __x is Prometheus' own"],
  },
  {
    what: "a counter without _total",
    text: metric("a", "counter", "a 1"),
    faults: ["a: a counter ends in _total"],
  },
  {
    what: "a counter below 0",
    text: metric("a_total", "counter", "a_total -1"),
    faults: ["a_total: a counter is never below 0"],
  },
  {
    what: "a gauge with _total",
    text: metric("a_total", "gauge"),
    faults: ["a_total: only counters end in _total"],
  },
  {
    what: "a gauge that looks like a part of a histogram",
    text: metric("a_count", "gauge", "a_count 1"),
    faults: ["a_count: ends as a part of a histogram does"],
  },
  {
    what: "another unit than the base one",
    text: metric("a_milliseconds", "gauge"),
    faults: ["a_milliseconds: in milliseconds, not in seconds"],
  },
  {
    what: "an abbreviated unit",
    text: metric("a_ms_total", "counter"),
    faults: ["a_ms_total: its unit is abbreviated"],
  },
  {
    what: "a type in a name",
    text: metric("a_gauge", "gauge"),
    faults: ["a_gauge: has its type in its name"],
  },
  { what: "a name with capitals", text: metric("aB", "gauge"), faults: ["aB: not in snake_case"] },
  {
    what: "a name with a colon",
    text: metric("a:b", "gauge"),
    faults: ["a:b: colons are for recording rules"],
  },
  {
    what: "a label le or quantile elsewhere",
    text: metric("a", "gauge", 'a{le="1",quantile="0.5"} 1'),
    faults: ["a: label le is a histogram's", "a: label quantile is a summary's"],
  },
  {
    what: "buckets that are not cumulative",
    text: histogram('bucket{le="1"} 2', 'bucket{le="+Inf"} 1', "sum 1", "count 1"),
    faults: ["a_seconds: the buckets are not cumulative in {}"],
  },
  {
    what: "buckets whose bounds do not rise",
    text: histogram(
      'bucket{le="2"} 1',
      'bucket{le="1"} 1',
      'bucket{le="+Inf"} 1',
      "sum 1",
      "count 1",
    ),
    faults: ["a_seconds: the bounds of the buckets do not rise in {}"],
  },
  {
    what: "a bucket without a bound",
    text: histogram("bucket 1", 'bucket{le="+Inf"} 1', "sum 1", "count 1"),
    faults: ["a_seconds: a bucket has no number as le in {}"],
  },
  {
    what: "a histogram without +Inf",
    text: histogram('bucket{le="1",x="y"} 1', 'sum{x="y"} 1', 'count{x="y"} 1'),
    faults: ['a_seconds: no last bucket +Inf in {x="y"}'],
  },
  {
    what: "a bucket +Inf that is not the count",
    text: histogram('bucket{le="+Inf"} 1', "sum 1", "count 2"),
    faults: ["a_seconds: bucket +Inf is not _count in {}"],
  },
  {
    what: "a histogram without sum and count",
    text: histogram('bucket{le="+Inf"} 1'),
    faults: ["a_seconds: no _count in {}", "a_seconds: no _sum in {}"],
  },
])("readExposition() finds fault with $what", ({ text, faults }) => {
  deepStrictEqual(readExposition(text).faults, faults);
});
