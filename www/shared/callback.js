// The way back: the address that a sign-in comes home with. A state that nobody here began with is not for us: another
// library's, another session's, another browser's.

import { handOver, report } from "./popup.js";
import { CALLBACK } from "./said.js";

/** @typedef {import("./errors.js").GatepassError} GatepassError */
/** @typedef {import("./gatepass.js").Session} Session */
/** @typedef {(url: string, ours?: () => void) => Promise<Session | null>} Finish */

/** What an authorization response brings. */
const ANSWER = ["code", "state", "iss", "session_state", "error", "error_description", "error_uri"];

/**
 * Callbacks by session and state, and while one is under way, by session: a page that handles its callback twice
 * (StrictMode does) gets one sign-in, although the first call has already cleaned the address.
 * @type {Map<string, Promise<Session | null>>}
 */
const callbacks = new Map();

/**
 * What finishes a sign-in, if it was begun here; `ours` is called as soon as that is known, before anything is sent.
 * @param {import("./core.js").Core} core
 * @param {import("./session.js").Following} session
 * @returns {Finish}
 */
export const makeFinish = (core, session) => async (url, ours) => {
  try {
    await core([CALLBACK, url], ({ do: what }, [, found]) => what === "take" && found && ours?.());
  } catch (error) {
    if (/** @type {GatepassError} */ (error).code === "state_mismatch") return null;
    throw error;
  }
  await session.look("signedIn");
  return session.shown();
};

/**
 * @param {string} redirectUri
 * @param {string} id
 * @param {import("./session.js").Following} session
 * @param {Finish} finish
 */
export function makeCallback(redirectUri, id, session, finish) {
  /** @type {import("./gatepass.js").Gatepass["handleCallback"]} */
  return async (url = location.href) => {
    const callback = new URL(url);
    const { searchParams } = callback;
    const state = searchParams.get("state");
    const redirect = new URL(redirectUri);
    const here = callback.origin + callback.pathname === redirect.origin + redirect.pathname;
    const answers = here && state && (searchParams.has("code") || searchParams.has("error"));
    const key = `${id} ${state}`;
    const running = callbacks.get(answers ? key : id);
    if (running || !answers) return running ?? null;

    // Neither a reload nor anybody's statistics shall see the code.
    const clean = () => {
      if (typeof history === "undefined" || url !== location.href) return;
      for (const name of ANSWER) searchParams.delete(name);
      history.replaceState(history.state, "", callback);
    };
    const finishing = (async () => {
      if (await handOver(state, url, clean)) {
        await session.look("otherTab");
        return session.shown();
      }
      try {
        const found = await finish(url, clean);
        if (found) await report(state);
        return found;
      } catch (error) {
        await report(state, /** @type {GatepassError} */ (error).code);
        throw error;
      }
    })();
    callbacks.set(key, finishing);
    callbacks.set(id, finishing);
    finishing.catch(() => {}).finally(() => callbacks.delete(id));
    return finishing;
  };
}
