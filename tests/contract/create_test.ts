/** Creating objects: names, metadata, options. */
import { ABSENT, ANY, badRequest, created, invalid, notFound, refused } from "./expected.ts";
import { configMap, DIENGINE, dijob, eventBeside, lease, object } from "./objects.ts";
import { contract, type Expectation } from "./suite.ts";

const SUBDOMAIN =
  "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', " +
  "and must start and end with an alphanumeric character (e.g. 'example.com', regex used for " +
  "validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";
const LABEL_VALUE =
  "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', " +
  "and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or " +
  "'12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')";
const NAME_PART =
  "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an " +
  "alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is " +
  "'([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')";
const LABEL_KEY =
  "a valid label key must consist of alphanumeric characters, '-', '_' or '.', and must start and end " +
  "with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for " +
  "validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]') with an optional DNS subdomain prefix " +
  "and '/' (e.g. 'example.com/MyName')";
const LONG = "a".repeat(254);

const ROWS: readonly Expectation[] = [
  {
    it: "answers with the object and what it was given",
    send: "POST configmaps",
    body: configMap("a", { x: "1" }),
    answers: created({
      apiVersion: "v1",
      kind: "ConfigMap",
      metadata: {
        name: "a",
        namespace: /^contract-/,
        uid: /^[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}$/,
        resourceVersion: /^[1-9][0-9]*$/,
        creationTimestamp: /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/,
      },
      data: { x: "1" },
    }),
  },
  {
    it: "makes up a name from generateName",
    send: "POST configmaps",
    body: configMap({ generateName: "few-" }),
    answers: created({
      metadata: { name: /^few-[bcdfghjklmnpqrstvwxz2456789]{5}$/, generateName: "few-" },
    }),
  },
  {
    it: "shortens a long generateName to 63 characters",
    send: "POST configmaps",
    body: configMap({ generateName: "long-".repeat(16) }),
    answers: created({ metadata: { name: /^.{63}$/ } }),
  },
  {
    it: "refuses an object without a name",
    send: "POST configmaps",
    body: configMap({}),
    answers: invalid("ConfigMap", "", [
      "Required",
      "metadata.name",
      "Required value: name or generateName is required",
    ]),
  },
  {
    it: "refuses a name that is taken",
    given: [configMap("a")],
    send: "POST configmaps",
    body: configMap("a", { x: "2" }),
    answers: refused(409, "AlreadyExists", 'configmaps "a" already exists', {
      name: "a",
      kind: "configmaps",
    }),
  },
  {
    it: "names the group of a custom resource whose name is taken",
    given: [dijob("a")],
    send: `POST ${DIENGINE}/dijobs`,
    body: dijob("a"),
    answers: refused(409, "AlreadyExists", 'dijobs.diengine.opendilab.org "a" already exists', {
      name: "a",
      group: "diengine.opendilab.org",
      kind: "dijobs",
    }),
  },
  {
    it: "refuses a name with capitals and underscores",
    send: "POST configmaps",
    body: configMap("Big_Name"),
    answers: invalid("ConfigMap", "Big_Name", [
      "Invalid",
      "metadata.name",
      `Invalid value: "Big_Name": ${SUBDOMAIN}`,
    ]),
  },
  {
    it: "refuses a label value with a slash",
    send: "POST configmaps",
    body: configMap({ name: "a", labels: { team: "a/b" } }),
    answers: invalid("ConfigMap", "a", [
      "Invalid",
      "metadata.labels",
      `Invalid value: "a/b": ${LABEL_VALUE}`,
    ]),
  },
  {
    it: "refuses an owner without uid",
    send: "POST configmaps",
    body: configMap({
      name: "a",
      ownerReferences: [{ apiVersion: "v1", kind: "ConfigMap", name: "o", uid: "" }],
    }),
    answers: invalid("ConfigMap", "a", [
      "Invalid",
      "metadata.ownerReferences.uid",
      'Invalid value: "": must not be empty',
    ]),
  },
  {
    it: "refuses a second controller",
    send: "POST configmaps",
    body: configMap({
      name: "a",
      ownerReferences: ["1", "2"].map((uid) => ({
        apiVersion: "v1",
        kind: "ConfigMap",
        name: "o" + uid,
        uid,
        controller: true,
      })),
    }),
    answers: invalid("ConfigMap", "a", [
      "Invalid",
      "metadata.ownerReferences",
      'Invalid value: [{"apiVersion":"v1","kind":"ConfigMap","name":"o1","uid":"1","controller":true},{"apiVersion":"v1","kind":"ConfigMap","name":"o2","uid":"2","controller":true}]: Only one reference can have Controller set to true. Found "true" in references for ConfigMap/o1 and ConfigMap/o2',
    ]),
  },
  {
    it: "refuses a resourceVersion",
    send: "POST configmaps",
    body: configMap({ name: "a", resourceVersion: "1" }),
    answers: {
      status: 500,
      body: {
        kind: "Status",
        message: "resourceVersion should not be set on objects to be created",
      },
    },
  },
  {
    it: "gives uid and creation time itself",
    send: "POST configmaps",
    body: configMap({
      name: "a",
      uid: "mine",
      creationTimestamp: "2001-01-01T00:00:00Z",
      generation: 7,
    }),
    answers: created({ metadata: { uid: /^.{36}$/, creationTimestamp: /^20[2-9]/ } }),
  },
  {
    it: "refuses an object of another namespace than the path's",
    send: "POST configmaps",
    body: configMap({ name: "a", namespace: "elsewhere" }),
    answers: refused(
      400,
      "BadRequest",
      "the namespace of the provided object does not match the namespace sent on the request",
    ),
  },
  {
    it: "refuses an object for a namespace that is not there",
    send: "POST /api/v1/namespaces/nowhere/configmaps",
    body: configMap("a"),
    answers: notFound("namespaces", "nowhere"),
  },
  {
    it: "takes a generation of 1 for a custom resource",
    send: `POST ${DIENGINE}/dijobs`,
    body: dijob({ name: "a", generation: 9 }),
    answers: created({ metadata: { generation: 1 } }),
  },
  {
    it: "takes the name where there is one, and keeps generateName",
    send: "POST configmaps",
    body: configMap({ name: "a", generateName: "few-" }),
    answers: created({ metadata: { name: "a", generateName: "few-" } }),
  },
  {
    it: "refuses a generateName that no name can begin with",
    send: "POST configmaps",
    body: configMap({ generateName: "Bad_" }),
    answers: refused(
      422,
      "Invalid",
      /^ConfigMap "Bad_.{5}" is invalid: \[metadata.generateName: Invalid value: "Bad_": a lowercase RFC 1123 subdomain .*, metadata.name: Invalid value: "Bad_.{5}": a lowercase/,
      ANY,
    ),
  },
  {
    it: "refuses a name of 254 letters",
    send: "POST configmaps",
    body: configMap(LONG),
    answers: invalid("ConfigMap", LONG, [
      "Invalid",
      "metadata.name",
      `Invalid value: "${LONG}": must be no more than 253 characters`,
    ]),
  },
  {
    it: "refuses a namespace whose name has a dot",
    send: "POST /api/v1/namespaces",
    body: object("v1", "Namespace", "a.b"),
    answers: invalid("Namespace", "a.b", [
      "Invalid",
      "metadata.name",
      'Invalid value: "a.b": must not contain dots',
    ]),
  },
  {
    it: "refuses a node with a bad name",
    send: "POST /api/v1/nodes",
    body: object("v1", "Node", "Bad_node"),
    answers: invalid("Node", "Bad_node", [
      "Invalid",
      "metadata.name",
      `Invalid value: "Bad_node": ${SUBDOMAIN}`,
    ]),
  },
  {
    it: "refuses a lease with a bad name",
    send: "POST coordination.k8s.io/v1/leases",
    body: lease("A b"),
    answers: invalid("Lease.coordination.k8s.io", "A b", [
      "Invalid",
      "metadata.name",
      `Invalid value: "A b": ${SUBDOMAIN}`,
    ]),
  },
  {
    it: "refuses a custom resource with a bad name",
    send: `POST ${DIENGINE}/dijobs`,
    body: dijob("Bad"),
    answers: {
      status: 422,
      body: { details: { group: "diengine.opendilab.org", kind: "DIJob", name: "Bad" } },
    },
  },
  {
    it: "lets an event be called anything",
    given: [configMap("a")],
    send: "POST events",
    body: eventBeside("a", "x..y"),
    answers: created({ metadata: { name: "x..y" } }),
  },
  ...[
    { key: "bad key", fault: NAME_PART },
    { key: "a/b/c", fault: LABEL_KEY },
    { key: "/x", fault: "prefix part must be non-empty" },
    { key: "A_b/c", fault: `prefix part ${SUBDOMAIN}` },
    { key: "k".repeat(64), fault: "name part must be no more than 63 bytes" },
  ].map(({ key, fault }): Expectation => ({
    it: `refuses a label called ${key}`,
    send: "POST configmaps",
    body: configMap({ name: "a", labels: { [key]: "v" } }),
    answers: invalid("ConfigMap", "a", [
      "Invalid",
      "metadata.labels",
      `Invalid value: "${key}": ${fault}`,
    ]),
  })),
  {
    it: "refuses a label value of 64 letters",
    send: "POST configmaps",
    body: configMap({ name: "a", labels: { k: "v".repeat(64) } }),
    answers: invalid("ConfigMap", "a", [
      "Invalid",
      "metadata.labels",
      `Invalid value: "${"v".repeat(64)}": must be no more than 63 bytes`,
    ]),
  },
  {
    it: "refuses a label that is no text",
    send: "POST configmaps",
    body: configMap({ name: "a", labels: { k: 1 } }),
    answers: badRequest(
      'ConfigMap in version "v1" cannot be handled as a ConfigMap: json: cannot unmarshal number ' +
        "into Go struct field ObjectMeta.metadata.labels of type string",
    ),
  },
  {
    it: "takes null for an empty label",
    send: "POST configmaps",
    body: configMap({ name: "a", labels: { k: null } }),
    answers: created({ metadata: { labels: { k: "" } } }),
  },
  {
    it: "refuses an annotation with a bad key",
    send: "POST configmaps",
    body: configMap({ name: "a", annotations: { "bad key": "v" } }),
    answers: invalid("ConfigMap", "a", [
      "Invalid",
      "metadata.annotations",
      `Invalid value: "bad key": ${NAME_PART}`,
    ]),
  },
  {
    it: "refuses annotations of more than 256 KiB",
    send: "POST configmaps",
    body: configMap({ name: "a", annotations: { k: "v".repeat(256 * 1024) } }),
    answers: invalid("ConfigMap", "a", [
      "TooLong",
      "metadata.annotations",
      "Too long: may not be more than 262144 bytes",
    ]),
  },
  {
    it: "refuses a finalizer of nobody's",
    send: "POST configmaps",
    body: configMap({ name: "a", finalizers: ["plain"] }),
    answers: invalid("ConfigMap", "a", [
      "Invalid",
      "metadata.finalizers[0]",
      'Invalid value: "plain": name is neither a standard finalizer name nor is it fully qualified',
    ]),
  },
  {
    it: "refuses an event as an owner",
    send: "POST configmaps",
    body: configMap({
      name: "a",
      ownerReferences: [{ apiVersion: "v1", kind: "Event", name: "e", uid: "u" }],
    }),
    answers: invalid("ConfigMap", "a", [
      "Invalid",
      "metadata.ownerReferences",
      'Invalid value: {"apiVersion":"v1","kind":"Event","name":"e","uid":"u"}: ' +
      "/v1, Kind=Event is disallowed from being an owner",
    ]),
  },
  {
    it: "takes no time of deletion",
    send: "POST configmaps",
    body: configMap({
      name: "a",
      deletionTimestamp: "2030-01-01T00:00:00Z",
      deletionGracePeriodSeconds: 4,
    }),
    answers: created({
      metadata: { deletionTimestamp: ABSENT, deletionGracePeriodSeconds: ABSENT },
    }),
  },
];

contract("create", ROWS);
