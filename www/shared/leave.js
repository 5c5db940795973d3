// Leaving the page.

import { GatepassError } from "./errors.js";

/**
 * Leaves, and settles only if the person comes back to the page as it was.
 * @param {() => void} go
 * @returns {Promise<never>}
 */
export const leave = (go) =>
  new Promise((_, reject) => {
    const shownAgain = (/** @type {PageTransitionEvent} */ event) => {
      if (!event.persisted) return;
      removeEventListener("pageshow", shownAgain);
      reject(new GatepassError("navigated_back"));
    };
    addEventListener("pageshow", shownAgain);
    go();
  });
