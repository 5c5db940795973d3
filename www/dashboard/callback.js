// Finishes a sign-in and goes back to where it began. The facade cleans the address before it sends anything.

import { GatepassError } from "/assets/dev/gatepass.js";
import { element, openSite, say, showError, wayBack } from "./site.js";

try {
  const gatepass = await openSite();
  // What was begun elsewhere is nobody's here, unless somebody is signed in already.
  if (!((await gatepass.handleCallback()) ?? (await gatepass.getSession()))) throw new GatepassError("state_mismatch");
  // Replaced, not left behind: "back" must not lead here again.
  location.replace(wayBack());
} catch (error) {
  element("title").textContent = "You are not signed in";
  say("");
  element("back").hidden = false;
  showError(error);
}
