// Finishes a sign-in and goes on to the dashboard. The facade cleans the address before it sends anything.

import { GatepassError } from "/assets/dev/gatepass.js";
import { element, openSite, showError } from "./site.js";

try {
  const gatepass = await openSite();
  // What was begun elsewhere is nobody's here, unless somebody is signed in already.
  if (!((await gatepass.handleCallback()) ?? (await gatepass.getSession()))) throw new GatepassError("state_mismatch");
  // Replaced, not left behind: "back" must not lead here again.
  location.replace("./");
} catch (error) {
  element("state").textContent = "You are not signed in.";
  element("back").hidden = false;
  showError(error);
}
