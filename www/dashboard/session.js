// Who is signed in, by which key, and for how long the access token lives.

import { element, make } from "./site.js";

/** @typedef {import("./site.js").Session} Session */

/** @type {Session | null} */
let session = null;

/** @param {Session | null} next */
export function showSession(next) {
  session = next;
  if (!session) return;
  const { email, name } = session.claims;
  element("account").textContent = email ?? name ?? session.subject;
  element("identity").textContent = (email && name) ?? "";
  element("identity").hidden = !(email && name);
  element("issuer").textContent = session.issuer;
  element("bound").textContent = session.bound
    ? "Bound to a key that never leaves this browser (ECDSA P\u2011256)"
    : "Not bound to a key: whoever copies a token can use it";
  element("scopes").replaceChildren(...session.scopes.map((scope) => make("li", {}, scope)));
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

setInterval(tick, 1000);
