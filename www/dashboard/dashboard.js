// The dashboard: who is signed in, for how long the access token lives, and two buttons.

import { element, openSite, showError } from "./site.js";

/** @typedef {Awaited<ReturnType<typeof openSite>>} Gatepass */
/** @typedef {NonNullable<Awaited<ReturnType<Gatepass["getSession"]>>>} Session */

/** What a change is called to whoever listens to the page. @type {Record<string, string>} */
const NEWS = {
  initial: "",
  signedIn: "You are signed in.",
  refreshed: "The session was refreshed.",
  signedOut: "You are signed out.",
  expired: "Your session has ended. Sign in again.",
  otherTab: "The session changed in another tab.",
};

/** @type {Session | null} */
let session = null;

/** @param {Session | null} next */
function show(next) {
  session = next;
  element("signed-in").hidden = !session;
  element("signed-out").hidden = Boolean(session);
  document.body.dataset.state = session ? "signed-in" : "signed-out";
  if (!session) return;
  element("account").textContent = session.claims.email ?? session.claims.name ?? session.subject;
  element("issuer").textContent = session.issuer;
  element("bound").textContent = session.bound
    ? "Bound to a key that never leaves this browser"
    : "Not bound to a key";
  element("scopes").replaceChildren(...session.scopes.map((scope) => {
    const item = document.createElement("li");
    item.textContent = scope;
    return item;
  }));
  const since = /** @type {HTMLTimeElement} */ (element("since"));
  const moment = new Date(session.signedInAt);
  since.dateTime = moment.toISOString();
  since.textContent = moment.toLocaleString([], { dateStyle: "medium", timeStyle: "short" });
  tick();
}

/** Shows how long the access token lives; by the clock, so that it is right after a sleep too. */
function tick() {
  if (!session) return;
  const left = Math.ceil(((session.accessExpiresAt ?? 0) - Date.now()) / 1000);
  element("countdown").textContent = left > 0
    ? `Next refresh in ${Math.floor(left / 60)}:${String(left % 60).padStart(2, "0")}`
    : "Refreshed when it is needed next";
}

/**
 * Lets a button do its work once at a time, and shows what went wrong. A disabled button would lose the focus, so it
 * is only marked as busy.
 * @param {string} id
 * @param {() => Promise<unknown>} work
 */
function onClick(id, work) {
  const button = element(id);
  button.addEventListener("click", async () => {
    if (button.ariaBusy === "true") return;
    button.ariaBusy = "true";
    showError(null);
    try {
      await work();
    } catch (error) {
      showError(error);
    } finally {
      button.ariaBusy = "false";
    }
  });
}

try {
  const gatepass = await openSite();
  onClick("sign-in", () => gatepass.signIn());
  onClick("refresh", () => gatepass.getAccessToken({ forceRefresh: true }));
  onClick("sign-out", async () => {
    const { revoked } = await gatepass.signOut();
    if (!revoked) element("state").textContent = "You are signed out here. The server could not be told.";
    element("sign-in").focus();
  });
  gatepass.on("session", ({ session: next, reason }) => {
    show(next);
    element("state").textContent = NEWS[reason] || (next ? "You are signed in." : "You are signed out.");
  });
  setInterval(tick, 1000);
} catch (error) {
  element("state").textContent = "The dashboard cannot start.";
  document.body.dataset.state = "broken";
  showError(error);
}
