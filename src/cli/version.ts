import config from "../../deno.json" with { type: "json" };

/** The version that `deno.json` states. */
export const VERSION: string = config.version;
