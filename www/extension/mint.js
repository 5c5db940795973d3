// A token for somebody else: narrower, short, bound to their key, and made by the issuer (RFC 8693). What this session
// lives by never leaves it.

import { loan } from "./loan.js";
import { coreOf } from "../shared/core.js";
import { GatepassError } from "../shared/errors.js";
import { send } from "../shared/http.js";
import { makeEndpoint } from "../shared/metadata.js";
import { PROVE } from "../shared/said.js";

const EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange";
const ACCESS_TOKEN_TYPE = "urn:ietf:params:oauth:token-type:access_token";

/**
 * @param {import("../shared/gatepass.js").Gatepass} gatepass
 * @param {import("../shared/gatepass.js").GatepassOptions} options
 * @param {{scope: string, audience?: string, jkt: string}} asked
 */
export async function mint(gatepass, options, { scope, audience, jkt }) {
  const session = await gatepass.getSession();
  if (!session) throw new GatepassError("not_signed_in");
  const scopes = scope.split(" ");
  const lacking = scopes.filter((one) => !session.scopes.includes(one));
  if (lacking.length > 0) throw new GatepassError("denied", { detail: lacking.join(" ") });
  // Without a key of its own nobody could say for whom the issuer makes it.
  if (!session.bound) throw new GatepassError("unsupported");
  const endpoint = await makeEndpoint(session.issuer)("token_endpoint");
  if (!endpoint) throw new GatepassError("unsupported");
  const { value } = await gatepass.getAccessToken();
  const body = new URLSearchParams({
    grant_type: EXCHANGE,
    client_id: options.clientId,
    subject_token: value,
    subject_token_type: ACCESS_TOKEN_TYPE,
    scope,
    dpop_jkt: jkt,
    ...(audience && { audience }),
  });
  // The session's own key, wherever the facade holds it; nothing of it is changed.
  const core = /** @type {import("../shared/core.js").Core} */ (coreOf.get(gatepass));
  const proven = async (nonce = "") => {
    const { proof } = await core([PROVE, String(new URLSearchParams({ method: "POST", url: endpoint, token: value, ...(nonce && { nonce }) }))]);
    // The token is the subject and no credential, so `fetch` of the facade is of no use here.
    return send({ method: "POST", url: endpoint, headers: { "content-type": "application/x-www-form-urlencoded", dpop: proof }, body: String(body) });
  };
  let response = await proven();
  // RFC 9449 section 8: once more with the nonce that the server asks for.
  const nonce = response?.status === 400 && response.headers.get("dpop-nonce");
  if (nonce && fieldsOf(response).error === "use_dpop_nonce") response = await proven(nonce);
  if (!response) throw new GatepassError("unreachable", { fault: "world", retryable: true });
  const answer = fieldsOf(response);
  if (response.status !== 200) throw new GatepassError(refusalOf(response.status, answer.error));
  return loan(scope, answer);
}

/** @param {Awaited<ReturnType<typeof send>>} response @returns {any} */
function fieldsOf(response) {
  try {
    return JSON.parse(new TextDecoder().decode(response?.body)) ?? {};
  } catch {
    return {};
  }
}

/** What a refusal means to who asked. @param {number} status @param {unknown} code */
function refusalOf(status, code) {
  if (status >= 500 || status === 429) return "unreachable";
  // The client is not registered for it (RFC 6749 section 5.2); everything else is about what was asked.
  return code === "unauthorized_client" || code === "unsupported_grant_type" ? "unsupported" : "denied";
}
