// What is stored, as far as it is shown, and whoever wants to know when it changes: after the commit, once for each
// change. The other tabs look for themselves: no token ever goes through a channel.

import { LOOK } from "./said.js";

/** @typedef {import("./gatepass.js").Session} Session */
/** @typedef {import("./gatepass.js").SessionReason} Reason */
/** @typedef {Awaited<ReturnType<typeof follow>>} Following */

/**
 * @param {string} id
 * @param {import("./core.js").Core} core
 * @param {import("./memory.js").PageStore} store
 * @param {import("./events.js").Events} events
 * @param {AbortSignal} signal ends it
 */
export async function follow(id, core, store, events, signal) {
  /** Whether what is stored cannot be read: of no use to anybody, and no reason to keep somebody from signing in. */
  let corrupt = false;

  const stored = async () => {
    const found = await core([LOOK]).catch((error) => {
      if (error.code !== "store_corrupt") throw error;
    });
    corrupt = !found;
    if (!found) return null;
    const { do: _, generation, scope, bound = false, ...shown } = found;
    return generation === undefined ? null : { generation, session: { id, ...shown, scopes: scope.split(" "), bound } };
  };

  /** @type {Awaited<ReturnType<typeof stored>>} */
  let known = null;
  /** @type {(found: typeof known) => Session | null} */
  const shown = (found) => found && Object.freeze({ ...found.session });

  const channel = new BroadcastChannel(`gatepass:${id}`);

  /** One look after the other, so that what was read first is never told last. */
  let looking = Promise.resolve();

  /**
   * Looks at what is stored, and tells whoever listens if it has changed.
   * @type {(reason: Reason) => Promise<void>}
   */
  const look = (reason) => {
    const looked = looking.then(async () => {
      const found = await stored();
      if (found?.generation === known?.generation) return;
      known = found;
      if (!found && (await store.evicted(id))) reason = "evicted";
      events.emit("session", { session: shown(known), reason });
      if (reason !== "otherTab") channel.postMessage({ session: id, generation: found?.generation ?? null, kind: reason });
    });
    looking = looked.catch(() => {});
    return looked;
  };

  /** Whether a look waits: it will see all that has happened by then, however many say so. */
  let waits = false;
  const lookAgain = () => {
    if (waits) return;
    waits = true;
    looking = looking.then(() => void (waits = false));
    look("otherTab").catch((error) => events.emit("error", error));
  };
  /** Hears when the session will end, from the tab that was told. @type {(sessionExpiresAt: number) => void} */
  let hear = () => {};
  channel.onmessage = ({ data }) => (data.sessionExpiresAt ? hear(data.sessionExpiresAt) : lookAgain());
  // A page that comes back from the back/forward cache has heard nothing in the meantime.
  addEventListener("pageshow", (event) => event.persisted && lookAgain(), { signal });
  signal.addEventListener("abort", () => {
    // What this page still does, the other tabs are told; it hears nothing any more.
    channel.onmessage = null;
    events.clear();
  });
  // In Node a channel would keep the process alive; browsers know no such method.
  /** @type {any} */ (channel).unref?.();

  // Only now, so that no change is missed between the first look and the first word of another tab.
  const first = stored().then((found) => void (known = found));
  looking = first.catch(() => {});
  await first;
  if (!known && !corrupt && (await store.evicted(id))) events.keep("session", { session: null, reason: "evicted" });

  return {
    look,
    /** @param {number} sessionExpiresAt */
    share: (sessionExpiresAt) => channel.postMessage({ sessionExpiresAt }),
    /** @param {typeof hear} listener */
    onShared: (listener) => void (hear = listener),
    /** How often what is stored has changed. */
    generation: () => known?.generation,
    /** Who was signed in when last looked. */
    shown: () => shown(known),
    /** Who is signed in. */
    read: async () => shown(await stored()),
    /** Looks once more, and lets go of what cannot be read. */
    async mend() {
      await stored();
      if (corrupt) await store.forget(id);
    },
  };
}
