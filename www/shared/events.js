// Who listens, and to what. Everybody is told in a microtask of his own, and nobody can keep another from being told.

/** @typedef {import("./gatepass.js").Events} Told */
/** @typedef {ReturnType<typeof makeEvents>} Events */

/** @param {() => import("./gatepass.js").Session | null} session what each listener to it hears first */
export function makeEvents(session) {
  /** @type {Set<[name: string, listener: (event: any) => void]>} */
  const listeners = new Set();
  /** What is told to those who come late too. @type {Partial<Told>} */
  const kept = {};

  /** @type {(subscription: [string, (event: any) => void], event: any) => void} */
  const tell = (subscription, event) =>
    queueMicrotask(() => {
      if (!listeners.has(subscription)) return;
      try {
        subscription[1](event);
      } catch (error) {
        (globalThis.reportError ?? console.error)(error);
      }
    });

  return {
    /** @type {import("./gatepass.js").Gatepass["on"]} */
    on(name, listener) {
      // Each subscription is its own, even if one function listens twice.
      /** @type {[string, (event: any) => void]} */
      const subscription = [name, listener];
      listeners.add(subscription);
      if (name === "session") tell(subscription, { session: session(), reason: "initial" });
      if (kept[name]) tell(subscription, kept[name]);
      return () => void listeners.delete(subscription);
    },
    /** @type {<Name extends keyof Told>(name: Name, event: Told[Name]) => void} */
    emit(name, event) {
      delete kept[name];
      for (const subscription of listeners) if (subscription[0] === name) tell(subscription, event);
    },
    /** The same, once, and those who listen later hear it too. @type {<Name extends keyof Told>(name: Name, event: Told[Name]) => void} */
    keep(name, event) {
      if (kept[name]) return;
      this.emit(name, event);
      kept[name] = event;
    },
    kept,
    clear: () => listeners.clear(),
  };
}
