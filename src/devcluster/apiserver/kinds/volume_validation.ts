/** Validation of a pod's volumes. */
import { type JsonObject, objectOf, objectsOf, stringOf } from "../json.ts";
import { checkLabel } from "../names.ts";
import { duplicate, type FieldError, forbidden, invalid, required } from "../status.ts";

/** The field by which each source of a volume names what it is made from. */
const NAMED_BY: Readonly<Record<string, string>> = {
  configMap: "name",
  hostPath: "path",
  persistentVolumeClaim: "claimName",
  secret: "secretName",
};

/** Everything wrong with the volumes; `names` collects theirs. */
export function validateVolumes(volumes: unknown, at: string, names: Set<string>): FieldError[] {
  const errors: FieldError[] = [];
  for (const [index, volume] of objectsOf(volumes).entries()) {
    const name = stringOf(volume.name);
    const field = `${at}[${index}]`;
    errors.push(...validateSources(volume, field));
    if (name === "") errors.push(required(`${field}.name`));
    else errors.push(...checkLabel(name).map((fault) => invalid(`${field}.name`, name, fault)));
    if (names.has(name)) errors.push(duplicate(`${field}.name`, name));
    names.add(name);
  }
  return errors;
}

function validateSources(volume: JsonObject, at: string): FieldError[] {
  const sources = Object.keys(volume).filter((key) => key !== "name");
  return sources.flatMap((source, index) =>
    index === 0
      ? validateSource(source, objectOf(volume[source]), `${at}.${source}`)
      : [forbidden(`${at}.${source}`, "may not specify more than 1 volume type")]
  );
}

function validateSource(source: string, content: JsonObject, at: string): FieldError[] {
  const namedBy = NAMED_BY[source];
  const errors: FieldError[] = namedBy !== undefined && stringOf(content[namedBy]) === ""
    ? [required(`${at}.${namedBy}`)]
    : [];
  const { sizeLimit } = content;
  if (source === "emptyDir" && String(sizeLimit ?? "").startsWith("-")) {
    errors.push(forbidden(`${at}.sizeLimit`, "SizeLimit field must be a valid resource quantity"));
  }
  if (source === "hostPath") errors.push(...checkParents(stringOf(content.path), `${at}.path`));
  for (const [index, item] of objectsOf(content.items).entries()) {
    const field = `${at}.items[${index}]`;
    const path = stringOf(item.path);
    if (source !== "downwardAPI" && stringOf(item.key) === "") {
      errors.push(required(`${field}.key`));
    }
    if (path === "") errors.push(required(`${field}.path`));
    else if (path.startsWith("/")) {
      errors.push(invalid(`${field}.path`, path, "must be a relative path"));
    }
    errors.push(...checkParents(path, `${field}.path`));
  }
  return errors;
}

/** A path may not lead out of where it begins. */
function checkParents(path: string, at: string): FieldError[] {
  return path.split("/").includes("..") ? [invalid(at, path, "must not contain '..'")] : [];
}
