// Finishes a sign-in and goes on to the dashboard. The facade cleans the address before it sends anything.

import { element, openSite, showError } from "./site.js";

try {
  const gatepass = await openSite();
  await gatepass.handleCallback();
  // Replaced, not left behind: "back" must not lead here again.
  location.replace("./");
} catch (error) {
  element("state").textContent = "You are not signed in.";
  element("back").hidden = false;
  showError(error);
}
