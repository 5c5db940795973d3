// What can go wrong, in words. The codes come from the core (crates/core/src/error.rs); what they mean to a person at
// a screen stands here and nowhere else. A message says what happened, a hint what to do next.

/** @type {Record<string, [message: string, hint?: string]>} */
const WORDS = {
  configuration: ["a setting cannot work", "check the options of createGatepass and that the page is served over https"],
  not_signed_in: ["nobody is signed in here", "sign in"],
  state_mismatch: ["this answer belongs to no sign-in that was begun here", "sign in again from this browser"],
  malformed: ["the server sent an answer that cannot be read", "try again later, or tell whoever runs the server"],
  issuer_mismatch: ["the answer came from another issuer", "check that the issuer is spelled exactly as the server spells it"],
  bad_signature: ["the identity token is not signed by the issuer in the agreed way", "check the algorithm that the client is registered with"],
  bad_claim: ["the identity token does not fit this sign-in", "sign in again; if it stays, check this machine's clock"],
  not_bound: ["the server ignored the key of this session", "tell whoever runs the server"],
  unsupported: ["the server does not offer what this sign-in needs", "tell whoever runs the server"],
  session_ended: ["the session has ended", "sign in again"],
  session_lost: ["the session has ended: an answer of the server was lost on its way", "sign in again"],
  unreachable: ["the server did not answer", "check the connection and try again; you are still signed in"],
  busy: ["another tab is refreshing this session", "try again in a moment"],
  moved: ["the session changed in the meantime", "try again"],
  store_unavailable: ["this browser does not let the page keep a session", "allow the site to store data, or leave private browsing"],
  store_corrupt: ["what this browser has kept cannot be read", "clear this site's data and sign in again"],
  not_saved: ["the new session could not be kept", "free some space and sign in again"],
  key_lost: ["the key of this session is gone", "sign in again"],
  access_denied: ["access was denied", "sign in again and allow it, or ask for access"],
  invalid_scope: ["the server does not grant what was asked for", "check the scope of this application"],
  invalid_client: ["the server does not know this application", "check the client id"],
  unauthorized_client: ["this application may not sign in this way", "check how the client is registered"],
  login_required: ["you have to sign in", "sign in"],
  interaction_required: ["the server wants to ask you something", "sign in"],
  server_error: ["the server failed", "try again later"],
  temporarily_unavailable: ["the server is busy", "try again later"],
  navigated_back: ["you came back without signing in", "sign in when you are ready"],
  popup_blocked: ["the browser blocked the window to sign in", "allow windows of this site, or sign in on the page"],
  cancelled: ["it was given up", "try again when you are ready"],
  handoff_rejected: ["this request of a command line cannot be granted", "start again in the terminal"],
  unsupported_browser: ["gatepass could not be loaded", "check that the page allows 'wasm-unsafe-eval', and use a current browser"],
  bug: ["a promise inside gatepass does not hold", "please report it"],
};

/** @typedef {import("./gatepass.js").GatepassError["fault"]} Fault */

/** An error with a stable `code`. It never carries content: no token, no address, no answer of a server. */
export class GatepassError extends Error {
  /**
   * @param {string} code
   * @param {{detail?: string, retryable?: boolean, fault?: string}} [about]
   */
  constructor(code, about = {}) {
    const [message, hint] = WORDS[code] ?? ["the server refused"];
    super(about.detail ? `${message}: ${about.detail}` : message);
    this.name = "GatepassError";
    /** Stable; for programs. */
    this.code = code;
    /** What to do next; for people. */
    this.hint = hint;
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
