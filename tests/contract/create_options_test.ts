/** Creating objects: what a request asks for beside its body. */
import { ABSENT, ANY, created, invalid, notFound } from "./expected.ts";
import { configMap, ownedBy, pod, service } from "./objects.ts";
import { contract, type Expectation } from "./suite.ts";

/** A service with a port of every node that no other row takes. */
const NODE_PORT = service("a", {
  type: "NodePort",
  clusterIP: undefined,
  ports: [{ port: 80, nodePort: 31_991 }],
});

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
  {
    it: "gives nothing out for a service with dryRun=All",
    after: [{ send: "POST services?dryRun=All", body: NODE_PORT }],
    send: "POST services",
    body: NODE_PORT,
    answers: created({ spec: { ports: [{ nodePort: 31_991 }] } }),
    then: [{ send: "DELETE services/a" }],
  },
  {
    it: "counts an owner once, and warns of it",
    given: [configMap("a")],
    send: "POST configmaps",
    body: (seen) => {
      const owner = ownedBy(seen("a"));
      return configMap({ name: "b", ownerReferences: [owner, owner] });
    },
    answers: {
      status: 201,
      body: { metadata: { ownerReferences: [{ name: "a" }] } },
      headers: { warning: /ownerReferences contains duplicate entries/ },
    },
  },
];

contract("create, options", ROWS);
