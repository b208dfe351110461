/** Brings the operator and the server into a cluster, and takes them back. */
export { deploy, type DeployPlan } from "./deploy.ts";
export { InstallError, OWN_PARTS, type Part } from "./objects.ts";
export { undeploy, type UndeployPlan } from "./undeploy.ts";
