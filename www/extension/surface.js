// Gatepass for the pages of an extension: popup, options, side panel. They have no session; they ask the worker over a
// port. A worker that is stopped closes it; whoever still waits for an answer asks the next worker.

import { api } from "./api.js";
import { HERE, PORT_NAME, NEWS, packRequest, shownToken, unpack, unpackResponse } from "./port.js";
import { GatepassError } from "../shared/errors.js";

export { GatepassError };

/** How often a question is asked of workers that end without an answer. */
const ASKED_AT_MOST = 4;
/** Requests that change nothing at the API (RFC 9110 section 9.2.1), so a worker that ended may have sent them. */
const REPEATABLE = ["GET", "HEAD"];
/** How long a worker may take to start, in milliseconds. Of one whose script throws nothing is heard, and its port stays open. */
const START_LIMIT = 10_000;

/** @typedef {{call: string, args: any[], left: number, answer: (result: any) => void, fail: (error: unknown) => void}} Question */

/** @type {typeof import("./extension.js").connectGatepass} */
export function connectGatepass() {
  /** @type {any} */
  let port;
  let last = 0;
  let closed = false;
  /** @type {Map<number, Question>} */
  const waiting = new Map();
  /** @type {Map<string, Set<(detail: any) => void>>} */
  const listeners = new Map();
  /** What was told last, as text; `undefined` before the first. @type {string | undefined} */
  let told;

  const open = () => {
    if (port) return port;
    try {
      port = api().runtime.connect({ name: PORT_NAME });
    } catch {
      // The extension was updated or removed under this page.
      throw new GatepassError("unreachable", { fault: "machine" });
    }
    const own = port;
    const late = setTimeout(() => {
      if (port === own) port = undefined;
      own.disconnect();
      for (const { fail } of waiting.values()) fail(new GatepassError("worker_silent", { fault: "machine", retryable: true }));
      waiting.clear();
    }, START_LIMIT);
    port.onMessage.addListener((/** @type {any} */ message) => {
      clearTimeout(late);
      hear(message);
    });
    port.postMessage({ id: 0, call: HERE });
    port.onDisconnect.addListener(() => {
      clearTimeout(late);
      if (port === own) port = undefined;
      // Safe to ask twice are a sign-in, which has its ticket, a refresh, which is the core's to repeat, and what only reads.
      for (const [id, question] of waiting) ask(id, question);
    });
    return port;
  };

  /** @param {number} id @param {Question} question */
  const ask = (id, question) => {
    waiting.set(id, question);
    try {
      if (question.left-- === 0) throw new GatepassError("unreachable", { fault: "machine", retryable: true });
      open().postMessage({ id, call: question.call, args: question.args });
    } catch (error) {
      waiting.delete(id);
      question.fail(error);
    }
  };

  /** @type {(left: number, call: string, args: any[]) => Promise<any>} */
  const begin = (left, call, args) =>
    new Promise((answer, fail) => {
      if (closed) throw new GatepassError("cancelled");
      ask(++last, { call, args, left, answer, fail });
    });

  /** @type {(call: string, ...args: any[]) => Promise<any>} */
  const call = (call, ...args) => begin(ASKED_AT_MOST, call, args);

  /** @type {(call: string, request: Awaited<ReturnType<typeof packRequest>>, ...before: any[]) => Promise<any>} */
  const send = (call, request, ...before) => begin(REPEATABLE.includes(request.method) ? ASKED_AT_MOST : 1, call, [...before, request]);

  /** @param {any} message */
  const hear = ({ id, result, error, event, detail }) => {
    if (event !== undefined) return void (event === "session" ? heard(detail) : tell(event, event === "error" ? unpack(detail) : detail));
    const question = waiting.get(id);
    waiting.delete(id);
    if (error) question?.fail(unpack(error));
    else question?.answer(result);
  };

  /** A session as it came over the port. @param {any} session */
  const frozen = (session) => session && Object.freeze(session);

  /** @type {(event: string, detail: any, only?: (detail: any) => void) => void} */
  const tell = (event, detail, only) => {
    for (const listener of only ? [only] : listeners.get(event) ?? []) {
      queueMicrotask(() => {
        if (!listeners.get(event)?.has(listener)) return;
        try {
          listener(detail);
        } catch (error) {
          reportError(error);
        }
      });
    }
  };

  /**
   * Each change is told once, although each new worker says `initial`.
   * @param {{session: any, reason: string}} event
   */
  const heard = ({ session, reason }) => {
    const text = JSON.stringify(session);
    // Who listens is told `initial` by `look`.
    if (told === undefined || text === told) return;
    told = text;
    tell("session", { session: frozen(session), reason: reason === "initial" ? "otherTab" : reason });
  };

  /** Asks how things are: at first, and after word from a worker that no port leads to. */
  const look = async () => {
    const session = await call("getSession");
    if (told === undefined) told = JSON.stringify(session);
    else heard({ session, reason: "otherTab" });
    return session;
  };

  const news = new BroadcastChannel(NEWS);
  news.onmessage = ({ data }) => {
    if (port || !listeners.get(data)?.size) return;
    if (data === "session") look().catch(() => {});
    if (data === "terminal") call("terminal.status").then((status) => tell("terminal", status), () => {});
  };
  /** @type {any} */ (news).unref?.();

  /** @type {ReturnType<typeof connectGatepass>} */
  const surface = {
    signIn: async (wishes) => frozen(await call("signIn", wishes ?? {}, crypto.randomUUID())),
    getSession: async () => frozen(await call("getSession")),
    getAccessToken: async ({ signal, ...wanted } = {}) => shownToken(await abortable(call("getAccessToken", wanted), signal)),
    fetch: async (input, init) => {
      const signal = init?.signal ?? (input instanceof Request ? input.signal : undefined);
      return unpackResponse(await abortable(send("fetch", await packRequest(input, init)), signal));
    },
    signOut: (options) => call("signOut", options ?? {}),
    diagnostics: () => call("diagnostics"),
    on: (event, listener) => {
      const own = (/** @type {any} */ detail) => listener(detail);
      const those = listeners.get(event) ?? new Set();
      listeners.set(event, those.add(own));
      if (event === "session") look().then((session) => tell(event, { session: frozen(session), reason: "initial" }, own), (error) => tell("error", error));
      return () => void those.delete(own);
    },
    terminal: {
      status: () => call("terminal.status"),
      pair: () => call("terminal.pair"),
      getAccessToken: async (wanted) => shownToken(await call("terminal.getAccessToken", wanted)),
      fetch: async (wanted, input, init) => unpackResponse(await send("terminal.fetch", await packRequest(input, init), wanted)),
    },
    close: () => {
      closed = true;
      news.close();
      listeners.clear();
      for (const { fail } of waiting.values()) fail(new GatepassError("cancelled"));
      waiting.clear();
      port?.disconnect();
    },
  };
  return Object.freeze(surface);
}

/**
 * The signal ends the waiting only.
 * @template T
 * @param {Promise<T>} promise
 * @param {AbortSignal | null} [signal]
 * @returns {Promise<T>}
 */
const abortable = (promise, signal) =>
  signal
    ? new Promise((resolve, reject) => {
        const abort = () => reject(signal.reason);
        if (signal.aborted) abort();
        signal.addEventListener("abort", abort, { once: true });
        promise.then(resolve, reject).finally(() => signal.removeEventListener("abort", abort));
      })
    : promise;
