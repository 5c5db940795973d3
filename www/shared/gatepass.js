// Gatepass for pages: the facade. The core, compiled to WebAssembly beside this file, decides; `drive.js` does what it
// says; the modules around this one have what belongs to the page: its address, its windows, its other tabs, its use.
//
// Nothing happens on import, so that servers may import it too. Types: gatepass.d.ts.

import { makeCallback } from "./callback.js";
import { openCore } from "./core.js";
import { GatepassError } from "./errors.js";
import { leave } from "./leave.js";
import { settle } from "./options.js";
import { SIGN_IN, SIGN_OUT } from "./said.js";
import { follow } from "./session.js";
import { Store } from "./store.js";
import { makeTokens } from "./tokens.js";

export { GatepassError };

/**
 * @param {import("./gatepass.js").GatepassOptions} given
 * @returns {Promise<Pick<import("./gatepass.js").Gatepass, "handleCallback" | "signIn" | "getSession" | "getAccessToken" | "signOut" | "on" | typeof Symbol.asyncDispose>>}
 */
export async function createGatepass(given) {
  const options = settle(given);
  const { issuer, clientId, redirectUri, scope, idTokenAlg, dpop } = options;
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

  return Object.freeze({
    handleCallback: makeCallback(redirectUri, id, core, session),

    async signIn(/** @type {any} */ wishes) {
      await session.mend();
      const { url } = await core(signInWith(wishes));
      return leave(() => location.assign(url));
    },

    getSession: session.read,
    getAccessToken: makeTokens(core, session),

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
