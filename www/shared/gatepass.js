// Gatepass for pages: the facade. The core, compiled to WebAssembly beside this file, decides; `drive.js` does what it
// says; the modules around this one have what belongs to the page: its address, its windows, its other tabs, its use.
//
// Nothing happens on import, so that servers may import it too. Types: gatepass.d.ts.

import { makeCallback, makeFinish } from "./callback.js";
import { openCore } from "./core.js";
import { GatepassError } from "./errors.js";
import { makeHandoff } from "./handoff.js";
import { leave } from "./leave.js";
import { makeEndpoint } from "./metadata.js";
import { settle } from "./options.js";
import { makePopup } from "./popup.js";
import { makeFetch } from "./request.js";
import { SIGN_IN, SIGN_OUT } from "./said.js";
import { follow } from "./session.js";
import { Store } from "./store.js";
import { makeTokens } from "./tokens.js";

export { GatepassError };

/**
 * @param {import("./gatepass.js").GatepassOptions} given
 * @returns {Promise<Pick<import("./gatepass.js").Gatepass, "handleCallback" | "signIn" | "signInPopup" | "getSession" | "getAccessToken" | "fetch" | "parseHandoff" | "approveHandoff" | "signOut" | "on" | typeof Symbol.asyncDispose>>}
 */
export async function createGatepass(given) {
  const options = settle(given);
  const { issuer, clientId, redirectUri, scope, idTokenAlg, dpop, open } = options;
  const id = [issuer, clientId, options.session].map(encodeURIComponent).join("|");
  const settings = { issuer, client_id: clientId, redirect_uri: redirectUri, scope, id_token_alg: idTokenAlg, dpop };
  const store = new Store();

  /** @type {(wishes?: import("./gatepass.js").SignInOptions) => import("./drive.js").Answer} */
  const signInWith = ({ prompt, loginHint } = {}) => [
    SIGN_IN,
    String(new URLSearchParams({ ...settings, ...(prompt && { prompt }), ...(loginHint && { login_hint: loginHint }) })),
  ];

  const core = await openCore(options, store, id, signInWith());
  const life = new AbortController();
  const session = await follow(id, core, store, life.signal);

  /** @type {(wishes?: import("./gatepass.js").SignInOptions, heard?: import("./drive.js").Heard) => Promise<string>} */
  const begin = async (wishes, heard) => {
    await session.mend();
    return (await core(signInWith(wishes), heard)).url;
  };
  const finish = makeFinish(core, session);
  const tokens = makeTokens(core, session);
  const ask = makeFetch([new URL(issuer).origin, ...options.apiOrigins], core, tokens);
  const endpoint = makeEndpoint(issuer);

  return Object.freeze({
    handleCallback: makeCallback(redirectUri, id, session, finish),

    async signIn(/** @type {import("./gatepass.js").SignInOptions} */ wishes) {
      // A worker has no page to leave.
      if (!open && typeof document === "undefined") throw new GatepassError("configuration", { detail: "open" });
      const url = await begin(wishes);
      if (!open) return leave(() => location.assign(url));
      const callback = await open(url);
      if (!callback) return leave(() => {});
      const signedIn = await finish(callback);
      if (!signedIn) throw new GatepassError("state_mismatch");
      return signedIn;
    },

    signInPopup: makePopup(begin, finish, session),
    getSession: session.read,
    ...makeHandoff(options, id, store, session, ask, endpoint),
    getAccessToken: (/** @type {import("./gatepass.js").TokenOptions} */ wishes) => tokens.get(wishes),
    fetch: ask,

    async signOut() {
      await session.mend();
      const { revoked = false } = await core([SIGN_OUT]);
      await session.look("signedOut");
      return { revoked };
    },

    on: session.events.on,

    async [Symbol.asyncDispose]() {
      life.abort();
    },
  });
}
