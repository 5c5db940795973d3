// A sign-in that outlives its worker. What has to be known of it lies in `storage.session`, written before each step:
// a worker that was stopped is started by the next event and goes on from there. The secrets of the sign-in lie with
// the core, in IndexedDB, under the digest of its state.
//
// | flow | how it leaves | how it comes back |
// |---|---|---|
// | `identity` | a window of `identity.launchWebAuthFlow` | as its answer; never fetched from anywhere |
// | `tab` | a tab | `tabs.onUpdated` says that the tab is at the redirect address, for which the host permission is enough |
//
// With `tab` nothing is lost when the worker is stopped: the event starts the next one. The answer to
// `launchWebAuthFlow` is lost with the worker that asked, although its window stays: when it has closed, the issuer is
// asked once more without a window. Whoever signed in there is known to it; whoever closed the window is not.

import { api } from "./api.js";
import { pack, unpack } from "./port.js";
import { GatepassError } from "../shared/errors.js";

/** @typedef {import("../shared/gatepass.js").Gatepass} Gatepass */
/** @typedef {import("../shared/gatepass.js").Session} Session */

/**
 * @typedef {object} Attempt
 * @property {string} ticket what a page names it by, so that it can ask again after its worker is gone
 * @property {object} wishes what `signIn` was asked
 * @property {number} begunAt milliseconds since 1970; a lease, so that nothing is under way for ever
 * @property {number} tries
 * @property {boolean} [quiet] whether the person has signed in already and need not be asked where it can be avoided
 * @property {string} [url] where it leaves to
 * @property {number} [tab]
 * @property {number} [window]
 * @property {boolean} [left] whether a window was asked for
 * @property {string} [callback] where it came back to
 * @property {import("./port.js").Packed} [outcome] without a code it went well
 */

/** @typedef {{back: (url: string) => void, fail: (error: unknown) => void, stir?: () => void}} Waiting */

const ATTEMPT = "gatepass:sign-in";
export const SIGN_IN_ALARM = "gatepass:sign-in";
/** How long a person may take, in milliseconds. */
const LEASE = 15 * 60_000;
/** How often a sign-in whose code was lost is begun anew. */
const SIGN_IN_TRIES = 3;
/**
 * What Chromium says of a page that answers with an error (chrome/browser/extensions/api/identity/identity_constants.cc,
 * kPageLoadFailure). Firefox shows that page, and the person closes it.
 */
const NOT_LOADED = "Authorization page could not be loaded.";

export class SignIns {
  #core;
  #redirectUri;
  #flow;
  /** @type {Attempt | undefined} */
  #attempt;
  /** @type {Promise<Session> | undefined} */
  #running;
  /** What came back before anybody waited for it. @type {string[]} */
  #arrived = [];
  /** @type {Waiting | undefined} */
  #waiting;
  /** Whether the events of tabs and windows wake this extension. */
  #listening = false;

  /**
   * Listens at once: an event that started this worker is delivered only to who listens by the end of its first turn.
   * @param {{core: () => Promise<Gatepass>, redirectUri: string, flow: "identity" | "tab"}} parts
   */
  constructor({ core, redirectUri, flow }) {
    this.#core = core;
    this.#redirectUri = redirectUri;
    this.#flow = flow;
    this.#listen(true);
  }

  /** Goes on with what an earlier worker has left; gives as soon as it is known what that is. */
  async resume() {
    const attempt = await this.#read();
    if (!this.#running && attempt && !attempt.outcome) {
      this.#running = this.#run(attempt);
      this.#running.catch(() => {});
    }
    if (this.#running) return;
    // The redirect of a sign-in that began before the browser was closed.
    for (const url of this.#arrived.splice(0)) await (await this.#core()).handleCallback(url).catch(() => {});
    this.#listen(false);
  }

  /**
   * One sign-in at a time; whoever asks meanwhile gets the same one.
   * @param {object} [wishes]
   * @param {string} [ticket]
   * @returns {Promise<Session>}
   */
  async signIn(wishes = {}, ticket = crypto.randomUUID()) {
    const last = await this.#read();
    if (last?.ticket === ticket && last.outcome && !this.#running) return this.#told(last);
    if (this.#running) {
      const { tab } = this.#attempt ?? {};
      if (tab !== undefined && this.#attempt?.ticket !== ticket) api().tabs.update(tab, { active: true }).catch(() => {});
      return this.#running;
    }
    return (this.#running = this.#run({ ticket, wishes, begunAt: Date.now(), tries: 0 }));
  }

  /** A part of `open` for the facade: leaves, and gives the address of the callback. @param {string} url */
  async leave(url) {
    const attempt = /** @type {Attempt} */ (this.#attempt);
    attempt.url = url;
    await this.#write(attempt);
    return this.#away(attempt);
  }

  /** The alarm: nothing waits longer than its lease. */
  tick() {
    if (!this.#attempt) return;
    if (Date.now() > this.#attempt.begunAt + LEASE) this.#waiting?.fail(new GatepassError("cancelled"));
    this.#waiting?.stir?.();
  }

  // ---- the course of one sign-in

  /** @param {Attempt} attempt @returns {Promise<Session>} */
  async #run(attempt) {
    this.#attempt = attempt;
    this.#listen(true);
    try {
      // In Chromium no alarm rings sooner than after half a minute.
      api().alarms.create(SIGN_IN_ALARM, { periodInMinutes: 0.5 });
      await this.#write(attempt);
      if (Date.now() > attempt.begunAt + LEASE) throw new GatepassError("cancelled");
      const session = await this.#go(attempt);
      await this.#end(attempt, {});
      return session;
    } catch (thrown) {
      await this.#end(attempt, pack(thrown)).catch(() => {});
      throw thrown;
    }
  }

  /** @param {Attempt} attempt @returns {Promise<Session>} */
  async #go(attempt) {
    const core = await this.#core();
    for (;;) {
      // The pending row is there until somebody comes back with its state, so the address stays good.
      if (attempt.url) attempt.callback ??= await this.#away(attempt);
      if (!attempt.callback) return await core.signIn(attempt.wishes);
      // The worker may have been stopped before it could.
      await this.#shut(attempt);
      const session = await core.handleCallback(attempt.callback).catch((thrown) => {
        if (GatepassError.from(thrown).code !== "state_mismatch") throw thrown;
      });
      // An answer to nothing: the worker that came before took it up, and saved the session or lost it.
      const found = session ?? (await core.getSession());
      // The worker's clock has milliseconds, the session's has seconds.
      if (found && found.signedInAt >= Math.floor(attempt.begunAt / 1000) * 1000) return found;
      if (++attempt.tries > SIGN_IN_TRIES) throw new GatepassError("state_mismatch");
      const anew = { quiet: true, url: undefined, tab: undefined, window: undefined, left: undefined, callback: undefined };
      await this.#write(Object.assign(attempt, anew));
    }
  }

  /** Where the person is sent, and what comes back of it. @param {Attempt} attempt @returns {Promise<string>} */
  async #away(attempt) {
    const back = await (this.#flow === "tab" ? this.#byTab(attempt) : this.#byIdentity(attempt));
    attempt.callback = back;
    await this.#write(attempt);
    await this.#shut(attempt);
    return back;
  }

  /** Nothing to see in there any more. @param {Attempt} attempt */
  async #shut({ tab }) {
    if (tab !== undefined) await api().tabs.remove(tab).catch(() => {});
  }

  /** @param {Attempt} attempt */
  async #byTab(attempt) {
    const { tabs } = api();
    const waiting = this.#wait();
    try {
      if (attempt.tab === undefined) {
        // The worker may have been stopped just after it had opened the tab.
        const open = attempt.left ? await tabs.query({}) : [];
        const found = open.find((/** @type {any} */ tab) => [tab.pendingUrl, tab.url].includes(attempt.url) || this.#isCallback(tab.url));
        attempt.left = true;
        await this.#write(attempt);
        attempt.tab = (found ?? (await tabs.create({ url: attempt.url }))).id;
        await this.#write(attempt);
      }
      const tab = await tabs.get(attempt.tab).catch(() => undefined);
      if (!tab) this.#waiting?.fail(new GatepassError("cancelled"));
      else if (this.#isCallback(tab.url)) this.#waiting?.back(tab.url);
      // What came before the address was known may have been anybody's.
      for (const url of this.#arrived.splice(0)) if (this.#isCallback(url)) this.#waiting?.back(url);
      return await waiting;
    } finally {
      this.#waiting = undefined;
    }
  }

  /** @param {Attempt} attempt */
  async #byIdentity(attempt) {
    const waiting = this.#wait();
    try {
      if (attempt.left) this.#afterwards(attempt);
      else {
        const quiet = attempt.quiet && (await this.#launch(attempt, false).catch(() => undefined));
        if (quiet) return quiet;
        attempt.left = true;
        await this.#write(attempt);
        const { back, fail } = /** @type {Waiting} */ (this.#waiting);
        this.#launch(attempt, true).then(back, (thrown) => fail(this.#ended(attempt, thrown)));
      }
      return await waiting;
    } finally {
      this.#waiting = undefined;
    }
  }

  /**
   * Why there is no answer. A window is only shown with its first page; the issuer shows an error there, and leads back
   * from none, if it does not know who asks or where to (RFC 6749 section 4.1.2.1).
   * @param {Attempt} attempt
   * @param {any} thrown
   */
  #ended({ window }, thrown) {
    const said = thrown?.message;
    const refused = window === undefined && said === NOT_LOADED;
    const error = refused ? new GatepassError("unauthorized_client", { detail: this.#redirectUri, fault: "server" }) : new GatepassError("cancelled");
    error.cause = said;
    return error;
  }

  /** @param {Attempt} attempt @param {boolean} interactive @returns {Promise<string>} */
  #launch = ({ url }, interactive) => api().identity.launchWebAuthFlow({ url, interactive });

  /**
   * A window that an earlier worker opened: when it is gone, or where that is not known, now and then, the issuer is
   * asked whether the person has signed in.
   * @param {Attempt} attempt
   */
  async #afterwards(attempt) {
    const waiting = this.#waiting;
    while (waiting && waiting === this.#waiting) {
      const stirred = new Promise((/** @type {(_?: any) => void} */ stir) => (waiting.stir = stir));
      const known = attempt.window !== undefined;
      const open = known && (await api().windows.get(attempt.window).then(() => true, () => false));
      if (!open) {
        const back = await this.#launch(attempt, false).catch(() => undefined);
        if (back) return waiting.back(back);
        if (known) return waiting.fail(new GatepassError("cancelled"));
      }
      await stirred;
    }
  }

  /** @returns {Promise<string>} */
  #wait() {
    const waiting = new Promise((/** @type {(url: string) => void} */ back, fail) => (this.#waiting = { back, fail }));
    waiting.catch(() => {});
    return waiting;
  }

  // ---- what tabs and windows tell

  /**
   * Any page may send a tab there, so it has to be the answer to this sign-in, if one is known.
   * @param {string | undefined} url
   */
  #isCallback(url) {
    if (!url?.startsWith(this.#redirectUri)) return false;
    const { searchParams } = new URL(url);
    const asked = this.#attempt?.url && new URL(this.#attempt.url).searchParams.get("state");
    const state = searchParams.get("state");
    return (asked ? state === asked : state !== null) && (searchParams.has("code") || searchParams.has("error"));
  }

  /** @type {(id: number, change: {url?: string}, tab: {url?: string}) => void} */
  #updated = (id, change, tab) => {
    const url = change.url ?? tab.url;
    if (!url || !this.#isCallback(url)) return;
    // A tab may say it several times.
    if (this.#waiting) this.#waiting.back(url);
    else if (!this.#attempt?.callback && !this.#arrived.includes(url)) this.#arrived.push(url);
  };

  /** @type {(id: number) => void} */
  #removed = (id) => {
    if (this.#attempt?.tab === id && !this.#attempt.callback) this.#waiting?.fail(new GatepassError("cancelled"));
  };

  /** `launchWebAuthFlow` does not say which window is its own. @type {(window: {id: number, type: string}) => void} */
  #opened = ({ id, type }) => {
    const attempt = this.#attempt;
    if (this.#flow !== "identity" || !attempt?.left || attempt.window !== undefined || type !== "popup") return;
    attempt.window = id;
    this.#write(attempt).catch(() => {});
  };

  #closed = () => this.#waiting?.stir?.();

  /**
   * An extension that listens is started for every tab that anybody opens, so it listens only while it has to: a
   * listener that a running worker takes away is forgotten by the browser too.
   * @param {boolean} on
   */
  #listen(on) {
    if (on === this.#listening) return;
    this.#listening = on;
    const { tabs, windows } = api();
    // Firefox for Android has tabs and no windows.
    const pairs = this.#flow === "tab"
      ? [[tabs.onUpdated, this.#updated], [tabs.onRemoved, this.#removed]]
      : [[windows?.onCreated, this.#opened], [windows?.onRemoved, this.#closed]];
    for (const [event, listener] of pairs) event?.[on ? "addListener" : "removeListener"](listener);
  }

  // ---- what is written down

  /** @returns {Promise<Attempt | undefined>} */
  #read = async () => (await api().storage.session.get(ATTEMPT))[ATTEMPT];

  /** @param {Attempt} attempt */
  #write = (attempt) => api().storage.session.set({ [ATTEMPT]: attempt });

  /** @param {Attempt} attempt @param {NonNullable<Attempt["outcome"]>} outcome */
  async #end({ ticket, begunAt, wishes, tries }, outcome) {
    this.#attempt = this.#running = undefined;
    this.#listen(false);
    api().alarms.clear(SIGN_IN_ALARM);
    // The address with its code is not kept.
    await this.#write({ ticket, begunAt, wishes, tries, outcome });
  }

  /** @param {Attempt} attempt @returns {Promise<Session>} */
  async #told({ outcome }) {
    if (outcome?.code) throw unpack(outcome);
    const session = await (await this.#core()).getSession();
    if (!session) throw new GatepassError("not_signed_in");
    return session;
  }
}

