// The types of @gatepass/extension, as it ships them.

import type { AccessToken, Diagnostics, Events, Gatepass, GatepassError, GatepassOptions, Session, SignInOptions, SignOutOptions, TokenOptions } from "../shared/gatepass.js";

export { GatepassError } from "../shared/gatepass.js";
export type * from "../shared/gatepass.js";

/**
 * The worker's part: has the session, refreshes it, signs in. Call it at the top level of the worker's script, before any
 * `await`; the wasm part is loaded when it is first needed.
 *
 * The manifest needs `identity` (for that flow), `storage`, `alarms`, `nativeMessaging` (for the terminal), the issuer
 * in `host_permissions`, and `'wasm-unsafe-eval'` in the policy of `extension_pages`.
 *
 * @example
 * const gatepass = createGatepassBackground({ issuer: "https://id.example", clientId: "extension" });
 * It throws nothing, as nobody would hear of it: every call fails with `configuration` where a setting cannot work or a
 * permission is missing, and `detail` names it.
 */
export function createGatepassBackground(options: BackgroundOptions): GatepassBackground;

/** A page's part: popup, options or side panel of the same extension. Asks the worker; starts it if it has to. */
export function connectGatepass(): GatepassSurface;

/** Who signs in where, and how. */
export interface BackgroundOptions extends Omit<GatepassOptions, "redirectUri" | "open" | "heartbeat" | "storage"> {
  /**
   * Where sign-ins come back to, as registered; default `identity.getRedirectURL("gatepass")`:
   * `https://<id>.chromiumapp.org/gatepass` in Chromium, `https://<hash>.extensions.allizom.org/gatepass` in Firefox.
   * With the flow `tab` an address of your own, in `host_permissions`.
   */
  redirectUri?: string;
  /** Default `auto`: `identity` for the browser's own address, `tab` for every other. */
  flow?: "identity" | "tab" | "auto";
  /** The program in the terminal, by the name of its native messaging host. */
  native?: { host: string };
}

/** What worker and pages have in common. */
export interface GatepassCalls extends Pick<Gatepass, "getSession" | "fetch" | "signOut" | "diagnostics"> {
  /**
   * Opens a window or a tab of the issuer. Whoever asks meanwhile gets the same sign-in. It goes on when the worker is
   * stopped, and is given up after a quarter of an hour.
   *
   * @throws {GatepassError} `cancelled` if the person closes it, `unauthorized_client` if the server does not know the
   * client or the redirect URI in `detail` (Chromium tells; Firefox shows the server's page), and what the server refused with
   */
  signIn(options?: SignInOptions): Promise<Session>;
  getAccessToken(options?: TokenOptions): Promise<AccessToken>;
  /** The first `session` event is always `initial`. Returns what ends the subscription. */
  on<Name extends keyof ExtensionEvents>(event: Name, listener: (event: ExtensionEvents[Name]) => void): () => void;
  /** The program in the terminal, where `native` names one. */
  readonly terminal: Terminal;
}

export interface GatepassBackground extends GatepassCalls {
  /** Whether what an earlier worker left is under way again. Nobody has to wait for it. */
  readonly ready: Promise<void>;
}

export interface GatepassSurface extends GatepassCalls {
  /** Ends the subscriptions and the port. */
  close(): void;
}

export interface ExtensionEvents extends Events {
  terminal: TerminalStatus;
}

/** The line to the terminal. Tokens over it live for five minutes at most and are bound to the asker's key. */
export interface Terminal {
  status(): Promise<TerminalStatus>;
  /**
   * Asks the person in the terminal (`gatepass extension pair`). Meanwhile the status has the words that both show.
   *
   * @throws {GatepassError} `pairing_denied`, `pairing_expired`, `busy`, `unreachable`
   */
  pair(): Promise<TerminalStatus>;
  /** @throws {GatepassError} `not_paired`, `not_signed_in`, `denied`, `unsupported`, `busy`, `unreachable` */
  getAccessToken(wanted: TerminalWanted): Promise<AccessToken>;
  /**
   * `fetch` with a token of the terminal's session and a proof of this extension's key, for the origins that `fetch` of
   * the session has too: the issuer's and `apiOrigins`. Any other is asked without them.
   */
  fetch(wanted: TerminalWanted, input: RequestInfo | URL, init?: RequestInit): Promise<Response>;
}

/** What is asked of the terminal. */
export interface TerminalWanted {
  /** Separated by spaces; within the terminal's session. */
  scope: string;
  audience?: string;
}

/** `absent`: there is no such program. `lost`: it ended, and is tried again if the two are paired. */
export interface TerminalStatus {
  readonly state: "absent" | "connecting" | "unpaired" | "pairing" | "paired" | "lost";
  readonly program?: string;
  /** While pairing: what the terminal has to show too. */
  readonly phrase?: string;
  /** Until when; milliseconds since 1970. */
  readonly expiresAt?: number;
}
