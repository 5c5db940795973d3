// Signing in in a window of its own. Neither page knows the other's window for long: `Cross-Origin-Opener-Policy` cuts
// that, and then every popup looks closed. They meet on a channel that is named by the sign-in's state. Who has neither the
// state nor the origin cannot join; pages of this origin see the name among the locks, as they see the store:
//
//   the page that waits holds a lock of that name
//   callback page  -> the address, if the lock is held          -> whoever waits finishes the sign-in, so that it is his
//   page that waits -> `true`: taken                            -> the callback page closes, once the lock is free
//   callback page  -> how it ended, if nobody took it in time   -> whoever waits looks for himself

import { digestOf, toBase64url } from "./base64url.js";
import { GatepassError } from "./errors.js";
import { take } from "./lock.js";

/** How long a page that holds the lock may take to answer, in milliseconds. It is in the background, and may be slow. */
const PATIENT = 2000;
const FEATURES = "popup,width=480,height=720";

/** @param {string} digest */
const meeting = (digest) => `gatepass:popup:${digest}`;
/** @param {string} state */
const meetingOf = async (state) => meeting(toBase64url(await digestOf(state)));

/**
 * @param {(wishes: import("./gatepass.js").SignInOptions, heard: import("./drive.js").Heard) => Promise<string>} begin
 * @param {import("./callback.js").Finish} finish
 * @param {import("./session.js").Following} session
 */
export function makePopup(begin, finish, session) {
  /** @type {import("./gatepass.js").Gatepass["signInPopup"]} */
  return async ({ signal, features = FEATURES, ...wishes } = {}) => {
    // Before anything is waited for: later it would not be the click any more that opens it.
    const popup = window.open("", "", features);
    if (!popup) throw new GatepassError("popup_blocked");
    // Where it goes, nobody shall lead this page away.
    popup.opener = null;
    /** @type {(() => void)[]} */
    const ends = [() => popup.close()];
    let over = false;
    // What begins after the end ends at once.
    const last = (/** @type {() => void} */ end) => (over ? end() : ends.push(end));
    try {
      return await new Promise((resolve, reject) => {
        const cancel = () => reject(new GatepassError("cancelled"));
        if (signal?.aborted) cancel();
        signal?.addEventListener("abort", cancel, { once: true });
        (async () => {
          let name = "";
          const url = await begin(wishes, ({ digest }) => digest && (name = meeting(digest)));
          const channel = new BroadcastChannel(name);
          last(() => channel.close());
          last((await take(name)) ?? (() => {}));
          channel.onmessage = async ({ data }) => {
            if (typeof data === "string") channel.postMessage(true);
            try {
              // What the callback page has taken in the meantime is not found, and it will say how it ended.
              const found = await (typeof data === "string" ? finish(data) : ended(data.code));
              if (found) resolve(found);
            } catch (error) {
              reject(error);
            }
          };
          popup.location.replace(url);
        })().catch(reject);
      });
    } finally {
      over = true;
      for (const end of ends) end();
    }
  };

  /** @param {string | undefined} code */
  async function ended(code) {
    if (code) throw new GatepassError(code);
    await session.look("otherTab");
    return session.shown();
  }
}

/**
 * On the callback page: gives the address to whoever waits for it, and waits until he is done. Gives whether there was
 * anybody.
 * @param {string} state
 * @param {string} url
 * @param {() => void} ours
 * @returns {Promise<boolean>}
 */
export async function handOver(state, url, ours) {
  const name = await meetingOf(state);
  const { held = [] } = (await navigator.locks?.query()) ?? {};
  if (!held.some((lock) => lock.name === name)) return false;
  ours();
  const channel = new BroadcastChannel(name);
  const taken = await new Promise((resolve) => {
    setTimeout(resolve, PATIENT);
    channel.onmessage = resolve;
    channel.postMessage(url);
  });
  channel.close();
  if (!taken) return false;
  // Free when he is done, or gone; if he was frozen, enough has been waited then.
  (await take(name, true))?.();
  close();
  return true;
}

/**
 * On the callback page: says how a sign-in of ours ended.
 * @param {string} state
 * @param {string} [code]
 */
export async function report(state, code) {
  const channel = new BroadcastChannel(await meetingOf(state));
  channel.postMessage({ code });
  channel.close();
}
