// Gatepass for pages: the facade. The core, compiled to WebAssembly beside this file, decides; `drive.js` does what it
// says; the modules around this one have what belongs to the page: its address, its windows, its other tabs, its use.
//
// Nothing happens on import, so that servers may import it too. Types: gatepass.d.ts.

import { makeCallback, makeFinish } from "./callback.js";
import { coreOf, openCore } from "./core.js";
import { diagnose } from "./diagnostics.js";
import { GatepassError } from "./errors.js";
import { makeEvents } from "./events.js";
import { makeHandoff } from "./handoff.js";
import { keepAlive } from "./heartbeat.js";
import { leave } from "./leave.js";
import { PageStore } from "./memory.js";
import { makeEndpoint } from "./metadata.js";
import { settle } from "./options.js";
import { makePopup } from "./popup.js";
import { makeFetch } from "./request.js";
import { SIGN_IN, SIGN_OUT } from "./said.js";
import { follow } from "./session.js";
import { makeTokens } from "./tokens.js";

export { GatepassError };

/** @type {typeof import("./gatepass.js").createGatepass} */
export async function createGatepass(given) {
  const options = settle(given);
  const { issuer, clientId, redirectUri, scope, idTokenAlg, dpop, storage, open } = options;
  const id = [issuer, clientId, options.session].map(encodeURIComponent).join("|");
  const settings = { issuer, client_id: clientId, redirect_uri: redirectUri, scope, id_token_alg: idTokenAlg, dpop };

  /** @type {(wishes?: import("./gatepass.js").SignInOptions) => import("./drive.js").Answer} */
  const signInWith = ({ prompt, loginHint } = {}) => [
    SIGN_IN,
    String(new URLSearchParams({ ...settings, ...(prompt && { prompt }), ...(loginHint && { login_hint: loginHint }) })),
  ];

  const life = new AbortController();
  const events = makeEvents(() => session.shown());
  const store = new PageStore(storage, (reason) => events.keep("storageDegraded", { reason }));
  const { core, transcripts } = await openCore(options, store, id, signInWith());
  const session = await follow(id, core, store, events, life.signal);
  const tokens = makeTokens(core, session);
  const ask = makeFetch([new URL(issuer).origin, ...options.apiOrigins], core, tokens, session);
  const endpoint = makeEndpoint(issuer);
  if (options.heartbeat !== false && typeof document !== "undefined") keepAlive(session, ask, tokens, endpoint, events, life.signal);

  /** @type {(wishes?: import("./gatepass.js").SignInOptions, heard?: import("./drive.js").Heard) => Promise<string>} */
  const begin = async (wishes, heard) => {
    // A sign-in that comes back to another origin comes back to another store; `localhost` is not `127.0.0.1`.
    if (!open && new URL(redirectUri).origin !== location.origin) throw new GatepassError("configuration", { detail: "redirectUri" });
    await session.mend();
    return (await core(signInWith(wishes), heard)).url;
  };
  const finish = makeFinish(core, session);

  /** @type {import("./gatepass.js").Gatepass} */
  const gatepass = {
    handleCallback: makeCallback(redirectUri, id, session, finish),

    async signIn(wishes) {
      // A worker has no page to leave.
      if (!open && typeof document === "undefined") throw new GatepassError("configuration", { detail: "open" });
      const url = await begin(wishes);
      if (!open) {
        if (store.volatile) throw new GatepassError("store_unavailable", { fault: "machine" });
        return leave(() => location.assign(url));
      }
      const callback = await open(url);
      if (!callback) return leave(() => {});
      const signedIn = await finish(callback);
      if (!signedIn) throw new GatepassError("state_mismatch");
      return signedIn;
    },

    signInPopup: makePopup(begin, finish, session),
    getSession: session.read,
    getAccessToken: (wishes) => tokens.get(wishes),
    fetch: ask,

    async signOut({ everywhere = false, returnTo } = {}) {
      // A worker has no page that could go there; said before anything ends.
      if (returnTo && typeof document === "undefined") throw new GatepassError("configuration", { detail: "returnTo" });
      await session.mend();
      // It takes the session's own token, so it comes first; whatever becomes of it, the session ends here.
      const elsewhere = !everywhere || (await endElsewhere(endpoint, ask).catch(() => false));
      const { revoked = false } = await core([SIGN_OUT]);
      await session.look("signedOut");
      const url = returnTo && (await endpoint("end_session_endpoint").catch(() => {}));
      // OpenID Connect RP-Initiated Logout 1.0 section 2.
      if (url) return leave(() => location.assign(withQuery(url, { client_id: clientId, post_logout_redirect_uri: returnTo })));
      return { revoked: revoked && elsewhere };
    },

    on: events.on,
    ...makeHandoff(options, id, store, session, ask, endpoint),
    diagnostics: () => diagnose(storage, session, events, [...transcripts]),

    async [Symbol.asyncDispose ?? Symbol.for("Symbol.asyncDispose")]() {
      life.abort();
    },
  };
  coreOf.set(gatepass, core);
  return Object.freeze(gatepass);
}

/**
 * Ends every session of the account, where the issuer offers that.
 * @param {import("./metadata.js").Endpoint} endpoint
 * @param {import("./gatepass.js").Gatepass["fetch"]} ask
 */
async function endElsewhere(endpoint, ask) {
  const url = await endpoint("gatepass_grants_endpoint");
  return !url || (await ask(url, { method: "DELETE" })).ok;
}

/** @type {(url: string, fields: Record<string, string>) => string} */
function withQuery(url, fields) {
  const address = new URL(url);
  for (const [name, value] of Object.entries(fields)) address.searchParams.set(name, value);
  return address.href;
}
