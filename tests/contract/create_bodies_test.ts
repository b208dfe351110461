/** Creating objects: how their texts are read. */
import { ABSENT, badRequest, created, invalid, refused } from "./expected.ts";
import { configMap, DIENGINE, dijob, lease, pod } from "./objects.ts";
import { contract, type Expectation } from "./suite.ts";

const HANDLED = 'ConfigMap in version "v1" cannot be handled as a ConfigMap';
const TYPE_META =
  'Go value of type struct { APIVersion string "json:\\"apiVersion,omitempty\\""; ' +
  'Kind string "json:\\"kind,omitempty\\"" }';
/** Every fault that a text can have. */
const TWICE =
  '{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"a","name":"b","foo":{"q":1,"q":2}},' +
  '"data":{"x":"1","x":"2","x":"3"},"datum":1,"datum":2}';
const TWICE_IN_A_JOB =
  `{"apiVersion":"${DIENGINE}","kind":"DIJob","metadata":{"name":"a","labels":{"q":"1","q":"2"},"foo":1},` +
  '"spec":{"coordinator":{"template":{"spec":{"containers":[{"name":"c","image":"x","image":"y"}]}}},' +
  '"nope":{"a":1,"a":2},"group":"a","group":"b"}}';
const TWICE_IN_YAML =
  "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: a\n  name: b\ndata:\n  x: '1'\n  x: '2'\n";

const ROWS: readonly Expectation[] = [
  {
    it: "refuses an object of another kind than the path's",
    send: "POST configmaps",
    body: { ...configMap("a"), kind: "Secret" },
    answers: refused(
      400,
      "BadRequest",
      /^Secret in version "v1" cannot be handled as a ConfigMap: converting .* unknown conversion$/,
    ),
  },
  {
    it: "warns of an unknown field",
    send: "POST configmaps",
    body: { ...configMap("a"), datum: 1 },
    answers: {
      status: 201,
      body: { datum: ABSENT },
      headers: { warning: '299 - "unknown field \\"datum\\""' },
    },
  },
  {
    it: "refuses an unknown field with fieldValidation=Strict",
    send: "POST configmaps?fieldValidation=Strict",
    body: { ...configMap("a"), datum: 1 },
    answers: refused(
      400,
      "BadRequest",
      'ConfigMap in version "v1" cannot be handled as a ConfigMap: strict decoding error: unknown field "datum"',
    ),
  },
  {
    it: "says nothing of an unknown field with fieldValidation=Ignore",
    send: "POST configmaps?fieldValidation=Ignore",
    body: { ...configMap("a"), datum: 1 },
    answers: { status: 201, body: { datum: ABSENT }, headers: { warning: null } },
  },
  {
    it: "refuses a field that is there twice with fieldValidation=Strict",
    send: "POST configmaps?fieldValidation=Strict",
    body: '{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"a"},"data":{"x":"1","x":"2"}}',
    answers: refused(
      400,
      "BadRequest",
      'ConfigMap in version "v1" cannot be handled as a ConfigMap: strict decoding error: duplicate field "data.x"',
    ),
  },
  {
    it: "refuses a value of another type",
    send: "POST configmaps",
    body: configMap("a", { x: 1 }),
    answers: refused(
      400,
      "BadRequest",
      'ConfigMap in version "v1" cannot be handled as a ConfigMap: json: cannot unmarshal number ' +
        "into Go struct field ConfigMap.data of type string",
    ),
  },
  {
    it: "refuses a body that is no JSON",
    send: "POST configmaps",
    body: '{"apiVersion":',
    answers: refused(
      400,
      "BadRequest",
      /^the object provided is unrecognized \(must be of type ConfigMap\): couldn\'t get version\/kind; json parse error: .* \(\{"apiVersion":\)$/,
    ),
  },
  {
    it: "refuses an empty body",
    send: "POST configmaps",
    body: "",
    answers: refused(
      400,
      "BadRequest",
      /^the object provided is unrecognized \(must be of type ConfigMap\): couldn't get version\/kind; json parse error: .* \(<empty>\)$/,
    ),
  },
  {
    it: "takes YAML",
    send: "POST configmaps",
    type: "application/yaml",
    body: "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: {x: '1'}\n",
    answers: created({ metadata: { name: "a" }, data: { x: "1" } }),
  },
  {
    it: "warns of a field that is there twice, and takes the last",
    send: "POST configmaps",
    body: '{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"a"},"data":{"x":"1","x":"2"}}',
    answers: {
      status: 201,
      body: { data: { x: "2" } },
      headers: { warning: '299 - "duplicate field \\"data.x\\""' },
    },
  },
  {
    it: "says nothing of a field that is there twice with fieldValidation=Ignore",
    send: "POST configmaps?fieldValidation=Ignore",
    body: TWICE,
    answers: { status: 201, body: { metadata: { name: "b" } }, headers: { warning: null } },
  },
  {
    it: "names what is wrong with a text in the order of the text, each once",
    send: "POST configmaps?fieldValidation=Strict",
    body: TWICE,
    answers: badRequest(
      `${HANDLED}: strict decoding error: duplicate field "metadata.name", ` +
        'unknown field "metadata.foo", duplicate field "data.x", unknown field "datum"',
    ),
  },
  {
    it: "names what a custom resource has twice before what is unknown in it",
    send: `POST ${DIENGINE}/dijobs?fieldValidation=Strict`,
    body: TWICE_IN_A_JOB,
    answers: badRequest(
      'DIJob in version "v1alpha1" cannot be handled as a DIJob: strict decoding error: ' +
        'duplicate field "metadata.labels.q", ' +
        'duplicate field "spec.coordinator.template.spec.containers[0].image", ' +
        'duplicate field "spec.nope.a", duplicate field "spec.group", ' +
        'unknown field "metadata.foo", unknown field "spec.nope"',
    ),
  },
  {
    it: "takes a key in a text for what it stands for",
    send: "POST configmaps",
    body: '{"metadata":{"name":"a"},"data":{"x":"\\"x\\":","y":"}{","\\u0078":"\\\\"}}',
    answers: {
      status: 201,
      body: { data: { x: "\\", y: "}{" } },
      headers: { warning: '299 - "duplicate field \\"data.x\\""' },
    },
  },
  {
    it: "names unknown and repeated fields inside lists",
    send: "POST pods?fieldValidation=Strict",
    body:
      '{"apiVersion":"v1","kind":"Pod","metadata":{"name":"a"},"spec":{"containers":[{"name":"x","name":"y",' +
      '"image":"i","nodez":3,"resources":{"limits":{"cpu":"1","cpu":"2"}}}],"foo":1}}',
    answers: badRequest(
      'Pod in version "v1" cannot be handled as a Pod: strict decoding error: ' +
        'duplicate field "spec.containers[0].name", unknown field "spec.containers[0].nodez", ' +
        'duplicate field "spec.containers[0].resources.limits.cpu", unknown field "spec.foo"',
    ),
  },
  {
    it: "refuses a binding with a field that is there twice with fieldValidation=Strict",
    given: [pod("a")],
    send: "POST pods/a/binding?fieldValidation=Strict",
    body:
      '{"apiVersion":"v1","kind":"Binding","metadata":{"name":"a"},"target":{"kind":"Node","name":"n","name":"n"}}',
    answers: badRequest(
      'Binding in version "v1" cannot be handled as a Binding: strict decoding error: ' +
        'duplicate field "target.name"',
    ),
  },
  {
    it: "warns of a key that is in YAML twice",
    send: "POST configmaps",
    type: "application/yaml",
    body: TWICE_IN_YAML.replace("  name: b\n", ""),
    answers: {
      status: 201,
      body: { data: { x: "2" } },
      headers: { warning: '299 - "line 7: key \\"x\\" already set in map"' },
    },
  },
  {
    it: "refuses keys that are in YAML twice with fieldValidation=Strict",
    send: "POST configmaps?fieldValidation=Strict",
    type: "application/yaml",
    body: TWICE_IN_YAML,
    answers: badRequest(
      `${HANDLED}: strict decoding error: yaml: unmarshal errors:\n` +
        '  line 5: key "name" already set in map\n  line 8: key "x" already set in map',
    ),
  },
  {
    it: "refuses a text that is no YAML, and shows how it begins",
    send: "POST configmaps",
    type: "application/yaml",
    body: "kind: [ConfigMap\n",
    answers: badRequest(
      /^the object provided is unrecognized \(must be of type ConfigMap\): yaml: line \d+: .* \(6b696e643a205b436f6e6669674d61700a\)$/s,
    ),
  },
  {
    it: "refuses a list",
    send: "POST configmaps",
    body: "[1]",
    answers: badRequest(
      "the object provided is unrecognized (must be of type ConfigMap): couldn't get version/kind; " +
        `json parse error: json: cannot unmarshal array into ${TYPE_META} (5b315d)`,
    ),
  },
  {
    it: "takes null for an empty object",
    send: "POST configmaps",
    body: "null",
    answers: invalid("ConfigMap", "", [
      "Required",
      "metadata.name",
      "Required value: name or generateName is required",
    ]),
  },
  {
    it: "takes an object that does not say what it is",
    send: "POST configmaps",
    body: { metadata: { name: "a" } },
    answers: created({ apiVersion: "v1", kind: "ConfigMap" }),
  },
  {
    it: "refuses a custom resource that does not say what it is",
    send: `POST ${DIENGINE}/dijobs`,
    body: '{"metadata":{"name":"a"}}',
    answers: badRequest(
      "the object provided is unrecognized (must be of type DIJob): Object 'Kind' is missing in " +
        `'{"metadata":{"name":"a"}}' ({"metadata":{"name":"a"}})`,
    ),
  },
  {
    it: "refuses a custom resource of another kind than the path's",
    send: `POST ${DIENGINE}/dijobs`,
    body: { ...dijob("a"), kind: "Other" },
    answers: invalid("Other.diengine.opendilab.org", "a", [
      "Invalid",
      "kind",
      'Invalid value: "Other": must be DIJob',
    ]),
  },
  {
    it: "refuses an object of another version than the path's",
    send: "POST configmaps",
    body: { ...configMap("a"), apiVersion: "v2" },
    answers: badRequest(
      /^ConfigMap in version "v2" cannot be handled as a ConfigMap: no kind "ConfigMap" is registered for version "v2"/,
    ),
  },
  {
    it: "refuses a custom resource of another version than the path's",
    send: `POST ${DIENGINE}/dijobs`,
    body: { ...dijob("a"), apiVersion: "diengine.opendilab.org/v9" },
    answers: badRequest(
      "the API version in the data (diengine.opendilab.org/v9) does not match the expected API version " +
        "(diengine.opendilab.org/v1alpha1)",
    ),
  },
  ...[
    {
      what: "metadata that are a text",
      body: { metadata: "x" },
      fault:
        "json: cannot unmarshal string into Go struct field ConfigMap.metadata of type v1.ObjectMeta",
    },
    {
      what: "data that are a list",
      body: { ...configMap("a"), data: [1] },
      fault:
        "json: cannot unmarshal array into Go struct field ConfigMap.data of type map[string]string",
    },
    {
      what: "binary data that are not in base64",
      body: { ...configMap("a"), binaryData: { x: "%%%" } },
      fault: "illegal base64 data at input byte 0",
    },
  ].map(({ what, body, fault }): Expectation => ({
    it: `refuses ${what}`,
    send: "POST configmaps",
    body,
    answers: badRequest(`${HANDLED}: ${fault}`),
  })),
  {
    it: "refuses a text for a number inside a list",
    send: "POST pods",
    body: pod("a", { containers: [{ name: "c", image: "i", ports: [{ containerPort: "80" }] }] }),
    answers: badRequest(
      'Pod in version "v1" cannot be handled as a Pod: json: cannot unmarshal string into Go struct ' +
        "field ContainerPort.spec.containers.ports.containerPort of type int32",
    ),
  },
  {
    it: "refuses a quantity that is none",
    send: "POST pods",
    body: pod("a", {
      containers: [{ name: "c", image: "i", resources: { limits: { cpu: "x" } } }],
    }),
    answers: badRequest(
      'Pod in version "v1" cannot be handled as a Pod: quantities must match the regular expression ' +
        "'^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'",
    ),
  },
  {
    it: "refuses a time that is none",
    send: "POST coordination.k8s.io/v1/leases",
    body: lease("a", { renewTime: "yesterday" }),
    answers: badRequest(
      'Lease in version "v1" cannot be handled as a Lease: parsing time "yesterday" as ' +
        '"2006-01-02T15:04:05.000000Z07:00": cannot parse "yesterday" as "2006"',
    ),
  },
  {
    it: "takes microseconds",
    send: "POST coordination.k8s.io/v1/leases",
    body: lease("a", { renewTime: "2026-01-01T00:00:00.123456Z" }),
    answers: created({ spec: { renewTime: "2026-01-01T00:00:00.123456Z" } }),
  },
];

contract("create, bodies", ROWS);
