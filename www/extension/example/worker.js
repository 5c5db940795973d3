// The worker: one call, before anything else.

import { createGatepassBackground } from "/assets/dev/background.js";
import { site } from "./site.js";

createGatepassBackground(site);
