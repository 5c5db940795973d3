// Who this dashboard is to its issuer: the authority that serves it under `<issuer>/dashboard/`, unless a
// `<meta name="gatepass-issuer">` says otherwise.

import { createGatepass } from "/assets/dev/gatepass.js";

/** @returns {ReturnType<typeof createGatepass>} */
export function openSite() {
  const here = new URL("./", location.href);
  const meta = /** @type {HTMLMetaElement | null} */ (document.querySelector('meta[name="gatepass-issuer"]'));
  return createGatepass({
    // An issuer is compared character by character; ours has no slash at its end.
    issuer: meta?.content || new URL("../", here).href.replace(/\/$/, ""),
    clientId: "gatepass-dashboard",
    redirectUri: new URL("callback.html", here).href,
    // Our authority keeps its own dashboard signed in without `offline_access`, which would ask for consent each time.
    scope: "openid email profile",
    idTokenAlg: "ES256",
  });
}

/**
 * The element of this id; the pages and their scripts are written together.
 * @param {string} id
 */
export function element(id) {
  return /** @type {HTMLElement} */ (document.getElementById(id));
}

/**
 * Shows an error, or nothing.
 * @param {any} error
 */
export function showError(error) {
  const place = element("error");
  place.hidden = !error;
  place.dataset.code = error?.code ?? "";
  const text = error ? [error.message, error.hint].filter(Boolean).join("; ") : "";
  place.textContent = text && `${text[0].toUpperCase()}${text.slice(1)}.`;
}
