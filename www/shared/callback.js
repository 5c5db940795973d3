// The way back: the address that a sign-in comes home with.

import { CALLBACK } from "./said.js";

/** @typedef {import("./gatepass.js").Session} Session */

/**
 * Callbacks by state, and while one is under way, by session: a page that handles its callback twice (StrictMode does)
 * gets one sign-in, although the first call has already cleaned the address.
 * @type {Map<string, Promise<Session | null>>}
 */
const callbacks = new Map();

/**
 * @param {string} redirectUri
 * @param {string} id
 * @param {import("./core.js").Core} core
 * @param {import("./session.js").Following} session
 */
export function makeCallback(redirectUri, id, core, session) {
  /** @type {import("./gatepass.js").Gatepass["handleCallback"]} */
  return async (url = location.href) => {
    const callback = new URL(url);
    const { searchParams } = callback;
    const state = searchParams.get("state");
    const redirect = new URL(redirectUri);
    const ours = callback.origin + callback.pathname === redirect.origin + redirect.pathname;
    const answers = ours && state && (searchParams.has("code") || searchParams.has("error"));
    const running = callbacks.get(answers ? state : id);
    if (running || !answers) return running ?? null;
    // Before anything is sent: neither a reload nor anybody's statistics shall see the code.
    if (typeof history !== "undefined" && url === location.href) {
      for (const name of ["code", "state", "iss", "session_state", "error", "error_description", "error_uri"]) {
        searchParams.delete(name);
      }
      history.replaceState(history.state, "", callback);
    }
    const finishing = (async () => {
      await core([CALLBACK, url]);
      await session.look("signedIn");
      return session.shown();
    })();
    callbacks.set(state, finishing);
    callbacks.set(id, finishing);
    finishing.catch(() => {}).finally(() => callbacks.delete(id));
    return finishing;
  };
}
