// The types of @gatepass/web, as it ships them. The modules beside this file take theirs from here, so that `tsc` holds
// the implementation to what an editor shows.

/// <reference lib="esnext.disposable" />

/**
 * Opens this browser's place for one client: loads the wasm part, looks at what is stored, and never navigates.
 *
 * Nothing happens on import, so a server may import this module; it must not call this.
 *
 * @throws {GatepassError} `configuration` before anything is waited for, `detail` names the option;
 *   `unsupported_browser` if the wasm part cannot be loaded; `store_unavailable` if a session may be there that cannot be
 *   read now. A page whose browser keeps nothing works all the same: see {@link Events.storageDegraded}; a worker does not
 * @example
 * const gatepass = await createGatepass({ issuer: "https://id.example", clientId: "app", redirectUri: `${location.origin}/callback` });
 * if (!(await gatepass.handleCallback()) && !(await gatepass.getSession())) await gatepass.signIn();
 * const response = await gatepass.fetch("https://id.example/userinfo");
 */
export function createGatepass(options: GatepassOptions): Promise<Gatepass>;

/** Who signs in where, and how. */
export interface GatepassOptions {
  /** Exactly as the server spells it, with or without a slash at the end. */
  issuer: string;
  /** As the client is registered. */
  clientId: string;
  /** Where sign-ins come back to; absolute, and registered. */
  redirectUri: string;
  /** Separated by spaces; default `openid email profile offline_access`. */
  scope?: string;
  /** What the client is registered with for ID tokens; default `RS256`. */
  idTokenAlg?: "RS256" | "PS256" | "ES256" | "EdDSA";
  /** Whether sessions are bound to a key that cannot leave the browser (RFC 9449); default `preferred`. */
  dpop?: "required" | "preferred" | "off";
  /** Tells several sessions of one client apart; default `default`. */
  session?: string;
  /** Where sessions are kept; default `indexeddb`. With `memory`, a reload ends the session here. */
  storage?: "indexeddb" | "memory";
  /**
   * The origins that {@link Gatepass.fetch} gives credentials to, beside the issuer's, as `https://api.example`;
   * `http` for this machine alone. Nobody else ever gets any.
   */
  apiOrigins?: readonly string[];
  /**
   * Whether the server is told that the session is used, while the page is visible and somebody uses it; default: if the
   * issuer has an endpoint for it.
   */
  heartbeat?: boolean;
  /** The wasm part, if it does not lie beside this module. The first call that loads it decides for the whole page. */
  wasm?: URL | Response | WebAssembly.Module | Promise<Response | WebAssembly.Module>;
  /**
   * How {@link Gatepass.signIn} leaves; default `location.assign`. If it gives the callback's address, the sign-in ends
   * with it and `signIn` resolves: for extensions and whatever else has no address bar.
   */
  open?: (url: string) => Promise<string | void> | void;
  /** Hears how each call to the core ended. Is told no name, no address and no token. */
  logger?: (event: LogEvent) => void;
}

/** The calls. None of them has to be made in any order. */
export interface Gatepass extends AsyncDisposable {
  /**
   * Finishes a sign-in. May be called on every page and any number of times: one callback is one sign-in.
   * The code, the state and the rest of the answer are gone from the address before anything is sent.
   *
   * @param url default: the page's address
   * @returns `null` if the address is not a callback, or none of a sign-in that this browser began
   * @throws {GatepassError} what the server refused with (`access_denied`, `login_required`, ...), `bad_signature`,
   *   `bad_claim`, `issuer_mismatch`, `unreachable`, `not_saved`
   */
  handleCallback(url?: string): Promise<Session | null>;

  /**
   * Leaves the page for the issuer. Does not resolve, except where `open` gives the callback's address.
   *
   * @throws {GatepassError} `navigated_back` if the person comes back to this page; `unreachable`, `unsupported`
   */
  signIn(options?: SignInOptions): Promise<Session>;

  /**
   * Signs in in a window of its own. Call it in a click's handler and before any `await`: browsers block it otherwise.
   * Works under any `Cross-Origin-Opener-Policy`; the callback page calls {@link handleCallback} and nothing else.
   *
   * A browser does not say reliably that the person has closed the window: offer a way to give up, by `signal`.
   *
   * @throws {GatepassError} `popup_blocked`; `cancelled` if `signal` ends it; otherwise as {@link handleCallback}
   */
  signInPopup(options?: PopupOptions): Promise<Session>;

  /** Who is signed in, by what is stored. No network, no lock; holds no token. */
  getSession(): Promise<Session | null>;

  /**
   * A token that still lives for `minTtl` seconds. Refreshes if it has to; all tabs of a browser make one request between
   * them. Never opens anything.
   *
   * @throws {GatepassError} `not_signed_in`, `session_ended`, `session_lost`, `key_lost`: sign in again.
   *   `unreachable`, `busy`, `moved`: the session stays, and the same call may succeed later (`retryable`).
   *   `signal` ends the waiting only; its reason is thrown then.
   */
  getAccessToken(options?: TokenOptions): Promise<AccessToken>;

  /**
   * `fetch` with the session's credentials, for `apiOrigins` and the issuer; everybody else is asked without them.
   *
   * Where the session is bound to a key, each request carries a proof; the server's nonce is learned per origin, and
   * asked for once more if it was missing. An answer 401 with `invalid_token`, or with `invalid_dpop_proof` as when this
   * machine's clock is wrong, means one refresh and one more try. A body that is a stream is sent once. A request
   * with a proof follows no redirect: the proof is for one address.
   *
   * @throws {GatepassError} as {@link getAccessToken}; otherwise what `fetch` throws
   */
  fetch(input: RequestInfo | URL, init?: RequestInit): Promise<Response>;

  /**
   * Ends the session: here first, in every tab, and then at the server.
   *
   * @returns whether the server knows of it; if not, the session is over here all the same
   */
  signOut(options?: SignOutOptions): Promise<{ revoked: boolean }>;

  /**
   * Listens. A listener is called after what it hears of has happened, in a microtask of its own; what it throws or gives
   * back is nobody's concern. The first `session` event is always `initial`.
   *
   * @returns what ends the subscription; may be called twice
   */
  on<Name extends keyof Events>(event: Name, listener: (event: Events[Name]) => void): () => void;

  /**
   * Reads what a command line asks of this page (`#v=1&...`) and clears it from the address. What waits while the person
   * signs in is kept for ten minutes by this tab, and given again.
   *
   * @param url default: the page's address
   * @returns `null` if nothing is asked
   * @throws {GatepassError} `handoff_rejected`, `detail` names the parameter
   */
  parseHandoff(url?: string): Promise<HandoffRequest | null>;

  /**
   * Gives the command line what it asks for, and leaves the page for it. Call it in a click's handler: a script alone is
   * refused, and so is a page that somebody frames. If it rejects with `navigated_back`, it may be called again with the
   * same request.
   *
   * @throws {GatepassError} `handoff_rejected`, `not_signed_in`, `navigated_back`, or what the server refused with
   */
  approveHandoff(request: HandoffRequest, options?: HandoffOptions): Promise<never>;

  /** What to put into a report: no name, no address, no token. */
  diagnostics(): Promise<Diagnostics>;

  /** Ends the subscriptions and the heartbeat, and hears other tabs no more. The session stays. */
  [Symbol.asyncDispose](): Promise<void>;
}

/** Wishes for one sign-in. */
export interface SignInOptions {
  /** As OpenID Connect has it: `login`, `consent`, `select_account`, `create`. */
  prompt?: string;
  /** An e-mail address, mostly. */
  loginHint?: string;
}

/** Wishes for a sign-in in a window of its own. */
export interface PopupOptions extends SignInOptions {
  /** Ends the waiting, and closes the window where the browser still lets this page do so. */
  signal?: AbortSignal;
  /** What `window.open` gets; default a window of 480 by 720. */
  features?: string;
}

/** Wishes for a token. */
export interface TokenOptions {
  /** For whom the token is meant; without it, as at sign-in. */
  audience?: string;
  /** The same, for issuers that want an address (RFC 8707). */
  resource?: string;
  /** Fewer scopes than the session has, separated by spaces. */
  scope?: string;
  /** How long it has to live still, in seconds; default 30. */
  minTtl?: number;
  /** Refreshes even if the token is fresh. */
  forceRefresh?: boolean;
  /** Ends the waiting only. */
  signal?: AbortSignal;
}

/** Wishes for a sign-out. */
export interface SignOutOptions {
  /** Ends every session of the account, on every device, where the issuer offers that. */
  everywhere?: boolean;
  /**
   * Signs out of the issuer too, and comes back to this address, which has to be registered. The page is left; the
   * promise does not resolve then.
   */
  returnTo?: string;
}

/** Who is signed in. Frozen; holds no token. */
export interface Session {
  /** What tells this place from others of the same browser: issuer, client and `session`. */
  readonly id: string;
  readonly issuer: string;
  /** Who it is to the issuer; never changes. */
  readonly subject: string;
  readonly claims: Readonly<Claims>;
  readonly scopes: readonly string[];
  /** Whether the session is bound to a key that cannot leave this browser. */
  readonly bound: boolean;
  /** Milliseconds since 1970. */
  readonly signedInAt: number;
  /** When the access token in store ends, if there is one; milliseconds since 1970. */
  readonly accessExpiresAt?: number;
}

/** What the issuer's ID token said of the person. */
export interface Claims {
  sub: string;
  email?: string;
  name?: string;
}

/** A token for one API. Shows as `[redacted]` wherever it is printed; only `value` has it. */
export interface AccessToken {
  readonly value: string;
  /** A `DPoP` token is of no use without a proof of the session's key: use {@link Gatepass.fetch}. */
  readonly type: "Bearer" | "DPoP";
  /** Milliseconds since 1970. */
  readonly expiresAt: number;
  toString(): "[redacted]";
  toJSON(): "[redacted]";
}

/** What {@link Gatepass.on} listens to. */
export interface Events {
  session: SessionEvent;
  /** The server will end the session soon, because nobody uses it or because it has lasted long enough. */
  expiring: {
    /** Milliseconds since 1970. */
    sessionExpiresAt: number;
  };
  /** What failed where nobody waits for an answer: a look at the store after another tab's word, a heartbeat. */
  error: GatepassError;
  /** The browser does not let this page keep sessions: this one lasts as long as the page. Told once, also late. */
  storageDegraded: {
    reason: string;
  };
}

/** The session changed. */
export interface SessionEvent {
  readonly session: Session | null;
  readonly reason: SessionReason;
}

/**
 * Why. `expired`: the server ended it. `revoked`: the same, and it was told by its answer to a heartbeat or to an API.
 * `evicted`: the browser lost it. `otherTab`: another tab or worker of this origin did something.
 */
export type SessionReason =
  | "initial"
  | "signedIn"
  | "refreshed"
  | "signedOut"
  | "expired"
  | "revoked"
  | "evicted"
  | "otherTab";

/** What a command line asks for. */
export interface HandoffRequest {
  readonly clientId: string;
  readonly issuer: string;
  /** How the terminal calls its machine, as `ada@thinkpad`. It says so itself: show it as that. */
  readonly device: string;
  readonly scopes: readonly string[];
  /** Where it listens on this machine; without it, a code is typed. */
  readonly port?: number;
  /** Three words that the terminal shows too. Ask the person to compare them. */
  readonly phrase: string;
  /** Whether this session itself moves to the terminal, and ends here: the issuer can give it none of its own. */
  readonly moves: boolean;
  /**
   * Says no, and leaves the page for the terminal's answer.
   *
   * @throws {GatepassError} `cancelled` if there is nobody to tell; `navigated_back`
   */
  deny(): Promise<never>;
}

/** What the person granted. */
export interface HandoffOptions {
  /** Fewer scopes than were asked for. */
  scopes?: readonly string[];
}

/** A report. */
export interface Diagnostics {
  version: string;
  /** Milliseconds since 1970, by this machine's clock. */
  at: number;
  storage: {
    kind: "indexeddb" | "memory";
    /** Why it is not what was asked for. */
    degraded?: string;
    /** Whether the browser has promised to keep it. */
    persisted?: boolean;
  };
  /** What this browser has of what is used. */
  browser: Record<string, boolean>;
  session: Pick<Session, "scopes" | "bound" | "signedInAt" | "accessExpiresAt"> & { generation?: number } | null;
  /** The last eight calls for a token, effect by effect. `gatepass doctor --trace` prints the same. */
  transcripts: string[];
}

/** How a call to the core ended. */
export interface LogEvent {
  call: "look" | "signIn" | "callback" | "access" | "refresh" | "signOut" | "prove";
  milliseconds: number;
  /** How it failed, if it did. */
  code?: ErrorCode;
}

/**
 * Stable, for programs. What a server refused with is its registered code (RFC 6749, OpenID Connect Core), and `other` if
 * it has none.
 */
export type ErrorCode =
  | "access_denied"
  | "bad_claim"
  | "bad_signature"
  | "bug"
  | "busy"
  | "cancelled"
  | "configuration"
  | "handoff_rejected"
  | "interaction_required"
  | "invalid_client"
  | "invalid_dpop_proof"
  | "invalid_grant"
  | "invalid_scope"
  | "invalid_target"
  | "issuer_mismatch"
  | "key_lost"
  | "login_required"
  | "malformed"
  | "moved"
  | "navigated_back"
  | "not_bound"
  | "not_saved"
  | "not_signed_in"
  | "popup_blocked"
  | "server_error"
  | "session_ended"
  | "session_lost"
  | "state_mismatch"
  | "store_corrupt"
  | "store_unavailable"
  | "temporarily_unavailable"
  | "unauthorized_client"
  | "unreachable"
  | "unsupported"
  | "unsupported_browser"
  | (string & {});

/** What every call fails with. It never carries content: no token, no address, no answer of a server. */
export class GatepassError extends Error {
  constructor(code: ErrorCode, about?: { detail?: string; retryable?: boolean; fault?: string });
  /** Stable; for programs. */
  readonly code: ErrorCode;
  /** What to do next; for people. */
  readonly hint?: string;
  /** Which option, claim or field, if one is to blame. */
  readonly detail?: string;
  /** Whether the same call may succeed a little later. */
  readonly retryable: boolean;
  /** Who can do something about it. */
  readonly fault: "caller" | "server" | "world" | "machine" | "gatepass";
  /** Makes an error of whatever was thrown. */
  static from(thrown: unknown): GatepassError;
}
