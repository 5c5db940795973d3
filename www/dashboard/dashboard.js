// The dashboard: it starts here. Who is signed in decides what is shown; each part asks for its own.

import { grants } from "./grants.js";
import { organizations } from "./organizations.js";
import { showSession } from "./session.js";
import { element, issuer, make, onClick, openSite, say, showError, signIn, signOut } from "./site.js";
import { tokens } from "./tokens.js";
import { NEWS, WHY } from "./words.js";

/** @typedef {import("./site.js").Session} Session */

/** How old lists may be that somebody comes back to, in milliseconds. */
const STALE = 60_000;

try {
  await start();
} catch (error) {
  element("loading").replaceChildren(
    make("h1", {}, "The dashboard cannot start"),
    make("p", {}, "Your session is where it was. Load the page again, or come back later."),
  );
  say("");
  document.body.dataset.state = "broken";
  showError(error);
}

async function start() {
  const gatepass = await openSite();
  const parts = [grants(gatepass), organizations(gatepass), tokens(gatepass)];
  /** @type {Session | null} */
  let session = null;
  let loaded = 0;

  const load = () => {
    loaded = Date.now();
    for (const part of parts) void part.show();
  };

  // The dashboard may be on an origin of its own; the page is the issuer's.
  /** @type {HTMLAnchorElement} */ (element("activate")).href = `${issuer.replace(/\/$/, "")}/activate`;
  onClick(element("sign-in"), () => signIn(gatepass, "dashboard"));
  onClick(element("refresh"), () => gatepass.getAccessToken({ forceRefresh: true }));
  onClick(element("sign-out"), async () => {
    if (!(await signOut(gatepass))) {
      say("You are signed out here. The server could not be told.");
      element("why").textContent = "The server may still know this browser, and sign you in again without asking. Leave no stranger alone with it.";
    }
    element("sign-in").focus();
  });

  gatepass.on("session", ({ session: next, reason }) => {
    const other = next?.subject !== session?.subject;
    session = next;
    showSession(session);
    element("loading").hidden = true;
    element("signed-in").hidden = !session;
    element("signed-out").hidden = Boolean(session);
    document.body.dataset.state = session ? "signed-in" : "signed-out";
    if (other) for (const part of parts) part.clear();
    if (session && other) load();
    if (!session) element("why").textContent = WHY[reason] ?? element("why").textContent;
    // Before there was anything to lose, an account may not be told from none.
    say((reason !== "initial" && NEWS[reason]) || (session ? "You are signed in." : "You are signed out."));
  });
  gatepass.on("expiring", () => {
    notice("Your session ends soon. Sign in again to stay; nothing is lost.", "Sign in again", () => signIn(gatepass, "dashboard"));
  });
  gatepass.on("storageDegraded", () => {
    notice("This browser keeps nothing for this site. You are signed in until you close the page.");
  });

  addEventListener("offline", showConnection);
  addEventListener("online", () => {
    showConnection();
    if (session) load();
  });
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden && session && Date.now() - loaded > STALE) load();
  });
  if (!navigator.onLine) showConnection();

  // A terminal has just signed this browser in at the issuer: the person has pressed for it there. Whoever was signed in
  // here before may be somebody else. Once, whatever comes of it.
  if (location.hash !== "#signed-in") return;
  history.replaceState(null, "", location.pathname + location.search);
  await signIn(gatepass, "dashboard").catch(showError);
}

function showConnection() {
  if (navigator.onLine) notice("");
  else notice("You are offline. What is shown may be old, and nothing can be changed until the connection is back.");
}

/**
 * Tells something that concerns the whole page and is no error.
 * @param {string} words none takes it away
 * @param {string} [action]
 * @param {() => Promise<unknown>} [work]
 */
function notice(words, action, work) {
  const place = element("notice");
  place.hidden = !words;
  place.replaceChildren(words);
  if (!action || !work) return;
  const button = make("button", { type: "button" }, action);
  onClick(button, work);
  place.append(button);
}
