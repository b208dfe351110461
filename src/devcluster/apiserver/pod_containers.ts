/** Which container of a pod a request means. */
import { type ApiObject, objectOf, objectsOf, stringOf } from "./json.ts";
import { badRequest } from "./status.ts";

/**
 * The container that is meant. Clients look at `kubectl.kubernetes.io/default-container` themselves.
 *
 * @param wanted "" where the request names none.
 * @throws {StatusError} 400 when there are several to choose from, or none of that name.
 */
export function chooseContainer(pod: ApiObject, wanted: string): string {
  const spec = objectOf(pod.spec);
  const names = (value: unknown) => objectsOf(value).map(({ name }) => stringOf(name));
  const containers = names(spec.containers);
  const all = [
    ...names(spec.initContainers),
    ...containers,
    ...names(spec.ephemeralContainers),
  ];
  const { name } = pod.metadata;
  if (wanted !== "") {
    if (all.includes(wanted)) return wanted;
    throw badRequest(`container ${wanted} is not valid for pod ${name}`);
  }
  const [only] = containers;
  if (only !== undefined && containers.length === 1) return only;
  throw badRequest(
    `a container name must be specified for pod ${name}, choose one of: [${all.join(" ")}]`,
  );
}
