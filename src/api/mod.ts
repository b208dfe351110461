/** The project's own kinds: types, schemas, defaults, names. No I/O. */
export * from "./aggregator_config.ts";
export * from "./crd.ts";
export * from "./dijob.ts";
export * from "./names.ts";
