// The options of `createGatepass`: what can be judged without the core is judged here, before anything is waited for.

import { GatepassError } from "./errors.js";
import { isPrivate } from "./http.js";

/** @typedef {import("./gatepass.js").GatepassOptions} Options */

/** @type {Record<keyof Options, string>} */
const TYPES = {
  issuer: "string",
  clientId: "string",
  redirectUri: "string",
  scope: "string",
  idTokenAlg: "string",
  dpop: "string",
  session: "string",
  storage: "string",
  apiOrigins: "object",
  heartbeat: "boolean",
  wasm: "object",
  open: "function",
  logger: "function",
};

const NEEDED = { issuer: "", clientId: "", redirectUri: "" };

/**
 * Options with their defaults.
 * @param {Options} options
 * @returns {Options & Required<Pick<Options, "scope" | "idTokenAlg" | "dpop" | "session" | "storage" | "apiOrigins">>}
 */
export function settle(options) {
  // A word that is not known is a mistake in its spelling, and would be missed.
  for (const [name, value] of Object.entries(Object.assign({}, NEEDED, options))) {
    // `undefined` is not given, and without an address or a name nothing goes.
    const fits = value === undefined || typeof value === TYPES[/** @type {keyof typeof TYPES} */ (name)];
    if (!fits || (name in NEEDED && !value)) throw wrong(name);
  }
  const { storage = "indexeddb", apiOrigins = [] } = options;
  if (!["indexeddb", "memory"].includes(storage)) throw wrong("storage");
  for (const origin of apiOrigins) {
    if (!URL.canParse(origin) || new URL(origin).origin !== origin || !isPrivate(`${origin}/`)) throw wrong("apiOrigins");
  }
  // A page that came neither over https nor from this machine has no WebCrypto.
  if (!globalThis.crypto?.subtle) throw wrong("secure_context");
  return {
    scope: "openid email profile offline_access",
    idTokenAlg: "RS256",
    dpop: "preferred",
    session: "default",
    ...options,
    storage,
    apiOrigins,
  };
}

/** @param {string} detail */
const wrong = (detail) => new GatepassError("configuration", { detail });
