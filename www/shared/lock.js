// The session's lock (Web Locks): held around a refresh only, by one page or worker of this origin at a time.

/**
 * How long to wait for it, in milliseconds: longer than its holder may take over two requests (http.js). A tab that was
 * frozen while it held the lock would hold it for ever.
 */
const LIMIT = 40_000;

/**
 * Takes the lock and gives what releases it. It is never stolen: `undefined` is an answer, and so it is where the
 * browser has no locks.
 * @param {string} name
 * @returns {Promise<(() => void) | undefined>}
 */
export const take = (name, limit = LIMIT) =>
  new Promise((granted) => {
    // The signal ends the waiting; once the lock is held, it means nothing any more. The lock is held until the
    // promise that the callback returns is settled.
    const held = () => new Promise((/** @type {(_?: any) => void} */ release) => granted(release));
    Promise.resolve(navigator.locks?.request(name, { signal: AbortSignal.timeout(limit) }, held))
      .catch(() => {})
      .then(() => granted(undefined));
  });
