import { createGatepass } from "./gatepass/gatepass.js";
import { api, settings } from "./settings.js";

/** @param {string} id */
const element = (id) => /** @type {HTMLElement} */ (document.getElementById(id));

/** @param {any} error */
const show = (error) => (element("error").textContent = error ? [error.message, error.hint].filter(Boolean).join("; ") : "");

try {
  const gatepass = await createGatepass({ ...settings, scope: "openid email", redirectUri: location.origin + location.pathname });
  /** @type {Record<string, () => Promise<unknown>>} */
  const work = {
    "sign-in": () => gatepass.signIn(),
    ask: async () => (element("answer").textContent = await (await gatepass.fetch(`${api}/me`)).text()),
    refresh: () => gatepass.getAccessToken({ forceRefresh: true }),
    "sign-out": () => gatepass.signOut(),
  };
  for (const [id, job] of Object.entries(work)) element(id).onclick = () => job().then(() => show(null), show);
  gatepass.on("session", ({ session }) => {
    element("state").textContent = session ? `Signed in as ${session.claims.email}` : "Nobody is signed in.";
    for (const id of Object.keys(work)) element(id).hidden = Boolean(session) === (id === "sign-in");
  });
  await gatepass.handleCallback();
} catch (error) {
  show(error);
}
