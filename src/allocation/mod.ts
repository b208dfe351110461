/** Replicas asked for -> replicas to add, drop or replace. No I/O. */
export * from "./errors.ts";
export * from "./gpus.ts";
export * from "./learner_group.ts";
export * from "./names.ts";
export * from "./nodes.ts";
export * from "./plan_add.ts";
export * from "./plan_remove.ts";
export * from "./plan_replace.ts";
export * from "./replica_sets.ts";
