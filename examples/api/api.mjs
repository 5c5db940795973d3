// An API of one's own: it takes the issuer's access tokens that are meant for it, each with a proof of its key (RFC 9449).
import { createHash } from "node:crypto";
import { createServer } from "node:http";
import { calculateJwkThumbprint, createRemoteJWKSet, EmbeddedJWK, jwtVerify } from "jose";

const { ISSUER = "http://127.0.0.1:9400", API = "http://127.0.0.1:5174", PAGE = "http://127.0.0.1:5173" } = process.env;
const keys = createRemoteJWKSet(new URL(`${ISSUER}/.well-known/jwks.json`));
const minute = 60_000;
/** The proofs of the last minutes: each is good once (section 11.1). */
const seen = new Set();

/** Whose token it is; throws if it is nobody's. */
async function judge({ method, url, headers }) {
  const token = headers.authorization?.match(/^DPoP (\S+)$/i)?.[1] ?? "";
  const { payload: claims } = await jwtVerify(token, keys, { issuer: ISSUER, audience: API, typ: "at+jwt" });
  // Section 4.3: an own signature, fresh, for this method and address, for this token, by the key that the token names.
  const rules = { typ: "dpop+jwt", algorithms: ["ES256"], maxTokenAge: 60, clockTolerance: 10 };
  const { payload: proof, protectedHeader } = await jwtVerify(headers.dpop ?? "", EmbeddedJWK, rules);
  const address = new URL(url, API);
  const good = proof.htm === method
    && proof.htu === address.origin + address.pathname
    && proof.ath === createHash("sha256").update(token).digest("base64url")
    && claims.cnf?.jkt === (await calculateJwkThumbprint(protectedHeader.jwk))
    && typeof proof.jti === "string" && !seen.has(proof.jti);
  if (!good) throw new Error("the proof is of something else");
  seen.add(proof.jti);
  setTimeout(() => seen.delete(proof.jti), 2 * minute).unref();
  return claims.sub;
}

createServer(async (request, response) => {
  // A page on another origin: two headers in, two out.
  response.setHeader("access-control-allow-origin", PAGE);
  response.setHeader("access-control-expose-headers", "www-authenticate, dpop-nonce");
  if (request.method === "OPTIONS") {
    response.setHeader("access-control-allow-headers", "authorization, dpop, content-type");
    response.setHeader("access-control-allow-methods", "GET, POST, PUT, PATCH, DELETE");
    response.setHeader("access-control-max-age", "7200");
    return response.writeHead(204).end();
  }
  const subject = await judge(request).catch(() => null);
  if (!subject) return response.writeHead(401, { "www-authenticate": 'DPoP error="invalid_token", algs="ES256"' }).end();
  response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify({ subject }));
}).listen(Number(new URL(API).port), "127.0.0.1", () => console.log(`listening on ${API}`));
