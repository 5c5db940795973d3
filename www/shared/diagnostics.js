// What goes into a report: no name, no address, no token.

/** As in Cargo.toml; a test compares them. */
export const VERSION = "0.1.0";

/**
 * @param {"indexeddb" | "memory"} kind
 * @param {import("./session.js").Following} session
 * @param {import("./events.js").Events} events
 * @param {string[]} transcripts
 * @returns {Promise<import("./gatepass.js").Diagnostics>}
 */
export async function diagnose(kind, session, events, transcripts) {
  const found = await session.read().catch(() => null);
  const { storage, locks, userActivation } = navigator;
  return {
    version: VERSION,
    at: Date.now(),
    storage: {
      kind,
      degraded: events.kept.storageDegraded?.reason,
      persisted: await storage?.persisted?.().catch(() => undefined),
    },
    browser: {
      page: typeof document !== "undefined",
      secureContext: globalThis.isSecureContext,
      indexedDb: typeof indexedDB !== "undefined",
      locks: Boolean(locks),
      userActivation: Boolean(userActivation),
    },
    session: found && {
      generation: session.generation(),
      scopes: found.scopes,
      bound: found.bound,
      signedInAt: found.signedInAt,
      accessExpiresAt: found.accessExpiresAt,
    },
    transcripts,
  };
}
