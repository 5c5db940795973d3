// HPKE (RFC 9180) by WebCrypto, as much of it as the handoff needs: sealing one message in mode PSK, with
// DHKEM(P-256, HKDF-SHA256) and HKDF-SHA256. Only the algorithm of the message is the caller's choice.

const P256 = { name: "ECDH", namedCurve: "P-256" };
const HPKE_V1 = "HPKE-v1";
const KEM = new Uint8Array([75, 69, 77, 0, 16]);
const MODE_PSK = 1;
const NONCE_LENGTH = 12;

/** @typedef {string | Uint8Array<ArrayBuffer>} Part text is UTF-8 */
/** @typedef {(suite: Part, key: Part, label: string, input: Part, length?: number) => Promise<Uint8Array<ArrayBuffer>>} Labeled */

/** @param {Part[]} parts */
const joined = async (...parts) => new Uint8Array(await new Blob(parts).arrayBuffer());

/** @type {(key: Part, ...parts: Part[]) => Promise<Uint8Array<ArrayBuffer>>} */
async function hmac(key, ...parts) {
  const algorithm = { name: "HMAC", hash: "SHA-256" };
  // No key is a key of zeros, but WebCrypto takes only the latter (RFC 5869 section 2.2).
  const imported = await crypto.subtle.importKey("raw", key.length ? await joined(key) : new Uint8Array(32), algorithm, false, ["sign"]);
  return new Uint8Array(await crypto.subtle.sign(algorithm, imported, await joined(...parts)));
}

/** LabeledExtract of section 4. @type {Labeled} */
const extract = (suite, salt, label, input) => hmac(salt, HPKE_V1, suite, label, input);

/** LabeledExpand of section 4, up to one block. @type {Labeled} */
const expand = async (suite, secret, label, info, length = 32) =>
  (await hmac(secret, new Uint8Array([0, length]), HPKE_V1, suite, label, info, new Uint8Array([1]))).slice(0, length);

/**
 * SealPSK of section 6.1.
 * @param {object} message
 * @param {Uint8Array<ArrayBuffer>} message.recipient the public key, an uncompressed point
 * @param {Part} message.psk
 * @param {Part} message.pskId
 * @param {Part} message.info
 * @param {Part} message.aad
 * @param {Part} message.plaintext
 * @param {128 | 256} [message.bits] of AES-GCM
 * @param {CryptoKeyPair} [message.ephemeral] for tests
 * @returns {Promise<{enc: Uint8Array, sealed: Uint8Array}>}
 */
export async function sealPsk({ recipient, psk, pskId, info, aad, plaintext, bits = 256, ephemeral }) {
  const { subtle } = crypto;
  // A point that is not on the curve is refused by the import.
  const their = await subtle.importKey("raw", recipient, P256, false, []);
  const { privateKey, publicKey } = ephemeral ?? (await subtle.generateKey(P256, false, ["deriveBits"]));

  // Encap of section 4.1.
  const enc = new Uint8Array(await subtle.exportKey("raw", publicKey));
  const dh = new Uint8Array(await subtle.deriveBits({ name: "ECDH", public: their }, privateKey, 256));
  const shared = await expand(KEM, await extract(KEM, "", "eae_prk", dh), "shared_secret", await joined(enc, recipient));

  // KeySchedule of section 5.1.
  const suite = new Uint8Array([72, 80, 75, 69, 0, 16, 0, 1, 0, bits >> 7]);
  const ids = [await extract(suite, "", "psk_id_hash", pskId), await extract(suite, "", "info_hash", info)];
  const context = await joined(new Uint8Array([MODE_PSK]), ...ids);
  const secret = await extract(suite, shared, "secret", psk);
  const key = await expand(suite, secret, "key", context, bits / 8);
  const iv = await expand(suite, secret, "base_nonce", context, NONCE_LENGTH);

  const aes = await subtle.importKey("raw", key, "AES-GCM", false, ["encrypt"]);
  const sealed = await subtle.encrypt({ name: "AES-GCM", iv, additionalData: await joined(aad) }, aes, await joined(plaintext));
  return { enc, sealed: new Uint8Array(sealed) };
}
