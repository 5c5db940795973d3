import { createGatepass } from "@gatepass/web";
import { StrictMode, useEffect, useState } from "react";
import { createRoot } from "react-dom/client";

/** @param {any} error */
const words = (error) => [error.message, error.hint].filter(Boolean).join("; ");

/** @param {{ gatepass: import("@gatepass/web").Gatepass }} properties */
function App({ gatepass }) {
  const [session, setSession] = useState(/** @type {any} */ (undefined));
  const [error, setError] = useState(/** @type {any} */ (null));
  useEffect(() => gatepass.on("session", (event) => setSession(event.session)), []);
  // StrictMode runs this twice; it is one sign-in all the same.
  useEffect(() => void gatepass.handleCallback().catch(setError), []);
  /** @param {() => Promise<unknown>} job */
  const does = (job) => () => void job().then(() => setError(null), setError);
  return (
    <>
      <h1>Gatepass with React</h1>
      <p id="state" role="status">{session ? `Signed in as ${session.claims.email}` : session === null ? "Nobody is signed in." : "One moment…"}</p>
      {session === null && <button id="sign-in" onClick={does(() => gatepass.signIn())}>Sign in</button>}
      {session && <button id="refresh" onClick={does(() => gatepass.getAccessToken({ forceRefresh: true }))}>New token</button>}
      {session && <button id="sign-out" onClick={does(() => gatepass.signOut())}>Sign out</button>}
      <p id="error" role="alert">{error && words(error)}</p>
    </>
  );
}

const root = createRoot(/** @type {HTMLElement} */ (document.getElementById("root")));
createGatepass({
  issuer: import.meta.env.VITE_ISSUER ?? "http://127.0.0.1:9400",
  clientId: "example",
  idTokenAlg: "ES256",
  scope: "openid email",
  redirectUri: location.origin + location.pathname,
}).then(
  (gatepass) => root.render(<StrictMode><App gatepass={gatepass} /></StrictMode>),
  (error) => root.render(<p role="alert">{words(error)}</p>),
);
