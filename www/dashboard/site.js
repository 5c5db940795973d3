// Who this dashboard is to its issuer: the authority that serves it under `<issuer>/dashboard/`, unless a
// `<meta name="gatepass-issuer">` says otherwise. And what its pages share: how they ask the issuer, say what went wrong
// and come back from a sign-in.

import { createGatepass } from "/assets/dev/gatepass.js";

/** @typedef {Awaited<ReturnType<typeof openSite>>} Gatepass */
/** @typedef {NonNullable<Awaited<ReturnType<Gatepass["getSession"]>>>} Session */

const here = new URL("./", location.href);
const meta = /** @type {HTMLMetaElement | null} */ (document.querySelector('meta[name="gatepass-issuer"]'));
// An issuer is compared character by character; ours has no slash at its end.
export const issuer = meta?.content || new URL("../", here).href.replace(/\/$/, "");

/** @returns {ReturnType<typeof createGatepass>} */
export function openSite() {
  return createGatepass({
    issuer,
    clientId: "gatepass-dashboard",
    redirectUri: new URL("callback.html", here).href,
    // Our authority keeps its own dashboard signed in without `offline_access`, which would ask for consent each time.
    scope: "openid email profile",
    idTokenAlg: "ES256",
  });
}

/** A request that the issuer refused, in words of its own; in the shape of a GatepassError. */
class Refused extends Error {
  /**
   * @param {string} code
   * @param {string} message
   * @param {string} [hint]
   */
  constructor(code, message, hint) {
    super(message);
    this.code = code;
    this.hint = hint;
  }
}

/**
 * Asks the issuer for what belongs to the account.
 * @param {Gatepass} gatepass
 * @param {string} method
 * @param {string} path
 * @param {object} [body]
 * @returns {Promise<any>} its answer; null where it has nothing of the kind
 */
export async function ask(gatepass, method, path, body) {
  const json = body && { headers: { "content-type": "application/json" }, body: JSON.stringify(body) };
  const response = await gatepass.fetch(issuer.replace(/\/$/, "") + path, { method, ...json }).catch((error) => {
    // What `fetch` itself throws when nothing comes back has no words for people.
    if (!(error instanceof TypeError)) throw error;
    throw new Refused("unreachable", "the server did not answer", "check the connection and try again");
  });
  if (response.status === 404 || response.status === 204) return null;
  const answer = await response.json().catch(() => ({}));
  if (response.ok) return answer;
  // RFC 9470 section 3: the sign-in is too old for this.
  if (response.headers.get("www-authenticate")?.includes("insufficient_user_authentication")) {
    throw new Refused("stale", "your sign-in is too old for this", "sign in again");
  }
  if (response.status >= 500 || response.status === 429) {
    throw new Refused("server_error", "the server is not able to answer just now", "try again in a minute");
  }
  throw new Refused(answer.error ?? "refused", answer.error_description ?? "the server refused");
}

/**
 * The element of this id; the pages and their scripts are written together.
 * @param {string} id
 */
export function element(id) {
  return /** @type {HTMLElement} */ (document.getElementById(id));
}

/**
 * A new element.
 * @param {string} name
 * @param {Record<string, string>} [attributes]
 * @param {...(Node | string)} content
 */
export function make(name, attributes = {}, ...content) {
  const made = document.createElement(name);
  for (const [attribute, value] of Object.entries(attributes)) made.setAttribute(attribute, value);
  made.append(...content);
  return made;
}

/**
 * What went wrong and what to do, as sentences.
 * @param {any} error
 */
export function sentence(error) {
  const text = [error.message, error.hint].filter(Boolean).join("; ");
  return `${text[0].toUpperCase()}${text.slice(1)}.`;
}

/**
 * Shows an error, or nothing.
 * @param {any} error
 */
export function showError(error) {
  const place = element("error");
  place.hidden = !error;
  place.dataset.code = error?.code ?? "";
  place.textContent = error ? sentence(error) : "";
}

/**
 * Says in the page's head line what has happened.
 * @param {string} words
 */
export function say(words) {
  element("state").textContent = words;
}

/**
 * Lets a button do its work once at a time, and shows what went wrong. A disabled button would lose the focus, so it
 * is only marked as busy.
 * @param {HTMLElement} button
 * @param {() => Promise<unknown>} work
 */
export function onClick(button, work) {
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

/** How long a sign-out waits for the issuer, in milliseconds: the session here shall end soon. */
const PATIENT = 3000;

/**
 * Signs out, at the issuer too: whoever sits down here next would be asked nothing there.
 * @param {Gatepass} gatepass
 * @returns {Promise<boolean>} whether the issuer could be told of both
 */
export async function signOut(gatepass) {
  const told = ask(gatepass, "DELETE", "/session").then(() => true, () => false);
  // It takes the session's own token, so it comes first; whatever becomes of it, the session ends here.
  const known = await Promise.race([told, new Promise((late) => setTimeout(late, PATIENT, false))]);
  const { revoked } = await gatepass.signOut();
  return known && revoked;
}

/** Where a sign-in of this tab leads back to. Names, not addresses: what lies in a storage is nobody's redirect. */
const PLACES = { dashboard: "./", tokens: "./#tokens", cli: "./cli" };
const BACK = "gatepass-dashboard:back";

/**
 * Signs in and comes back to one of the pages.
 * @param {Gatepass} gatepass
 * @param {keyof typeof PLACES} place
 * @param {Parameters<Gatepass["signIn"]>[0]} [options]
 */
export function signIn(gatepass, place, options) {
  sessionStorage.setItem(BACK, place);
  return gatepass.signIn(options);
}

/** Where to go after a sign-in; asked once. */
export function wayBack() {
  const place = /** @type {keyof typeof PLACES} */ (sessionStorage.getItem(BACK) ?? "");
  sessionStorage.removeItem(BACK);
  return Object.hasOwn(PLACES, place) ? PLACES[place] : PLACES.dashboard;
}
