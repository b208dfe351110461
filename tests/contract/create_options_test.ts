/** Creating objects: what a request asks for beside its body. */
import { ABSENT, ANY, created, invalid, notFound } from "./expected.ts";
import { configMap, pod } from "./objects.ts";
import { contract, type Expectation } from "./suite.ts";

const ROWS: readonly Expectation[] = [
  {
    it: "stores nothing with dryRun=All",
    send: "POST configmaps?dryRun=All",
    body: configMap("a"),
    answers: created({ metadata: { name: "a", uid: ANY } }),
    then: [{ send: "GET configmaps/a", answers: notFound("configmaps", "a") }],
  },
  {
    it: "refuses an unknown value of dryRun",
    send: "POST configmaps?dryRun=Some",
    body: configMap("a"),
    answers: invalid("CreateOptions.meta.k8s.io", "", [
      "NotSupported",
      "dryRun",
      'Unsupported value: ["Some"]: supported values: "All"',
    ]),
  },
  {
    it: "makes up a name with dryRun=All too",
    send: "POST pods?dryRun=All",
    body: pod({ generateName: "dry-" }),
    answers: created({ metadata: { name: /^dry-.{5}$/, resourceVersion: ABSENT } }),
  },
  {
    it: "refuses an invalid object with dryRun=All",
    send: "POST configmaps?dryRun=All",
    body: configMap({}),
    answers: { status: 422 },
  },
  {
    it: "refuses a name that is taken with dryRun=All",
    given: [configMap("a")],
    send: "POST configmaps?dryRun=All",
    body: configMap("a"),
    answers: { status: 409 },
  },
  {
    it: "refuses a dryRun without a value",
    send: "POST configmaps?dryRun=",
    body: configMap("a"),
    answers: invalid("CreateOptions.meta.k8s.io", "", [
      "NotSupported",
      "dryRun",
      'Unsupported value: [""]: supported values: "All"',
    ]),
  },
  {
    it: "refuses a long name of a field manager",
    send: `POST configmaps?fieldManager=${"m".repeat(129)}`,
    body: configMap("a"),
    answers: invalid("CreateOptions.meta.k8s.io", "", [
      "TooLong",
      "fieldManager",
      "Too long: may not be more than 128 bytes",
    ]),
  },
  {
    it: "refuses an unknown value of fieldValidation",
    send: "POST configmaps?fieldValidation=Maybe",
    body: configMap("a"),
    answers: invalid("CreateOptions.meta.k8s.io", "", [
      "NotSupported",
      "fieldValidation",
      'Unsupported value: "Maybe": supported values: "", "Ignore", "Strict", "Warn"',
    ]),
  },
];

contract("create, options", ROWS);
