// What can go wrong, in words. The codes come from the core (crates/core/src/error.rs); what they mean to a person at
// a screen stands here and nowhere else. A message says what happened, a hint what to do next.

/** @type {Record<string, [message: string, hint?: string]>} */
const WORDS = {
  configuration: ["a setting cannot work", "check the options of createGatepass"],
  not_signed_in: ["nobody is signed in here", "sign in"],
  state_mismatch: ["this answer belongs to no sign-in of this browser", "sign in again"],
  malformed: ["the answer of the server cannot be read", "check the issuer's address, or tell whoever runs the server"],
  issuer_mismatch: ["the answer came from another issuer", "check how the issuer is spelled"],
  bad_signature: ["the identity token is not signed in the agreed way", "`idTokenAlg` has to be what the client is registered with"],
  bad_claim: ["the identity token does not fit this sign-in", "sign in again, or check this machine's clock"],
  not_bound: ["the server ignored the key of this session", "tell whoever runs the server"],
  invalid_dpop_proof: ["the server does not accept the proof of this session's key", "check this machine's clock"],
  unsupported: ["the server does not offer what this sign-in needs", "tell whoever runs the server"],
  session_ended: ["the session has ended", "sign in again"],
  session_lost: ["the session has ended: an answer of the server was lost", "sign in again"],
  unreachable: ["the server did not answer", "check the connection and try again; nothing is lost"],
  busy: ["another tab refreshes this session", "try again"],
  moved: ["the session has changed", "try again"],
  store_unavailable: ["this browser does not let the page keep a session", "allow this site to store data"],
  store_corrupt: ["what this browser has kept cannot be read", "clear this site's data and sign in again"],
  not_saved: ["this session could not be kept", "free some space and sign in again"],
  key_lost: ["the key of this session is gone", "sign in again"],
  access_denied: ["access was denied", "sign in again and allow it"],
  invalid_scope: ["the server does not grant this scope", "check how the client is registered"],
  invalid_target: ["the server gives no token for this audience", "add it to `audiences` of this client at the server"],
  invalid_client: ["the server does not know this application", "check the client id"],
  unauthorized_client: ["this application may not sign in this way", "check how the client is registered: its id, its redirect URIs, its grants"],
  login_required: ["you have to sign in", "sign in"],
  interaction_required: ["you have to sign in", "sign in"],
  server_error: ["the server failed", "try again later"],
  temporarily_unavailable: ["the server is busy", "try again later"],
  navigated_back: ["you came back without signing in"],
  popup_blocked: ["the browser blocked the window", "allow this site to open windows"],
  cancelled: ["it was given up"],
  worker_silent: ["the worker of this extension does not answer", "look for its errors on the browser's page of extensions"],
  pairing_denied: ["the person said no in the terminal", "try again when they want it"],
  pairing_expired: ["nobody answered in the terminal", "try again"],
  not_paired: ["this extension is not connected with the terminal", "connect it again"],
  denied: ["the other end gives no such token", "ask for less"],
  handoff_rejected: ["this request cannot be granted", "start again in the terminal"],
  unsupported_browser: ["gatepass could not be loaded", "check that gatepass_web_bg.wasm lies beside the script (or give `wasm`), that the page allows 'wasm-unsafe-eval', and use a current browser"],
  bug: ["gatepass itself has failed", "please report it"],
};

const PRIVATE = "https, or on this machine";
const PERMISSION = "name it in `permissions` of the manifest";

/** What a setting has to be. @type {Record<string, string>} */
const HINTS = {
  secure_context: `the page has to come over ${PRIVATE}`,
  issuer: `it has to be a whole address: ${PRIVATE}`,
  redirectUri: `it has to be a whole address of this page's origin: ${PRIVATE}`,
  apiOrigins: `it takes origins, without a path: ${PRIVATE}`,
  scope: "at sign-in it has to have `openid`; for a token, what the session has",
  idTokenAlg: "it is one of RS256, PS256, ES256 and EdDSA",
  alarms: PERMISSION,
  identity: PERMISSION,
  nativeMessaging: PERMISSION,
};

/** @type {<T>(words: Record<string, T>, name: any) => T | undefined} */
const own = (words, name) => (Object.hasOwn(words, name) ? words[name] : undefined);

/** @typedef {import("./gatepass.js").GatepassError["fault"]} Fault */

/** An error with a stable `code`. It never carries content: no token, no address, no answer of a server. */
export class GatepassError extends Error {
  /**
   * @param {string} code
   * @param {{detail?: string, retryable?: boolean, fault?: string}} [about]
   */
  constructor(code, about = {}) {
    const [message, hint] = own(WORDS, code) ?? ["the server refused"];
    super(about.detail ? `${message}: ${about.detail}` : message);
    this.name = "GatepassError";
    /** Stable; for programs. */
    this.code = code;
    /** What to do next; for people. */
    this.hint = (code === "configuration" && own(HINTS, about.detail)) || hint;
    /** Which setting, claim or field, if one is to blame. */
    this.detail = about.detail;
    /** Whether the same call may succeed a little later. */
    this.retryable = about.retryable ?? false;
    /** Who can do something about it. */
    this.fault = /** @type {Fault} */ (about.fault ?? "caller");
  }

  /**
   * Makes an error of whatever was thrown: what is none yet is a trap of the wasm part.
   * @param {any} thrown
   * @returns {GatepassError}
   */
  static from(thrown) {
    if (thrown instanceof GatepassError) return thrown;
    const error = new GatepassError("bug", { fault: "gatepass" });
    error.cause = thrown;
    return error;
  }
}
