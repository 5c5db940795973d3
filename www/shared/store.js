// Sessions and pending logins in IndexedDB. Every change is one strict transaction that compares before it writes, so
// it is right even between tabs that hold no lock.
//
// | store | key | row |
// |---|---|---|
// | `sessions` | issuer, client and name | `{generation, access, rest, seal, key?, skew?}`, or `{}` where one was ended |
// | `pending` | session, and digest of the state | `{begunAt, pending, seal, key?}` |
//
// `access`, `rest` and `pending` are sealed by `seal`; `key` signs. Keys and tokens live and die in one row.
// A transaction ends when something else is waited for, so rows are sealed before it and opened after it.

import { GatepassError } from "./errors.js";
import { makeSeal, seal, unseal } from "./seal.js";

const SESSIONS = "sessions";
const PENDING = "pending";

/** A login that nobody came back to for an hour is forgotten; in seconds. */
const PATIENCE = 3600;

/** For how long a browser may be silent; in milliseconds. A disk under load takes seconds. */
const SILENCE = 8000;

/**
 * What lies beside a session's record: its keys, and how far this machine's clock is behind the server's.
 * @typedef {{seal?: CryptoKey, key?: CryptoKey, skew?: number}} Keys
 */

/** The names of those that have answered. @type {Set<string>} */
const answering = new Set();

/** A database of this origin, opened when it is first needed. */
export class Store {
  /** @type {Promise<IDBDatabase> | undefined} */
  #database;
  #name;

  constructor(name = "gatepass") {
    this.#name = name;
  }

  /** Whether it has ever answered, here. */
  get answered() {
    return answering.has(this.#name);
  }

  /** Opens it ahead of its first use, which will say if that fails. */
  open() {
    (this.#database ??= open(this.#name)).catch(() => {});
  }

  /**
   * Reads a session. Both parts come from one row, so they are of one state.
   * @param {string} session
   * @returns {Promise<{generation: number, access: string, rest?: string, keys: Keys} | undefined>}
   */
  async load(session, whole = false) {
    const row = await this.#run(SESSIONS, "readonly", (rows) => answered(rows.get(session)));
    if (row?.generation === undefined) return undefined;
    const { generation, seal, key, skew } = row;
    /** @param {string} part */
    const open = (part) => opened(row, part, [SESSIONS, session, generation, part]);
    const [access, rest] = await Promise.all([open("access"), whole ? open("rest") : undefined]);
    return { generation, access, rest, keys: { seal, key, skew } };
  }

  /**
   * Stores a session, if what is stored is still at `expect`; gives whether it did.
   * @param {string} session
   * @param {{generation: number, access: string, rest: string, expect?: number}} record
   * @param {Keys} keys the seal is made if it is not there, and kept in here
   * @returns {Promise<boolean>}
   */
  async save(session, { generation, access, rest, expect }, keys) {
    const key = (keys.seal ??= await makeSeal());
    /** @type {(part: string, text: string) => Promise<any>} */
    const sealed = (part, text) => seal(key, [SESSIONS, session, generation, part], text);
    const row = { generation, access: await sealed("access", access), rest: await sealed("rest", rest), ...keys };
    return this.#change(session, expect, (rows) => rows.put(row, session));
  }

  /**
   * Removes a session, if what is stored is still at `expect`; gives whether it did.
   * @param {string} session
   * @param {number} expect
   */
  erase(session, expect) {
    return this.#change(session, expect, (rows) => rows.put({}, session));
  }

  /**
   * Whether there is or was a session; what the browser has lost was never there.
   * @param {string} session
   */
  has(session) {
    return this.#run(SESSIONS, "readonly", async (rows) => Boolean(await answered(rows.getKey(session))));
  }

  /**
   * Lets go of a row that cannot be read.
   * @param {string} session
   */
  forget(session) {
    return this.#run(SESSIONS, "readwrite", async (rows) => void rows.put({}, session));
  }

  /**
   * @param {string} session
   * @param {number | undefined} expect no generation means no row
   * @param {(rows: IDBObjectStore) => void} change
   * @returns {Promise<boolean>}
   */
  #change(session, expect, change) {
    return this.#run(SESSIONS, "readwrite", async (rows) => {
      const same = (await answered(rows.get(session)))?.generation === expect;
      if (same) change(rows);
      return same;
    });
  }

  /**
   * Keeps a login that waits for its redirect, and forgets those that nobody came back to.
   * @param {string} login
   * @param {string} pending
   * @param {number} begunAt
   * @param {CryptoKey} [key]
   */
  async keep(login, pending, begunAt, key) {
    const own = await makeSeal();
    const row = { begunAt, pending: await seal(own, [PENDING, login], pending), seal: own, key };
    await this.#run(PENDING, "readwrite", async (rows) => {
      const [keys, found] = await Promise.all([answered(rows.getAllKeys()), answered(rows.getAll())]);
      found.forEach((old, at) => old.begunAt >= begunAt - PATIENCE || rows.delete(keys[at]));
      rows.put(row, login);
    });
  }

  /**
   * Gives a pending login back, once: it is deleted by the same transaction that reads it.
   * @param {string} login
   * @returns {Promise<{pending: string, key?: CryptoKey} | undefined>}
   */
  async take(login) {
    /** @type {any} */
    let row;
    await this.#run(PENDING, "readwrite", async (rows) => {
      // A first try that was done and could not say so has deleted what it read.
      row = (await answered(rows.get(login))) ?? row;
      rows.delete(login);
    });
    return row && { pending: await opened(row, "pending", [PENDING, login]), key: row.key };
  }

  /**
   * Does a job in one transaction, and once more on a new connection if it fails or does not end: browsers drop
   * connections at will (memory pressure, another tab's upgrade, a cleared site), and some just stop answering. A change
   * that was done although its connection was lost compares unequal the second time, which is an answer that the core
   * knows.
   * @template T
   * @param {string} store
   * @param {IDBTransactionMode} mode
   * @param {(rows: IDBObjectStore) => Promise<T>} job
   * @returns {Promise<T>}
   */
  async #run(store, mode, job) {
    for (let tries = 2; tries--; this.#database = undefined) {
      /** @type {IDBDatabase} */
      let database;
      /** @type {Promise<never>} */
      const late = new Promise((_, reject) => AbortSignal.timeout(SILENCE).addEventListener("abort", reject));
      try {
        database = await Promise.race([(this.#database ??= open(this.#name)), late]);
        // What is said to be saved has reached the disk: an old refresh token may be worth nothing by then.
        const transaction = database.transaction(store, mode, { durability: "strict" });
        const complete = new Promise((resolve, reject) => {
          transaction.oncomplete = resolve;
          transaction.onabort = reject;
        });
        const done = Promise.all([job(transaction.objectStore(store)), complete]);
        const [found] = await Promise.race([done, late]);
        answering.add(this.#name);
        return found;
      } catch {
        // Once more; this connection is not used again. One that comes late is closed by whoever wants to upgrade.
        // @ts-ignore: it may not have been opened
        database?.close();
      }
    }
    throw new GatepassError("store_unavailable");
  }
}

/**
 * @param {string} name
 * @returns {Promise<IDBDatabase>}
 */
async function open(name) {
  const request = indexedDB.open(name, 1);
  request.onupgradeneeded = () => {
    request.result.createObjectStore(SESSIONS);
    request.result.createObjectStore(PENDING);
  };
  const database = await answered(request);
  // Whoever wants to upgrade or delete the database must not wait for this page.
  database.onversionchange = () => database.close();
  return database;
}

/**
 * Waits for one request.
 * @template T
 * @param {IDBRequest<T>} request
 * @returns {Promise<T>}
 */
const answered = (request) =>
  new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = reject;
  });

/**
 * @param {any} row
 * @param {string} part
 * @param {(string | number)[]} place
 */
const opened = (row, part, place) =>
  unseal(row.seal, place, row[part]).catch(() => {
    throw new GatepassError("store_corrupt");
  });
