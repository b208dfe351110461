/** Watches that list first, and those that show objects in another form. */
import { ABSENT, ANY, invalid } from "./expected.ts";
import { label, make, OWN, remove } from "./config_maps.ts";
import { configMap, DIENGINE, dijob } from "./objects.ts";
import { contract, type Expectation } from "./suite.ts";
