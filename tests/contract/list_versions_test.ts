/** Lists in pages, and of a version. */
import type { Seen } from "./exchange.ts";
import { ABSENT, ANY, EMPTY, type ExpectedAnswer, invalid, ok, refused } from "./expected.ts";
import { configMap, DIENGINE, dijob } from "./objects.ts";
import { contract, type Expectation } from "./suite.ts";

const OWN = "fieldSelector=metadata.name!%3Dkube-root-ca.crt";

const TOO_LARGE: ExpectedAnswer = {
  status: 504,
  headers: { "retry-after": "1" },
  body: {
    reason: "Timeout",
    message: /^Timeout: Too large resource version: 999999999, current: \d+$/,
    details: {
      causes: [{ reason: "ResourceVersionTooLarge", message: "Too large resource version" }],
      retryAfterSeconds: 1,
    },
  },
};

const ROWS: readonly Expectation[] = [
  {
    it: "gives pages, and says how much is left",
    given: ["a", "b", "c"].map((name) => configMap(name)),
    send: "GET configmaps?limit=2",
    answers: ok({ metadata: { continue: /./, remainingItemCount: ANY }, items: [ANY, ANY] }),
  },
  {
    it: "goes on where a page ended, in the list's old version",
    after: [
      ...["a", "b", "c"].map((name) => ({ send: `POST ${DIENGINE}/dijobs`, body: dijob(name) })),
      {
        send: `GET ${DIENGINE}/dijobs?limit=2`,
        answers: ok({
          metadata: { remainingItemCount: 1 },
          items: [{ metadata: { name: "a" } }, { metadata: { name: "b" } }],
        }),
      },
      { send: `POST ${DIENGINE}/dijobs`, body: dijob("d") },
    ],
    send: (seen) =>
      `GET ${DIENGINE}/dijobs?limit=2&continue=${
        encodeURIComponent(seen("DIJobList").metadata.continue as string)
      }`,
    answers: (seen) =>
      ok({
        metadata: {
          resourceVersion: seen("DIJobList").metadata.resourceVersion,
          continue: EMPTY,
          remainingItemCount: ABSENT,
        },
        items: [{ metadata: { name: "c" } }],
      }),
  },
  {
    it: "does not count what is left behind a selector",
    given: ["a", "b", "c"].map((name) => configMap({ name, labels: { x: "1" } })),
    send: "GET configmaps?limit=1&labelSelector=x",
    answers: ok({
      metadata: { continue: /./, remainingItemCount: ABSENT },
      items: [{ metadata: { name: "a" } }],
    }),
  },
  {
    it: "refuses a continue token that is none of its own",
    send: "GET configmaps?limit=1&continue=nonsense",
    answers: refused(400, "BadRequest", /^invalid continue token: /),
  },
  {
    it: "gives a list at least as new as a version",
    given: [configMap("a")],
    send: (seen) => `GET configmaps?${OWN}&resourceVersion=${seen("a").metadata.resourceVersion}`,
    answers: ok({ items: [{ metadata: { name: "a" } }] }),
  },
  {
    it: "gives a list of exactly a version",
    given: [configMap("a"), configMap("b")],
    send: (seen) =>
      `GET configmaps?${OWN}&resourceVersionMatch=Exact&resourceVersion=${
        seen("a").metadata.resourceVersion
      }`,
    answers: (seen) =>
      ok({
        metadata: { resourceVersion: seen("a").metadata.resourceVersion },
        items: [{ metadata: { name: "a" } }],
      }),
  },
  {
    it: "refuses resourceVersionMatch without a version",
    send: "GET configmaps?resourceVersionMatch=Exact",
    answers: invalid("ListOptions.meta.k8s.io", "", [
      "Forbidden",
      "resourceVersionMatch",
      "Forbidden: resourceVersionMatch is forbidden unless resourceVersion is provided",
    ]),
  },
  {
    it: "asks for patience about a version that is yet to come",
    send: "GET configmaps?resourceVersion=999999999",
    answers: {
      status: 504,
      body: {
        reason: "Timeout",
        message: /^Timeout: Too large resource version: 999999999, current: \d+$/,
      },
    },
  },
  {
    it: "refuses a version that is no number",
    send: "GET configmaps?resourceVersion=x",
    answers: { status: 400, body: { kind: "Status", message: /x/ } },
  },
  {
    it: "refuses a version beside a continue token",
    given: ["a", "b"].map((name) => configMap(name)),
    after: [{ send: "GET configmaps?limit=1" }],
    send: (seen) => `GET configmaps?limit=1&resourceVersion=1&continue=${tokenOf(seen)}`,
    answers: refused(
      400,
      "BadRequest",
      "specifying resource version is not allowed when using continue",
    ),
  },
  {
    it: "refuses resourceVersionMatch beside a continue token",
    given: ["a", "b"].map((name) => configMap(name)),
    after: [{ send: "GET configmaps?limit=1" }],
    send: (seen) =>
      `GET configmaps?resourceVersion=1&resourceVersionMatch=Exact&continue=${tokenOf(seen)}`,
    answers: invalid("ListOptions.meta.k8s.io", "", [
      "Forbidden",
      "resourceVersionMatch",
      "Forbidden: resourceVersionMatch is forbidden when continue is provided",
    ]),
  },
  {
    it: "goes on behind a selector",
    given: ["a", "b", "c"].map((name) => configMap({ name, labels: { x: "1" } })),
    after: [{ send: "GET configmaps?limit=2&labelSelector=x" }],
    send: (seen) => `GET configmaps?limit=2&labelSelector=x&continue=${tokenOf(seen)}`,
    answers: ok({ metadata: { continue: EMPTY }, items: [{ metadata: { name: "c" } }] }),
  },
  {
    it: "gives everything of version 0, whatever the limit",
    after: ["a", "b"].flatMap((name) => [
      { send: "POST configmaps", body: configMap({ name, labels: { x: "1" } }) },
      {
        // Its cache may be behind.
        send: "GET configmaps?resourceVersion=0&labelSelector=x",
        answers: ok({ items: name === "a" ? [ANY] : [ANY, ANY] }),
        eventually: true,
      },
    ]),
    send: "GET configmaps?limit=1&resourceVersion=0&labelSelector=x",
    answers: ok({ metadata: { continue: EMPTY }, items: [ANY, ANY] }),
  },
  {
    it: "refuses a limit that is no number",
    send: "GET configmaps?limit=x",
    answers: refused(400, "BadRequest", 'strconv.ParseInt: parsing "x": invalid syntax'),
  },
  {
    it: "refuses to give exactly version 0",
    send: "GET configmaps?resourceVersion=0&resourceVersionMatch=Exact",
    answers: invalid("ListOptions.meta.k8s.io", "", [
      "Forbidden",
      "resourceVersionMatch",
      'Forbidden: resourceVersionMatch "exact" is forbidden for resourceVersion "0"',
    ]),
  },
  {
    it: "refuses an unknown resourceVersionMatch",
    send: "GET configmaps?resourceVersion=1&resourceVersionMatch=Sometimes",
    answers: invalid("ListOptions.meta.k8s.io", "", [
      "NotSupported",
      "resourceVersionMatch",
      'Unsupported value: "Sometimes": supported values: "Exact", "NotOlderThan", ""',
    ]),
  },
  ...["Exact", "NotOlderThan"].map((match): Expectation => ({
    it: `says when to ask again about a version that is yet to come, ${match}`,
    send: `GET configmaps?resourceVersion=999999999&resourceVersionMatch=${match}`,
    answers: TOO_LARGE,
  })),
  {
    it: "asks for patience about one object in a version that is yet to come",
    given: [configMap("a")],
    send: "GET configmaps/a?resourceVersion=999999999",
    answers: TOO_LARGE,
  },
  {
    it: "refuses sendInitialEvents without a watch",
    send: "GET configmaps?sendInitialEvents=true",
    answers: invalid("ListOptions.meta.k8s.io", "", [
      "Forbidden",
      "sendInitialEvents",
      "Forbidden: sendInitialEvents is forbidden for list",
    ]),
  },
];

/** The continue token of the latest list, for a query. */
function tokenOf(seen: Seen): string {
  return encodeURIComponent(String(seen("ConfigMapList").metadata["continue"]));
}

contract("list, versions", ROWS);
