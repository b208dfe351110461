/** Requests that nothing answers, and how that is said. */
import { ABSENT, created, notFound, ok, refused } from "./expected.ts";
import { configMap, DIENGINE } from "./objects.ts";
import { contract, type Expectation } from "./suite.ts";

const NO_SUCH = refused(404, "NotFound", "the server could not find the requested resource", {});
const NOT_ALLOWED = refused(
  405,
  "MethodNotAllowed",
  "the server does not allow this method on the requested resource",
  {},
);

const UNKNOWN_FORMAT = refused(
  415,
  "UnsupportedMediaType",
  "the body of the request was in an unknown format - accepted media types include: " +
    "application/json, application/yaml, application/vnd.kubernetes.protobuf",
);
const TOO_LARGE = refused(
  413,
  "RequestEntityTooLarge",
  "Request entity too large: limit is 3145728",
);
const ROWS: readonly Expectation[] = [
  { it: "says that it lives", send: "GET /livez", answers: ok("ok") },
  {
    it: "tells its version",
    send: "GET /version",
    answers: ok({ major: "1", gitVersion: /^v1\.\d+\.\d+/ }),
  },
  {
    it: "names an object that is not there",
    send: "GET configmaps/a",
    answers: notFound("configmaps", "a"),
  },
  {
    it: "names the group of a custom resource that is not there",
    send: `GET ${DIENGINE}/dijobs/a`,
    answers: notFound("dijobs.diengine.opendilab.org", "a"),
  },
  { it: "knows no such resource", send: "GET frobnicators", answers: NO_SUCH },
  {
    it: "knows no such group",
    send: "GET /apis/nowhere.example.com/v1/things",
    answers: { status: 404, body: "404 page not found\n" },
  },
  {
    it: "knows no such version",
    send: "GET /apis/diengine.opendilab.org/v9/dijobs",
    answers: { status: 404, body: "404 page not found\n" },
  },
  { it: "knows no such path", send: "GET /nowhere", answers: { status: 404 } },
  {
    it: "knows no such subresource",
    given: [configMap("a")],
    send: "GET configmaps/a/status",
    answers: NO_SUCH,
  },
  {
    it: "refuses to replace a collection",
    send: "PUT configmaps",
    body: configMap("a"),
    answers: NOT_ALLOWED,
  },
  {
    it: "refuses to post to an object",
    given: [configMap("a")],
    send: "POST configmaps/a",
    body: configMap("a"),
    answers: NOT_ALLOWED,
  },
  {
    it: "refuses to patch a collection",
    send: "PATCH configmaps",
    type: "merge",
    body: {},
    answers: NOT_ALLOWED,
  },
  { it: "refuses to delete a log", send: "DELETE pods/a/log", answers: NOT_ALLOWED },
  {
    it: "refuses a body of an unknown media type",
    send: "POST configmaps",
    type: "text/plain",
    body: "hello",
    answers: refused(
      415,
      "UnsupportedMediaType",
      /^the body of the request was in an unknown format - accepted media types include: /,
    ),
  },
  {
    it: "refuses to answer in a media type that it does not have",
    send: "GET configmaps",
    accept: "text/csv",
    answers: refused(
      406,
      "NotAcceptable",
      /^406: Not Acceptable\n\nAvailable representations: application\/json/,
      {},
    ),
  },
  {
    it: "answers in JSON whatever else is wanted as well",
    send: "GET configmaps",
    accept: "text/csv, application/json;q=0.5",
    answers: ok({ kind: "ConfigMapList" }),
  },
  {
    it: "refuses the log of a pod that is not there",
    send: "GET pods/a/log",
    answers: notFound("pods", "a"),
  },
  {
    it: "marks its answers as JSON",
    send: "GET configmaps",
    answers: { status: 200, headers: { "content-type": "application/json" } },
  },
  { it: "lists the groups", send: "GET /apis", answers: ok({ kind: "APIGroupList" }) },
  {
    it: "lists the versions of the core group",
    send: "GET /api",
    answers: ok({ kind: "APIVersions", versions: ["v1"] }),
  },
  {
    it: "applies nothing where there is no such resource",
    send: "PATCH frobnicators/a?fieldManager=me",
    type: "apply",
    body: configMap("a"),
    answers: NO_SUCH,
  },
  {
    it: "refuses limits that are no numbers",
    send: "GET configmaps?limit=many",
    answers: { status: 400, body: { kind: "Status", reason: "BadRequest", details: ABSENT } },
  },
  ...["POST configmaps", "PUT configmaps/a"].map((send): Expectation => ({
    it: `refuses ${send} of more than 3 MiB`,
    send,
    body: () => JSON.stringify(configMap("a", { x: "y".repeat(3 * 1024 * 1024) })),
    answers: TOO_LARGE,
  })),
  {
    it: "refuses a patch of more than 3 MiB",
    given: [configMap("a")],
    send: "PATCH configmaps/a",
    type: "merge",
    body: () => JSON.stringify({ data: { x: "y".repeat(3 * 1024 * 1024) } }),
    answers: TOO_LARGE,
  },
  ...["nonsense", "application/x-www-form-urlencoded", "application/merge-patch+json"].map((
    type,
  ): Expectation => ({
    it: `refuses a body of type ${type}`,
    send: "POST configmaps",
    type,
    body: "{}",
    answers: UNKNOWN_FORMAT,
  })),
  {
    it: "refuses to replace an object by a patch",
    given: [configMap("a")],
    send: "PUT configmaps/a",
    type: "merge",
    body: {},
    answers: UNKNOWN_FORMAT,
  },
  {
    it: "refuses to patch by an object",
    given: [configMap("a")],
    send: "PATCH configmaps/a",
    type: "application/json",
    body: configMap("a"),
    answers: refused(415, "UnsupportedMediaType", "415: Unsupported Media Type", {}),
  },
  {
    it: "refuses to delete with a body of an unknown media type",
    given: [configMap("a")],
    send: "DELETE configmaps/a",
    type: "text/plain",
    body: "x",
    answers: UNKNOWN_FORMAT,
    then: [{ send: "GET configmaps/a", answers: ok() }],
  },
  {
    it: "refuses to delete with a body that is no JSON",
    given: [configMap("a")],
    send: "DELETE configmaps/a",
    body: "{",
    answers: refused(
      400,
      "BadRequest",
      /^couldn't get version\/kind; json parse error: /,
    ),
  },
  {
    it: "takes a body whose type has parameters",
    send: "POST configmaps",
    type: "application/json; charset=utf-8",
    body: configMap("a"),
    answers: created({ metadata: { name: "a" } }),
  },
  {
    it: "refuses a method that nobody knows",
    send: "FOO configmaps",
    answers: NOT_ALLOWED,
  },
];

contract("errors", ROWS);
