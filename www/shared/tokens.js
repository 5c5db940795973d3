// Tokens: whoever asks for the same at the same time gets the same.

import { GatepassError } from "./errors.js";
import { ACCESS, REFRESH } from "./said.js";

/** @typedef {import("./gatepass.js").AccessToken} AccessToken */
/** @typedef {import("./gatepass.js").TokenOptions} TokenOptions */

/** @typedef {ReturnType<typeof makeTokens>} Tokens */

/** A session that these end is gone from the store. */
const OVER = ["session_ended", "session_lost", "not_signed_in"];

const redacted = () => /** @type {const} */ ("[redacted]");

/**
 * @param {import("./core.js").Core} core
 * @param {import("./session.js").Following} session
 */
export function makeTokens(core, session) {
  /** @type {Map<string, Promise<AccessToken>>} */
  const asking = new Map();

  /** @type {(purpose: string, minTtl: number | undefined, forceRefresh: boolean, end: "expired" | "revoked") => Promise<AccessToken>} */
  const ask = async (purpose, minTtl, forceRefresh, end) => {
    try {
      const { value, type, expiresAt, refreshed } = await core([forceRefresh ? REFRESH : ACCESS, purpose, undefined, minTtl]);
      if (refreshed) await session.look("refreshed");
      return Object.freeze({ value, type, expiresAt, toString: redacted, toJSON: redacted });
    } catch (error) {
      if (OVER.includes(/** @type {GatepassError} */ (error).code)) await session.look(end);
      throw error;
    }
  };

  /** @type {(options?: TokenOptions, end?: "expired" | "revoked") => Promise<AccessToken>} */
  const get = ({ minTtl, forceRefresh = false, signal, ...wanted } = {}, end = "expired") => {
    // As JSON has it, what is undefined is not there.
    const purpose = String(new URLSearchParams(JSON.parse(JSON.stringify(wanted))));
    const key = `${minTtl} ${forceRefresh} ${purpose}`;
    let asked = asking.get(key);
    if (!asked) {
      asked = ask(purpose, minTtl, forceRefresh, end).finally(() => asking.delete(key));
      asking.set(key, asked);
    }
    return signal ? unless(signal, asked) : asked;
  };

  return {
    get,
    /**
     * Another token than this one, which a server did not take. If there is none to be had, the session was revoked.
     * @param {AccessToken} refused
     * @param {AbortSignal} [signal]
     */
    async renew({ value }, signal) {
      const token = await get({ signal });
      return token.value === value ? get({ signal, forceRefresh: true }, "revoked") : token;
    },
  };
}

/**
 * Waits for what goes on anyway, unless the signal ends the waiting.
 * @template T
 * @param {AbortSignal} signal
 * @param {Promise<T>} waiting
 * @returns {Promise<T>}
 */
export const unless = (signal, waiting) =>
  new Promise((resolve, reject) => {
    const abort = () => reject(signal.reason);
    if (signal.aborted) abort();
    signal.addEventListener("abort", abort, { once: true });
    waiting.then(resolve, reject).finally(() => signal.removeEventListener("abort", abort));
  });
