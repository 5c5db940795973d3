// Gatepass for pages. The core, compiled to WebAssembly beside this file, decides; `drive.js` does what it says; here
// is what belongs to the page: its address, its other tabs, and the order of events.
//
// Nothing happens on import, so that servers may import it too.

import { drive, step } from "./drive.js";
import { GatepassError } from "./errors.js";
// Not by `import()`, which service workers do not have.
// @ts-ignore: made by `cargo xtask wasm`, beside this file
import { initSync, Transaction } from "./gatepass_web.js";
import { ACCESS, CALLBACK, LOOK, REFRESH, SIGN_IN, SIGN_OUT } from "./said.js";
import { Store } from "./store.js";

export { GatepassError };

/**
 * @typedef {object} GatepassOptions
 * @property {string} issuer exactly as the server spells it, with or without a slash at the end
 * @property {string} clientId
 * @property {string} redirectUri where sign-ins come back to; absolute
 * @property {string} [scope] default `openid email profile offline_access`
 * @property {"RS256" | "PS256" | "ES256" | "EdDSA"} [idTokenAlg] what the client is registered with; default RS256
 * @property {"required" | "preferred" | "off"} [dpop] whether sessions are bound to a key; default preferred
 * @property {string} [session] tells several sessions of one client apart; default `default`
 *
 * @typedef {object} Session who is signed in; holds no token
 * @property {string} id
 * @property {string} issuer
 * @property {string} subject
 * @property {{sub: string, email?: string, name?: string}} claims
 * @property {string[]} scopes
 * @property {boolean} bound whether the session is bound to a key that never leaves this browser
 * @property {number} signedInAt milliseconds since 1970
 * @property {number | undefined} accessExpiresAt milliseconds since 1970
 *
 * @typedef {object} AccessToken
 * @property {string} value
 * @property {"Bearer" | "DPoP"} type
 * @property {number} expiresAt milliseconds since 1970
 *
 * @typedef {object} TokenOptions
 * @property {string} [audience] for whom the token is meant; without it, as at sign-in
 * @property {string} [resource] the same, for issuers that want an address (RFC 8707)
 * @property {string} [scope] fewer scopes than the session has, separated by spaces
 * @property {number} [minTtl] how many seconds it has to live still; default 30
 * @property {boolean} [forceRefresh]
 * @property {AbortSignal} [signal] ends the waiting only
 *
 * @typedef {"initial" | "signedIn" | "refreshed" | "signedOut" | "expired" | "otherTab"} Reason
 * @typedef {{session: Session | null, reason: Reason}} SessionEvent
 *
 * @typedef {object} Gatepass
 * @property {(url?: string) => Promise<Session | null>} handleCallback
 *   finishes a sign-in; null if the address is not its callback. May be called any number of times.
 * @property {(options?: {prompt?: string, loginHint?: string}) => Promise<never>} signIn
 *   leaves the page; rejects if the person comes back to it
 * @property {() => Promise<Session | null>} getSession no network
 * @property {(options?: TokenOptions) => Promise<AccessToken>} getAccessToken never opens anything
 * @property {() => Promise<{revoked: boolean}>} signOut ends the session here, then at the server
 * @property {(event: "session", listener: (event: SessionEvent) => void) => () => void} on
 *   the first event is always `initial`; returns what ends the subscription
 */

/**
 * Callbacks by state, and while one is under way, by session: a page that handles its callback twice (StrictMode does)
 * gets one sign-in, although the first call has already cleaned the address.
 * @type {Map<string, Promise<Session | null>>}
 */
const callbacks = new Map();

/** @type {Promise<WebAssembly.Memory> | undefined} */
let loading;

/** Loads the wasm part once. */
const load = () =>
  (loading ??= start().catch((/** @type {any} */ cause) => {
    loading = undefined;
    const error = new GatepassError("unsupported_browser", { fault: "machine", retryable: true });
    error.cause = cause;
    throw error;
  }));

/** All of it, then at once: a stream would need a server that knows the type, and saves nothing at this size. */
async function start() {
  const response = await fetch(new URL("./gatepass_web_bg.wasm", import.meta.url));
  const { memory } = initSync({ module: await WebAssembly.compile(await response.arrayBuffer()) });
  return memory;
}

/**
 * Opens this browser's place for one client. Restores what is there; never navigates.
 * @param {GatepassOptions} options
 * @returns {Promise<Gatepass>}
 */
export async function createGatepass(options) {
  for (const field of /** @type {const} */ (["issuer", "clientId", "redirectUri"])) {
    if (typeof options?.[field] !== "string") throw new GatepassError("configuration", { detail: field });
  }
  // A page that came neither over https nor from this machine has no WebCrypto.
  if (!globalThis.crypto?.subtle) throw new GatepassError("configuration", { detail: "secure_context" });
  const memory = await load();
  const { issuer, clientId, redirectUri } = options;
  const { scope = "openid email profile offline_access", idTokenAlg = "RS256", dpop = "preferred", session = "default" } = options;
  const settings = { issuer, client_id: clientId, redirect_uri: redirectUri, scope, id_token_alg: idTokenAlg, dpop };
  const store = new Store();
  const id = [issuer, clientId, session].map(encodeURIComponent).join("|");

  /** @type {(...wanted: import("./drive.js").Answer) => Promise<any>} */
  const core = async (...wanted) => {
    try {
      return await drive(new Transaction(), memory, store, id, wanted);
    } catch (thrown) {
      throw GatepassError.from(thrown);
    }
  };
  /** @type {(wishes?: object) => import("./drive.js").Answer} */
  const signInWith = (wishes) => [SIGN_IN, String(new URLSearchParams({ ...settings, ...wishes }))];
  try {
    // The first step reads the settings and does nothing.
    step(new Transaction(), memory, signInWith());
  } catch (thrown) {
    throw GatepassError.from(thrown);
  }

  /** Whether what is stored cannot be read: of no use to anybody, and no reason to keep somebody from signing in. */
  let corrupt = false;

  /** What is stored, as far as it is shown. */
  const stored = async () => {
    const found = await core(LOOK).catch((error) => {
      if (error.code !== "store_corrupt") throw error;
    });
    corrupt = !found;
    if (!found) return null;
    const { do: _, generation, scope, bound = false, ...shown } = found;
    return generation === undefined ? null : { generation, session: { id, ...shown, scopes: scope.split(" "), bound } };
  };
  /** @type {(found: any) => Session | null} */
  const shown = (found) => found && Object.freeze({ ...found.session });

  /** Looks once more, and lets go of what cannot be read. */
  const mend = async () => {
    await stored();
    if (corrupt) await store.forget(id);
  };

  /** @type {Awaited<ReturnType<typeof stored>>} */
  let known = null;

  // ---- events: after the commit, in a microtask, once for each change of what is stored

  /** @type {Set<(event: SessionEvent) => void>} */
  const listeners = new Set();
  const channel = new BroadcastChannel(`gatepass:${id}`);

  /** @type {(listener: (event: SessionEvent) => void, reason: Reason) => void} */
  const tell = (listener, reason) => {
    const event = { session: shown(known), reason };
    queueMicrotask(() => {
      if (!listeners.has(listener)) return;
      try {
        listener(event);
      } catch (error) {
        reportError(error);
      }
    });
  };

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
      for (const listener of listeners) tell(listener, reason);
      // The other tabs look for themselves: no token ever goes through a channel.
      if (reason !== "otherTab") channel.postMessage({ session: id, generation: found?.generation ?? null, kind: reason });
    });
    looking = looked.catch(() => {});
    return looked;
  };

  channel.onmessage = () => void look("otherTab").catch(() => {});
  // A page that comes back from the back/forward cache has heard nothing in the meantime.
  addEventListener("pageshow", (event) => {
    if (/** @type {PageTransitionEvent} */ (event).persisted) look("otherTab").catch(() => {});
  });
  // In Node a channel would keep the process alive; browsers know no such method.
  /** @type {any} */ (channel).unref?.();

  // Only now, so that no change is missed between the first look and the first word of another tab.
  const first = stored().then((found) => void (known = found));
  looking = first.catch(() => {});
  await first;

  // ---- sign in

  /** @type {Gatepass["signIn"]} */
  const signIn = async ({ prompt, loginHint } = {}) => {
    await mend();
    const { url } = await core(...signInWith({ ...(prompt && { prompt }), ...(loginHint && { login_hint: loginHint }) }));
    return new Promise((_, reject) => {
      const shownAgain = (/** @type {PageTransitionEvent} */ event) => {
        if (!event.persisted) return;
        removeEventListener("pageshow", shownAgain);
        reject(new GatepassError("navigated_back"));
      };
      addEventListener("pageshow", shownAgain);
      location.assign(url);
    });
  };

  /** @type {Gatepass["handleCallback"]} */
  const handleCallback = async (url = location.href) => {
    const callback = new URL(url);
    const { searchParams } = callback;
    const state = searchParams.get("state");
    const redirect = new URL(options.redirectUri);
    const ours = callback.origin + callback.pathname === redirect.origin + redirect.pathname;
    const answers = ours && state && (searchParams.has("code") || searchParams.has("error"));
    const running = callbacks.get(answers ? state : id);
    if (running || !answers) return running ?? null;
    // Before anything is sent: neither a reload nor anybody's statistics shall see the code.
    if (typeof history !== "undefined" && url === location.href) {
      for (const name of ["code", "state", "iss", "session_state", "error", "error_description", "error_uri"]) {
        searchParams.delete(name);
      }
      history.replaceState(history.state, "", callback);
    }
    const finishing = (async () => {
      await core(CALLBACK, url);
      await look("signedIn");
      return shown(known);
    })();
    callbacks.set(state, finishing);
    callbacks.set(id, finishing);
    finishing.catch(() => {}).finally(() => callbacks.delete(id));
    return finishing;
  };

  // ---- tokens

  /** @type {Map<string, Promise<AccessToken>>} */
  const asking = new Map();

  /** @type {(purpose: string, minTtl: number | undefined, forceRefresh: boolean) => Promise<AccessToken>} */
  const ask = async (purpose, minTtl, forceRefresh) => {
    try {
      const { value, type, expiresAt, refreshed } = await core(forceRefresh ? REFRESH : ACCESS, purpose, undefined, minTtl);
      if (refreshed) await look("refreshed");
      return Object.freeze({ value, type, expiresAt, toString: () => "[redacted]", toJSON: () => "[redacted]" });
    } catch (error) {
      const { code } = /** @type {GatepassError} */ (error);
      if (["session_ended", "session_lost", "not_signed_in"].includes(code)) await look("expired");
      throw error;
    }
  };

  /** @type {Gatepass["getAccessToken"]} */
  const getAccessToken = ({ minTtl, forceRefresh = false, signal, ...wanted } = {}) => {
    // As JSON has it, what is undefined is not there.
    const purpose = String(new URLSearchParams(JSON.parse(JSON.stringify(wanted))));
    const key = `${minTtl} ${forceRefresh} ${purpose}`;
    let asked = asking.get(key);
    if (!asked) {
      asked = ask(purpose, minTtl, forceRefresh).finally(() => asking.delete(key));
      asking.set(key, asked);
    }
    if (!signal) return asked;
    const token = asked;
    return new Promise((resolve, reject) => {
      const abort = () => reject(signal.reason);
      if (signal.aborted) abort();
      signal.addEventListener("abort", abort, { once: true });
      token.then(resolve, reject).finally(() => signal.removeEventListener("abort", abort));
    });
  };

  /** @type {Gatepass["signOut"]} */
  const signOut = async () => {
    await mend();
    const { revoked = false } = await core(SIGN_OUT);
    await look("signedOut");
    return { revoked };
  };

  return Object.freeze({
    handleCallback,
    signIn,
    getSession: async () => shown(await stored()),
    getAccessToken,
    signOut,
    on: (/** @type {"session"} */ _event, /** @type {(event: SessionEvent) => void} */ listener) => {
      // Each subscription is its own, even if one function listens twice.
      const own = (/** @type {SessionEvent} */ event) => listener(event);
      listeners.add(own);
      tell(own, "initial");
      return () => void listeners.delete(own);
    },
  });
}
