// What the issuer says of itself, for what the core has no part in. Nothing of it is stored.

import { GatepassError } from "./errors.js";
import { isPrivate, send } from "./http.js";

/** @typedef {(name: string) => Promise<string | undefined>} Endpoint an address of the issuer's, if it has one of that name */

/**
 * @param {string} issuer
 * @returns {Endpoint}
 */
export function makeEndpoint(issuer) {
  /** @type {Promise<any> | undefined} */
  let reading;

  const read = async () => {
    // OpenID Connect Discovery 1.0 section 4.1.
    const url = `${issuer.replace(/\/$/, "")}/.well-known/openid-configuration`;
    const answer = await send({ method: "GET", url, headers: {} });
    if (answer?.status !== 200) throw new GatepassError("unreachable", { retryable: true, fault: "world" });
    const metadata = JSON.parse(new TextDecoder().decode(answer.body));
    if (metadata.issuer !== issuer) throw new GatepassError("issuer_mismatch", { fault: "server" });
    return metadata;
  };

  return async (name) => {
    const metadata = await (reading ??= read().catch((error) => {
      reading = undefined;
      throw error instanceof GatepassError ? error : new GatepassError("malformed", { fault: "server" });
    }));
    const address = metadata[name];
    // Nothing is sent, and nobody is led, to where the issuer itself could not be.
    return typeof address === "string" && isPrivate(address) ? address : undefined;
  };
}
