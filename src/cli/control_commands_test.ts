import { deepStrictEqual } from "node:assert/strict";
import { type CommonFlags, logSettingsOf } from "./control_commands.ts";

Deno.test.each<{ when: string; flags: Partial<CommonFlags>; settings: [string, string] }>([
  { when: "nothing is said", flags: {}, settings: ["json", "info"] },
  {
    when: "our flags are given",
    flags: { logFormat: "text", logLevel: "error" },
    settings: ["text", "error"],
  },
  { when: "zap writes to a console", flags: { zapEncoder: "console" }, settings: ["text", "info"] },
  { when: "zap writes JSON", flags: { zapEncoder: "json" }, settings: ["json", "info"] },
  { when: "zap is in development", flags: { zapDevel: true }, settings: ["text", "info"] },
  { when: "zap is not in development", flags: { zapDevel: false }, settings: ["json", "info"] },
  {
    when: "zap is in development and writes JSON",
    flags: { zapDevel: true, zapEncoder: "json" },
    settings: ["json", "info"],
  },
  { when: "zap counts verbosity", flags: { zapLogLevel: "5" }, settings: ["json", "debug"] },
  { when: "zap says debug", flags: { zapLogLevel: "debug" }, settings: ["json", "debug"] },
  { when: "zap says warn", flags: { zapLogLevel: "warn" }, settings: ["json", "warning"] },
  { when: "zap says error", flags: { zapLogLevel: "error" }, settings: ["json", "error"] },
  {
    when: "zap has a level that we lack",
    flags: { zapLogLevel: "dpanic" },
    settings: ["json", "info"],
  },
])("logSettingsOf() is $settings when $when", ({ flags, settings: [format, level] }) => {
  const found = logSettingsOf({ logFormat: "json", logLevel: "info", ...flags });
  deepStrictEqual(found, { format, level });
});
