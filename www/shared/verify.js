// Judging a signature by WebCrypto. The verdict goes to crates/web/src/verify.rs.

import { fromBase64url } from "./base64url.js";
import { ES256 } from "./sign.js";

/** The algorithms (RFC 7518 section 3.1, RFC 8037) in the words of WebCrypto. */
const ALGORITHMS = {
  EdDSA: { name: "Ed25519" },
  ES256,
  PS256: { name: "RSA-PSS", hash: "SHA-256", saltLength: 32 },
  RS256: { name: "RSASSA-PKCS1-v1_5", hash: "SHA-256" },
};

/**
 * Whether the signature is good; a key that cannot be read verifies nothing.
 * @param {{alg: keyof typeof ALGORITHMS, key: JsonWebKey, signed: string, signature: string}} check
 */
export async function verify({ alg, key, signed, signature }) {
  const algorithm = ALGORITHMS[alg];
  const { subtle } = crypto;
  try {
    const imported = await subtle.importKey("jwk", key, algorithm, false, ["verify"]);
    return await subtle.verify(algorithm, imported, fromBase64url(signature), new TextEncoder().encode(signed));
  } catch {
    return false;
  }
}
