// The browser's own side of an extension: `browser` in Firefox, `chrome` elsewhere; both answer by promises.

/** Asked for when it is needed, never on import: servers and tests import these modules too. */
export const api = () => /** @type {any} */ (globalThis).browser ?? /** @type {any} */ (globalThis).chrome;
