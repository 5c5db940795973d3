// Gatepass for the worker of an extension: the only one that has the session, refreshes it and signs with its key.
// Popup, options and side panel ask it over a port (surface.js); content scripts, pages and other extensions get nothing.
//
// The worker is stopped whenever the browser likes. So it listens before anything else, loads the wasm part after, and
// keeps nothing in memory that it cannot do without.

import { api } from "./api.js";
import { proofOf } from "./keys.js";
import { mint } from "./mint.js";
import { LINE_ALARM, Native } from "./native.js";
import { HERE, PORT_NAME, NEWS, pack, packResponse, shownToken, unpackRequest } from "./port.js";
import { SIGN_IN_ALARM, SignIns } from "./sign-in.js";
import { createGatepass, GatepassError } from "../shared/gatepass.js";
import { settle } from "../shared/options.js";

export { GatepassError };

/** @typedef {import("../shared/gatepass.js").Gatepass} Gatepass */

/**
 * Call it at the top level of the worker's script, before any `await`.
 * @type {typeof import("./extension.js").createGatepassBackground}
 */
export function createGatepassBackground(options) {
  try {
    return begin(options);
  } catch (thrown) {
    // The browser drops a worker whose script throws, and tells no page that waits for it.
    reportError(thrown);
    return refuse(GatepassError.from(thrown));
  }
}

/** @type {typeof createGatepassBackground} */
function begin({ flow = "auto", native, ...rest }) {
  const { runtime, identity, alarms } = api();
  const { redirectUri, flow: chosen } = wayOf({ flow, redirectUri: rest.redirectUri, native });
  // Now: the terminal's tokens go to `apiOrigins` before the facade has seen them.
  const { issuer, apiOrigins } = settle({ ...rest, redirectUri });

  /** @type {Promise<Gatepass> | undefined} */
  let loading;
  const core = () =>
    (loading ??= load().catch((thrown) => {
      // Asked again, it tries again.
      loading = undefined;
      throw thrown;
    }));

  /** @type {Set<any>} */
  const ports = new Set();
  /** Of the terminal; the facade has the others. @type {Set<(status: any) => void>} */
  const listeners = new Set();
  /** @param {(status: any) => void} listener */
  const listen = (listener) => {
    const own = (/** @type {any} */ status) => listener(status);
    listeners.add(own);
    return () => void listeners.delete(own);
  };
  const news = new BroadcastChannel(NEWS);
  /** @type {(event: string, detail: any) => void} */
  const tell = (event, detail) => {
    if (event === "terminal") for (const listener of listeners) queueMicrotask(() => listener(detail));
    for (const port of ports) port.postMessage({ event, detail });
    news.postMessage(event);
  };

  const signIns = new SignIns({ core, redirectUri, flow: chosen });
  const line = native && new Native(native.host, async (asked) => mint(await core(), { ...rest, redirectUri }, asked), (status) => tell("terminal", status));

  async function load() {
    const gatepass = await createGatepass({ ...rest, redirectUri, open: (url) => signIns.leave(url) });
    gatepass.on("session", (event) => tell("session", event));
    gatepass.on("expiring", (event) => tell("expiring", event));
    gatepass.on("error", (error) => tell("error", pack(error)));
    gatepass.on("storageDegraded", (event) => tell("storageDegraded", event));
    return gatepass;
  }

  // Where that cannot be read, a sign-in begins anew and the terminal waits to be asked.
  const ready = signIns.resume().catch(() => {});
  ready.then(() => line?.resume()).catch(() => {});

  const needed = () => {
    if (!line) throw new GatepassError("unsupported", { detail: "native" });
    return line;
  };

  const terminal = {
    status: async () => line ? line.status() : { state: /** @type {const} */ ("absent") },
    pair: async () => needed().pair(),
    getAccessToken: async (/** @type {any} */ wanted) => {
      const { value, type, expiresAt } = await needed().token(wanted);
      return shownToken({ value, type, expiresAt });
    },
    fetch: async (/** @type {any} */ wanted, /** @type {any} */ input, /** @type {any} */ init) => {
      const asked = new Request(input, init);
      // As with `fetch` of the session: every other origin is asked without the token.
      const origins = [new URL(issuer).origin, ...apiOrigins];
      if (!origins.includes(new URL(asked.url).origin)) return fetch(asked);
      const { value, key } = await needed().token(wanted);
      const request = new Request(asked, { redirect: "error" });
      request.headers.set("authorization", `DPoP ${value}`);
      request.headers.set("dpop", await proofOf(key, request.method, request.url, value));
      return fetch(request);
    },
  };

  /** @type {ReturnType<typeof createGatepassBackground>} */
  const background = {
    ready,
    signIn: async (wishes) => (await ready, signIns.signIn(wishes)),
    getSession: async () => (await core()).getSession(),
    getAccessToken: async (options) => (await core()).getAccessToken(options),
    fetch: async (input, init) => (await core()).fetch(input, init),
    signOut: async (options) => (await core()).signOut(options),
    diagnostics: async () => (await core()).diagnostics(),
    on: (event, listener) => {
      if (event === "terminal") return listen(/** @type {any} */ (listener));
      /** @type {(() => void) | undefined} */
      let off;
      let ended = false;
      core().then((gatepass) => ended || (off = gatepass.on(/** @type {any} */ (event), /** @type {any} */ (listener))), () => {});
      return () => {
        ended = true;
        off?.();
      };
    },
    terminal,
  };

  /**
   * What a page of this extension may ask for.
   * @type {Record<string, (...args: any[]) => Promise<any>>}
   */
  const calls = {
    signIn: async (wishes, ticket) => (await ready, signIns.signIn(wishes, ticket)),
    getSession: background.getSession,
    getAccessToken: async (options) => bare(await background.getAccessToken(options)),
    fetch: async (request) => packResponse(await background.fetch(...unpackRequest(request))),
    signOut: background.signOut,
    diagnostics: background.diagnostics,
    "terminal.status": terminal.status,
    "terminal.pair": terminal.pair,
    "terminal.getAccessToken": async (wanted) => bare(await terminal.getAccessToken(wanted)),
    "terminal.fetch": async (wanted, request) => packResponse(await terminal.fetch(wanted, ...unpackRequest(request))),
  };

  serve(ports, async (call, args) => {
    if (!Object.hasOwn(calls, call)) throw new GatepassError("unsupported", { detail: "call" });
    return calls[call](...args);
  });

  alarms.onAlarm.addListener((/** @type {{name: string}} */ { name }) => {
    // An earlier worker set it; this one goes on with what it left as soon as it is started.
    if (name === SIGN_IN_ALARM) ready.then(() => signIns.tick());
    if (name === LINE_ALARM) line?.tick();
  });
  // Without these two nothing starts the worker when the browser does, and a paired program would wait.
  if (line) for (const event of [runtime.onStartup, runtime.onInstalled]) event.addListener(() => {});

  return Object.freeze(background);
}

/**
 * What was asked for, if this extension may do all that it takes.
 * @param {Pick<import("./extension.js").BackgroundOptions, "flow" | "redirectUri" | "native">} options
 */
function wayOf({ flow, redirectUri: given, native }) {
  const { runtime, identity, alarms, storage } = api();
  /** @type {(detail: string) => never} */
  const wrong = (detail) => {
    throw new GatepassError("configuration", { detail });
  };
  if (!alarms) wrong("alarms");
  if (!storage) wrong("storage");
  if (native && !runtime.connectNative) wrong("nativeMessaging");
  if (!identity && (flow === "identity" || given === undefined)) wrong("identity");
  const redirectUri = given ?? identity.getRedirectURL("gatepass");
  if (typeof redirectUri !== "string") wrong("redirectUri");
  // Only `launchWebAuthFlow` catches the redirect to the browser's own address: there is nothing behind it.
  const own = identity && redirectUri.startsWith(identity.getRedirectURL());
  if (flow === "identity" && !own) wrong("flow");
  return { redirectUri, flow: own && flow !== "tab" ? /** @type {const} */ ("identity") : /** @type {const} */ ("tab") };
}

/** @param {GatepassError} error @returns {ReturnType<typeof createGatepassBackground>} */
function refuse(error) {
  const fail = async () => {
    throw error;
  };
  serve(new Set(), fail);
  const calls = { signIn: fail, getSession: fail, getAccessToken: fail, fetch: fail, signOut: fail, diagnostics: fail };
  return Object.freeze({ ...calls, ready: Promise.resolve(), on: () => () => {}, terminal: { status: fail, pair: fail, getAccessToken: fail, fetch: fail } });
}

/**
 * Answers the pages of this extension.
 * @param {Set<any>} ports of those that are there
 * @param {(call: string, args: any[]) => Promise<any>} answerTo
 */
function serve(ports, answerTo) {
  api().runtime.onConnect.addListener((/** @type {any} */ port) => {
    if (port.name !== PORT_NAME) return;
    if (!isOwnPage(port.sender)) return port.disconnect();
    ports.add(port);
    port.onDisconnect.addListener(() => ports.delete(port));
    port.onMessage.addListener(async (/** @type {any} */ { id, call, args = [] }) => {
      /** @type {any} */
      let answer;
      try {
        answer = { id, result: call === HERE || ((await answerTo(call, args)) ?? null) };
      } catch (thrown) {
        answer = { id, error: pack(thrown) };
      }
      // Who has gone in the meantime does not wait for it.
      if (ports.has(port)) port.postMessage(answer);
    });
  });
}

/**
 * Whether a page of this extension asks, in a window of its own: not a content script, whose address is its page's, and
 * not a page of ours that somebody has framed.
 * @param {any} sender
 */
function isOwnPage({ id, url, origin, tab, frameId = 0 }) {
  const { runtime } = api();
  const own = runtime.getURL("");
  return id === runtime.id && url?.startsWith(own) && (origin === undefined || `${origin}/` === own) && (!tab || frameId === 0);
}

/** For the port, which would ask `toJSON`. @param {import("../shared/gatepass.js").AccessToken} token */
const bare = ({ value, type, expiresAt }) => ({ value, type, expiresAt });
