// What is stored, as far as it is shown, and whoever wants to know when it changes: after the commit, once for each
// change. The other tabs look for themselves: no token ever goes through a channel.

import { makeEvents } from "./events.js";
import { LOOK } from "./said.js";

/** @typedef {import("./gatepass.js").Session} Session */
/** @typedef {import("./gatepass.js").SessionReason} Reason */
/** @typedef {Awaited<ReturnType<typeof follow>>} Following */

/**
 * @param {string} id
 * @param {import("./core.js").Core} core
 * @param {import("./drive.js").Store} store
 * @param {AbortSignal} signal ends it
 */
export async function follow(id, core, store, signal) {
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

  const events = makeEvents(() => ({ session: shown(known), reason: "initial" }));
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
      events.emit("session", { session: shown(known), reason });
      if (reason !== "otherTab") channel.postMessage({ session: id, generation: found?.generation ?? null, kind: reason });
    });
    looking = looked.catch(() => {});
    return looked;
  };

  const lookAgain = () => look("otherTab").catch((error) => events.emit("error", error));
  channel.onmessage = lookAgain;
  // A page that comes back from the back/forward cache has heard nothing in the meantime.
  addEventListener("pageshow", (event) => event.persisted && lookAgain(), { signal });
  signal.addEventListener("abort", () => {
    channel.close();
    events.clear();
  });
  // In Node a channel would keep the process alive; browsers know no such method.
  /** @type {any} */ (channel).unref?.();

  // Only now, so that no change is missed between the first look and the first word of another tab.
  const first = stored().then((found) => void (known = found));
  looking = first.catch(() => {});
  await first;

  return {
    events,
    look,
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
