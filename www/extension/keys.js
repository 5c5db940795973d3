// Keys of this extension that are no session's, in IndexedDB: made here, able to sign, readable by nobody. And what
// they sign: compact JWS by ES256 (RFC 7515 section 3.1).

import { digestOf, toBase64url } from "../shared/base64url.js";
import { now } from "../shared/clock.js";
import { ES256, sign } from "../shared/sign.js";

const KEY_DATABASE = "gatepass-extension";
const KEYS = "keys";

/** @typedef {{x: string, y: string, kty: "EC", crv: "P-256"}} PublicKey */
/** @typedef {{key: CryptoKey, jwk: PublicKey, thumbprint: string}} Pair */

/**
 * The key of this name; made if there is none.
 * @param {string} name
 * @returns {Promise<Pair>}
 */
export async function keyOf(name) {
  const row = (await keyRow(name)) ?? (await addRow(name, await makePair()));
  return { ...row, thumbprint: await thumbprint(row.jwk) };
}

async function makePair() {
  const { privateKey, publicKey } = await crypto.subtle.generateKey(ES256, false, ["sign"]);
  const { x, y } = await crypto.subtle.exportKey("jwk", publicKey);
  return { key: privateKey, jwk: { kty: "EC", crv: "P-256", x, y } };
}

/** @param {string} name */
const keyRow = (name) => changeKeys((rows, done) => {
  const request = rows.get(name);
  request.onsuccess = () => done(request.result);
});

/**
 * Whoever comes second takes the key of whoever came first.
 * @param {string} name
 * @param {object} row
 */
const addRow = (name, row) => changeKeys((rows, done) => {
  const request = rows.get(name);
  request.onsuccess = () => {
    if (!request.result) rows.add(row, name);
    done(request.result ?? row);
  };
});

/**
 * @param {Pair} pair
 * @param {object} header beside `alg`
 * @param {object} payload
 */
export async function signed({ key }, header, payload) {
  const input = `${jwsPart({ alg: "ES256", ...header })}.${jwsPart(payload)}`;
  return `${input}.${toBase64url(await sign(key, input))}`;
}

/**
 * A proof of possession (RFC 9449 section 4.2).
 * @param {Pair} pair
 * @param {string} method
 * @param {string} url
 * @param {string} token
 */
export async function proofOf(pair, method, url, token) {
  const { origin, pathname } = new URL(url);
  const ath = toBase64url(await digestOf(token));
  const claims = { jti: crypto.randomUUID(), htm: method, htu: origin + pathname, iat: now(), ath };
  return signed(pair, { typ: "dpop+jwt", jwk: pair.jwk }, claims);
}

/** RFC 7638 section 3.2: the required members in this order. @param {PublicKey} key */
export const thumbprint = async ({ crv, kty, x, y }) => toBase64url(await digestOf(JSON.stringify({ crv, kty, x, y })));

/** @param {object} value */
const jwsPart = (value) => toBase64url(new TextEncoder().encode(JSON.stringify(value)));

/**
 * One strict transaction; gives what it was done with, once that has reached the disk.
 * @param {(rows: IDBObjectStore, done: (value: any) => void) => void} job
 * @returns {Promise<any>}
 */
const changeKeys = (job) =>
  new Promise((resolve, reject) => {
    const opening = indexedDB.open(KEY_DATABASE, 1);
    opening.onupgradeneeded = () => opening.result.createObjectStore(KEYS);
    opening.onerror = reject;
    opening.onsuccess = () => {
      const database = opening.result;
      const transaction = database.transaction(KEYS, "readwrite", { durability: "strict" });
      /** @type {any} */
      let value;
      transaction.oncomplete = () => resolve(value);
      transaction.onabort = reject;
      // So that nobody who deletes or upgrades it waits for this connection.
      transaction.addEventListener("complete", () => database.close());
      job(transaction.objectStore(KEYS), (done) => (value = done));
    };
  });
