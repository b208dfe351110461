/** Reads an OpenAPI document from standard input; says what is wrong with it, and ends with 1. */
import { Validator } from "@seriousme/openapi-schema-validator";

const document = JSON.parse(await new Response(Deno.stdin.readable).text());
const validator = new Validator();
const { valid, errors } = await validator.validate(document);
if (!valid) {
  await Deno.stdout.write(new TextEncoder().encode(`${JSON.stringify(errors, null, 2)}\n`));
  Deno.exit(1);
}
await Deno.stdout.write(new TextEncoder().encode(`valid, OpenAPI ${validator.version}\n`));
