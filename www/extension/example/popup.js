// The popup: who is signed in, and whether the terminal is connected. It asks the worker for everything, so it may be
// closed at any time.

import { connectGatepass } from "/assets/dev/surface.js";

/** @typedef {import("../extension.js").TerminalStatus} Status */
/** @typedef {import("../extension.js").ExtensionEvents["session"]["session"]} Session */

const gatepass = connectGatepass();

/** @param {string} id */
const element = (id) => /** @type {HTMLElement} */ (document.getElementById(id));

/** @param {Session} session */
function show(session) {
  document.body.dataset.state = session ? "signed-in" : "signed-out";
  element("signed-in").hidden = !session;
  element("signed-out").hidden = Boolean(session);
  element("state").textContent = session ? "You are signed in." : "";
  if (!session) return;
  element("account").textContent = session.claims.email ?? session.claims.name ?? session.subject;
  element("issuer").textContent = session.issuer;
  element("bound").textContent = session.bound ? "Bound to a key that never leaves this browser" : "Not bound to a key";
  const since = /** @type {HTMLTimeElement} */ (element("since"));
  const moment = new Date(session.signedInAt);
  since.dateTime = moment.toISOString();
  since.textContent = moment.toLocaleString([], { dateStyle: "medium", timeStyle: "short" });
}

/** What the browser calls this extension; Firefox has `chrome` too. @type {string} */
const ID = /** @type {any} */ (globalThis).chrome.runtime.id;

/** @type {Record<Status["state"], (status: Status) => string>} */
const WORDS = {
  absent: () => `The terminal program is not installed for this browser. Run: gatepass extension install --id ${ID}`,
  connecting: () => "Looking for the terminal…",
  unpaired: ({ program }) => `${program} is there and not connected yet.`,
  pairing: ({ program }) => `${program} is asked in the terminal.`,
  paired: ({ program }) => `Connected to ${program}. Each can ask the other for a token of five minutes.`,
  lost: () => "The terminal program does not answer.",
};

/** @param {Status} status */
function showTerminal(status) {
  element("terminal").hidden = false;
  element("terminal").dataset.state = status.state;
  element("terminal-state").textContent = WORDS[status.state](status);
  const focused = [element("pair"), element("phrase")].includes(/** @type {HTMLElement} */ (document.activeElement));
  element("pairing").hidden = status.state !== "pairing";
  element("phrase").textContent = status.phrase ?? "";
  element("pair").hidden = !["unpaired", "lost"].includes(status.state);
  // What had the focus may be hidden now; what is new is read.
  const next = ["phrase", "pair", "terminal-title"].map(element).find((place) => place.checkVisibility());
  if (focused) next?.focus();
}

/** @param {any} error */
function showError(error) {
  const place = element("error");
  place.hidden = !error;
  if (error && document.body.dataset.state === "loading") element("state").textContent = "";
  place.dataset.code = error?.code ?? "";
  const text = error ? [error.message, error.hint].filter(Boolean).join("; ") : "";
  place.textContent = text && `${text[0].toUpperCase()}${text.slice(1)}.`;
}

/**
 * Once at a time. A disabled button would lose the focus, so it is only marked as busy.
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

onClick("sign-in", () => gatepass.signIn());
onClick("sign-out", async () => {
  const { revoked } = await gatepass.signOut();
  if (!revoked) element("state").textContent = "You are signed out here. The server could not be told.";
  element("sign-in").focus();
});
onClick("pair", () => gatepass.terminal.pair());

gatepass.on("session", ({ session }) => show(session));
gatepass.on("error", showError);
gatepass.on("terminal", showTerminal);
gatepass.terminal.status().then(showTerminal, showError);
