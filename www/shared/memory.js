// The store of a page: IndexedDB as long as the browser lets it, and this page's memory where it does not, so that a
// session lives at least as long as the page and the tokens of a rotation are never lost with a full disk.
//
// A session that could not be saved is held here, under the generation that it was to replace. Each look tries to save
// it after all; whoever was faster on the disk is right, unless what is held is a later sign-in.
//
// A disk that does not answer may hold a session. It holds none for a page whose browser never let it keep one; whoever
// has heard of it before, and every worker (its memory is no place for a session), gets an error.
//
// Logins that wait are kept in IndexedDB even if sessions are to stay in memory: they hold no token, live for an hour at
// most, and a page that leaves for its issuer has no other place for a key that nobody can read.

import { GatepassError } from "./errors.js";
import { take } from "./lock.js";
import { Store } from "./store.js";

/** @typedef {import("./store.js").Keys} Keys */
/** @typedef {{generation: number, access: string, rest: string}} Row */

/** One for all who ask in this page for the same place. @type {Map<string, Row & {keys: Keys, under?: number}>} */
const held = new Map();
/** Logins whose page has to stay. @type {Map<string, {pending: string, key?: CryptoKey}>} */
const waiting = new Map();

/**
 * A session that was kept leaves a mark where eviction may not reach. Workers have no such place, and some pages.
 * @param {"getItem" | "setItem" | "removeItem"} how
 * @param {string} session
 */
const mark = (how, session) => {
  try {
    return localStorage[how](`gatepass:${session}`, "1");
  } catch {
    // Refused, full, or not there.
  }
};

/** When the person signed in; a refresh does not change it. @param {{access: string} | undefined} row */
const signedInAt = (row) => Number(/"signed_in_at":(\d+)/.exec(row?.access ?? "")?.[1]);

export class PageStore {
  #disk;
  #persistent;
  #place;
  #degraded;

  /**
   * @param {"indexeddb" | "memory"} storage where sessions are
   * @param {(reason: string) => void} degraded is told when the browser does not keep what it was to keep
   * @param {string} [name]
   */
  constructor(storage, degraded, name) {
    this.#disk = new Store(name);
    this.#persistent = storage === "indexeddb";
    this.#place = `${storage} ${name} `;
    this.#degraded = degraded;
    // While the core is still on its way.
    if (this.#persistent) this.#disk.open();
  }

  /** Whether a login that was begun does not outlive this page: it must not be left for the issuer. */
  get volatile() {
    return waiting.size > 0;
  }

  /**
   * @param {string} session
   * @returns {ReturnType<Store["load"]>}
   */
  async load(session, whole = false) {
    const row = held.get(this.#place + session);
    if (row && (await this.#heal(session, row))) return row;
    if (!this.#persistent) return undefined;
    try {
      const found = await this.#disk.load(session, whole);
      // Also of one that a worker kept, or whose mark the page has cleared.
      if (found && !mark("getItem", session)) mark("setItem", session);
      return found;
    } catch (error) {
      // A session that cannot be read now is not over.
      if (/** @type {GatepassError} */ (error).code !== "store_unavailable" || this.#known(session)) throw error;
      this.#degraded("store_unavailable");
    }
  }

  /**
   * @param {string} session
   * @param {Row & {expect?: number}} record
   * @param {Keys} keys
   */
  async save(session, { expect, ...row }, keys) {
    const old = held.get(this.#place + session);
    if (old ? old.generation !== expect : !this.#persistent && expect !== undefined) return false;
    let under = old ? old.under : expect;
    try {
      if (!this.#persistent) throw undefined;
      const saved = await this.#disk.save(session, { ...row, expect: under }, keys);
      if (saved) this.#kept(session);
      return saved;
    } catch {
      // A sign-in over somebody else's session, which must not come back when this page ends.
      const another = under !== undefined && row.generation !== Number(expect) + 1;
      if (another && (await this.#disk.erase(session, Number(under)))) under = undefined;
      held.set(this.#place + session, { ...row, keys, under });
      if (this.#persistent) this.#degraded("not_saved");
      return true;
    }
  }

  /**
   * @param {string} session
   * @param {number} expect
   */
  async erase(session, expect) {
    const row = held.get(this.#place + session);
    if (row ? row.generation !== expect : !this.#persistent) return false;
    let erased = !this.#persistent;
    try {
      // What is held may have reached the disk although nobody heard of it.
      erased ||= await this.#disk.erase(session, expect);
      if (row) erased ||= row.under === undefined || (await this.#disk.erase(session, row.under));
    } catch (error) {
      if (this.#known(session)) throw error;
      erased = true;
    }
    if (erased) held.delete(this.#place + session);
    return erased;
  }

  /**
   * Gives a session away: both parts of the record as they are stored, in two lines. Here it is gone then.
   * @param {string} session
   */
  async move(session) {
    // A refresh that is under way would spend the token that goes.
    const release = await take(`gatepass:${session}`);
    if (!release) throw new GatepassError("busy", { retryable: true, fault: "world" });
    try {
      const found = await this.load(session, true);
      if (!found) throw new GatepassError("not_signed_in");
      if (!(await this.erase(session, found.generation))) throw new GatepassError("moved", { retryable: true, fault: "world" });
      return `${found.access}\n${found.rest}`;
    } finally {
      release();
    }
  }

  /** @param {string} session */
  async forget(session) {
    held.delete(this.#place + session);
    if (this.#persistent) await this.#disk.forget(session);
  }

  /**
   * Whether the browser lost a session that was kept; said once. A sign-out leaves an empty row, whoever did it.
   * @param {string} session
   */
  async evicted(session) {
    if (!this.#persistent || !mark("getItem", session) || held.has(this.#place + session) || (await this.#disk.has(session))) return false;
    mark("removeItem", session);
    return true;
  }

  /**
   * @param {string} login
   * @param {string} pending
   * @param {number} begunAt
   * @param {CryptoKey} [key]
   */
  async keep(login, pending, begunAt, key) {
    try {
      await this.#disk.keep(login, pending, begunAt, key);
    } catch {
      waiting.set(login, { pending, key });
      this.#degraded("store_unavailable");
    }
  }

  /** @param {string} login */
  async take(login) {
    const found = waiting.get(login);
    waiting.delete(login);
    return found ?? this.#disk.take(login);
  }

  /** Whether the disk is known to have answered before. @param {string} session */
  #known(session) {
    return typeof document === "undefined" || this.#disk.answered || mark("getItem", session);
  }

  /**
   * Tries to save what is held, and says whether it is still held.
   * @param {string} session
   * @param {Row & {keys: Keys, under?: number}} row
   * @returns {Promise<boolean>}
   */
  async #heal(session, { keys, under, ...row }) {
    if (!this.#persistent) return true;
    try {
      if (await this.#disk.save(session, { ...row, expect: under }, keys)) this.#kept(session);
      else {
        const there = await this.#disk.load(session);
        // One that could not be read, or that another tab refreshed meanwhile: it is not who signed in last.
        if (signedInAt(there) < signedInAt(row)) return await this.#heal(session, { keys, ...row, under: there?.generation });
      }
      // Unless somebody has put another one there meanwhile.
      if (held.get(this.#place + session)?.generation === row.generation) held.delete(this.#place + session);
      return held.has(this.#place + session);
    } catch {
      return true;
    }
  }

  /** @param {string} session */
  #kept(session) {
    held.delete(this.#place + session);
    // Asked once, at the first sign-in, and whatever the answer: some browsers ask the person.
    if (mark("getItem", session)) return;
    mark("setItem", session);
    if (mark("getItem", session)) navigator.storage?.persist?.().catch(() => {});
  }
}
