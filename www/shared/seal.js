// Nothing secret lies on the disk as text: what rows hold is sealed by AES-GCM under a key that lies in the same row
// and cannot be exported. This protects from whoever searches a profile's folder or a backup of it for tokens. It does
// not protect from a script in the page, nor from whoever copies the whole profile and knows the browser's format.

/** @typedef {{iv: Uint8Array<ArrayBuffer>, data: ArrayBuffer}} Sealed */

const AES = { name: "AES-GCM", length: 256 };

export const makeSeal = () => crypto.subtle.generateKey(AES, false, ["encrypt", "decrypt"]);

/** @type {(iv: Uint8Array<ArrayBuffer>, place: (string | number)[]) => AesGcmParams} */
const at = (iv, place) => ({ name: AES.name, iv, additionalData: new TextEncoder().encode(JSON.stringify(place)) });

/**
 * Seals a text for its place: moved to another row, part or generation, it does not open.
 * @param {CryptoKey} key
 * @param {(string | number)[]} place
 * @param {string} text
 * @returns {Promise<Sealed>}
 */
export async function seal(key, place, text) {
  // Drawn anew each time: 96 bits are enough for 2^32 saves under one key (NIST SP 800-38D section 8.3).
  const iv = crypto.getRandomValues(new Uint8Array(12));
  return { iv, data: await crypto.subtle.encrypt(at(iv, place), key, new TextEncoder().encode(text)) };
}

/**
 * @param {CryptoKey} key
 * @param {(string | number)[]} place
 * @param {Sealed} sealed
 */
export const unseal = async (key, place, { iv, data }) =>
  new TextDecoder().decode(await crypto.subtle.decrypt(at(iv, place), key, data));
