// A session's lock (Web Locks), held by one page or worker of this origin at a time: around a refresh, so that there is
// one; and around what else changes the session, so that it does not cross a refresh.

/**
 * How long a refresh waits for it, in milliseconds: longer than its holder may take over two requests (http.js). A tab
 * that was frozen while it held the lock would hold it for ever.
 */
const LONG = 40_000;
/** How long everybody else does: what they change is compared as it is changed, so that they need no lock to be right. */
const BRIEF = 3000;

/**
 * Takes the lock and gives what releases it. It is never stolen: `undefined` is an answer, and so it is where the
 * browser has no locks.
 * @param {string} name
 * @param {boolean} [refresh] what it is for
 * @returns {Promise<(() => void) | undefined>}
 */
export function take(name, refresh) {
  // The signal ends the waiting; once the lock is held, it means nothing any more.
  const signal = AbortSignal.timeout(refresh ? LONG : BRIEF);
  return new Promise((granted) => {
    // The lock is held until the promise that the callback returns is settled.
    const held = () => new Promise((/** @type {(_?: any) => void} */ release) => granted(release));
    Promise.resolve(navigator.locks?.request(name, { signal }, held))
      .catch(() => {})
      .then(() => granted(undefined));
  });
}
