// `fetch` with the session's credentials, for the origins that may have them.

import { PROVE } from "./said.js";

/**
 * @param {readonly string[]} origins
 * @param {import("./core.js").Core} core
 * @param {import("./tokens.js").Tokens} tokens
 * @param {import("./session.js").Following} session
 */
export function makeFetch(origins, core, tokens, session) {
  /** What each origin asked for last (RFC 9449 section 9). @type {Map<string, string>} */
  const nonces = new Map();

  /** @type {import("./gatepass.js").Gatepass["fetch"]} */
  return async (input, init) => {
    const request = new Request(input, init);
    const { origin } = new URL(request.url);
    if (!origins.includes(origin)) return fetch(request);
    const { method, url, signal } = request;
    // What flows by cannot be sent twice.
    const again = !(init?.body instanceof ReadableStream);
    const subject = session.shown()?.subject;
    let token = await tokens.get({ signal });
    let [refreshed, challenged] = [false, false];
    for (;;) {
      const headers = new Headers(request.headers);
      headers.set("authorization", `${token.type} ${token.value}`);
      const nonce = nonces.get(origin);
      const bound = token.type === "DPoP";
      if (bound) {
        const form = new URLSearchParams({ method, url, token: token.value, ...(nonce && { nonce }) });
        headers.set("dpop", (await core([PROVE, String(form)])).proof);
      }
      // A proof is for one address: where a redirect leads, it is worth nothing.
      const response = await fetch(again ? request.clone() : request, { headers, ...(bound && { redirect: "error" }) });
      const wanted = response.headers.get("dpop-nonce");
      if (wanted) nonces.set(origin, wanted);
      const challenge = response.headers.get("www-authenticate") ?? "";
      if (response.status !== 401 || !again) return response;
      if (bound && !challenged && wanted && wanted !== nonce && /use_dpop_nonce/.test(challenge)) {
        challenged = true;
      } else if (!refreshed && /invalid_token|invalid_dpop_proof/.test(challenge)) {
        // A proof is refused when it is dated wrong: by the refresh's answer the time is known.
        refreshed = true;
        token = await tokens.renew(token, signal);
        // What one account has asked for is not asked for by another.
        if ((await session.read())?.subject !== subject) return response;
      } else return response;
      response.body?.cancel();
    }
  };
}
