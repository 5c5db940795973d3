// Personal tokens: made, shown once, listed, ended.

import { list, row } from "./list.js";
import { ask, element, onClick, say, showError, signIn } from "./site.js";
import { distance, moment } from "./words.js";

/** What was typed, kept over a fresh sign-in. */
const TYPED = "gatepass-dashboard:token";

/** @param {import("./site.js").Gatepass} gatepass */
export function tokens(gatepass) {
  const name = /** @type {HTMLInputElement} */ (element("token-name"));
  const life = /** @type {HTMLSelectElement} */ (element("token-life"));
  const button = element("make-token");

  const all = list({
    section: "tokens",
    load: async () => (await ask(gatepass, "GET", "/tokens"))?.tokens ?? null,
    row: (token) => row({
      title: token.name,
      lines: [[
        token.last_used_at ? "Last used " : "Never used",
        ...(token.last_used_at ? [moment(token.last_used_at, distance(token.last_used_at))] : []),
        ", ends ", moment(token.expires_at, distance(token.expires_at)),
      ]],
      end: "End",
      question: `End the token ${token.name}? What uses it stops working. This cannot be undone.`,
      yes: "End it",
      ended: `The token ${token.name} was ended.`,
      work: () => ask(gatepass, "DELETE", `/tokens/${encodeURIComponent(token.id)}`),
      then: () => all.show(),
    }),
    empty: "You have no personal tokens.",
  });

  /** Shows a new token, or takes it away again: what is put away is nowhere on the page. @param {string} [token] */
  const show = (token) => {
    element("made").hidden = !token;
    element("made-token").textContent = token ?? "";
    element("copy").textContent = "Copy";
    if (token) element("made-title").focus();
  };

  element("make").addEventListener("submit", async (event) => {
    event.preventDefault();
    if (button.ariaBusy === "true") return;
    button.ariaBusy = "true";
    showError(null);
    try {
      const { token } = await ask(gatepass, "POST", "/tokens", { name: name.value, expires_in: Number(life.value) });
      name.value = "";
      show(token);
      await all.show();
    } catch (error) {
      if (/** @type {any} */ (error).code === "stale") await stepUp();
      else showError(error);
    } finally {
      button.ariaBusy = "false";
    }
  });

  /** A fresh sign-in, and back to this form. The token itself is made by the person's next click, not by the way back. */
  const stepUp = () => {
    sessionStorage.setItem(TYPED, JSON.stringify([name.value, life.value]));
    say("A token needs a fresh sign-in.");
    return signIn(gatepass, "tokens", { prompt: "login" });
  };

  onClick(element("copy"), async () => {
    await navigator.clipboard.writeText(element("made-token").textContent ?? "");
    element("copy").textContent = "Copied";
    say("The token was copied.");
  });
  onClick(element("put-away"), async () => {
    show();
    name.focus();
  });

  const typed = JSON.parse(sessionStorage.getItem(TYPED) ?? "null");
  sessionStorage.removeItem(TYPED);
  let resumed = Boolean(typed);
  if (typed) [name.value, life.value] = typed;

  return {
    async show() {
      await all.show();
      if (!resumed) return;
      resumed = false;
      say("You are signed in again. Make the token now.");
      name.focus();
    },
    clear() {
      show();
      all.clear();
    },
  };
}
