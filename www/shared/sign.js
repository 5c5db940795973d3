// The session's key: made here, able to sign, readable by nobody (WebCrypto, not extractable).

/** ES256 (RFC 7518 section 3.4) in the words of WebCrypto: for making, reading and using keys. */
export const ES256 = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };

/** Makes a key: the handle of its private half, and its public half as a point. */
export async function make() {
  const { privateKey, publicKey } = await crypto.subtle.generateKey(ES256, false, ["sign"]);
  return { key: privateKey, point: new Uint8Array(await crypto.subtle.exportKey("raw", publicKey)) };
}

/**
 * Signs by ES256: the 64 bytes r || s.
 * @param {CryptoKey} key
 * @param {string} input
 */
export const sign = async (key, input) =>
  new Uint8Array(await crypto.subtle.sign(ES256, key, new TextEncoder().encode(input)));
