// A terminal asks to be signed in: who, on which device, by which words; no, or on to the server's own question. It comes
// back here, with the end of it in the fragment.

import { element, make, onClick, openSite, say, showError, signIn } from "./site.js";
import { PROGRAMS, SCOPES } from "./words.js";

/** @typedef {import("./site.js").Session} Session */
/** @typedef {NonNullable<Awaited<ReturnType<import("./site.js").Gatepass["parseHandoff"]>>>} Request */

/** How it ended, in words. @type {Record<string, [title: string, words: string, command?: string]>} */
const ENDS = {
  ok: ["The terminal is signed in", "Go back to it; it goes on by itself. You can close this page. The dashboard lists the terminal, and can end its session."],
  denied: ["The terminal was refused", "It gets nothing. You can close this page."],
  failed: ["That did not work", "The terminal says why, and what to do next. Nothing that it could have got is of use to anybody."],
  none: ["No terminal asks", "This page answers a terminal. Start it there:", "gatepass login --via dashboard"],
  gone: ["The terminal was refused", "It listens at no address, so nobody could tell it: press Ctrl-C there. You can close this page."],
};

// A terminal that opens its address in a tab that is here already.
addEventListener("hashchange", () => location.reload());

try {
  const status = /^#status=(ok|denied|failed)$/.exec(location.hash)?.[1];
  if (status) end(status);
  else await start();
} catch (error) {
  end("failed");
  element("end-words").textContent = "Start again in the terminal; nothing was granted.";
  showError(error);
}

async function start() {
  const gatepass = await openSite();
  const request = await gatepass.parseHandoff();
  if (!request) return end("none");
  /** @type {Session | null} */
  let session = null;
  /** Whether the session was sent to the terminal: it is in no store any more, and only this page can send it again. */
  let sent = false;

  onClick(element("deny"), () => request.deny().catch((error) => {
    if (error.code === "cancelled") end("gone");
    else throw error;
  }));
  onClick(element("continue"), async () => {
    say("Going on…");
    try {
      if (!session && !sent) return await signIn(gatepass, "cli");
      sent = request.moves;
      await gatepass.approveHandoff(request);
    } catch (/** @type {any} */ error) {
      if (session) sent = false;
      // Who comes back from there finds the question as it was.
      if (error.code !== "navigated_back" || !(session || sent)) throw error;
    } finally {
      say("");
    }
  });
  show(request);
  gatepass.on("session", ({ session: next, reason }) => {
    session = next;
    if (sent && !session) return again();
    const account = session?.claims.email ?? session?.claims.name ?? session?.subject ?? "";
    element("cli-account").replaceChildren(...(session
      ? ["It will be signed in as ", make("strong", {}, account), "."]
      : ["You are signed out in this browser. Sign in first; the terminal waits."]));
    element("continue").textContent = session ? "Continue" : "Sign in";
    document.body.dataset.state = session ? "question" : "signed-out";
    if (reason !== "initial" && reason !== "refreshed") say(session ? "You are signed in." : "You are signed out.");
  });
}

/** @param {Request} request */
function show(request) {
  element("phrase").textContent = request.phrase;
  element("program").textContent = Object.hasOwn(PROGRAMS, request.clientId) ? PROGRAMS[request.clientId] : `registered as ${request.clientId}`;
  element("device").textContent = request.device;
  element("port").textContent = request.port ? `this computer, port ${request.port}` : "a code that you type there";
  element("port-label").textContent = request.port ? "Listens on" : "Waits for";
  element("scopes").replaceChildren(...request.scopes.map((scope) => make("li", {}, Object.hasOwn(SCOPES, scope) ? SCOPES[scope] : scope)));
  element("moves").hidden = !request.moves;
  element("next").hidden = request.moves;
  element("loading").hidden = true;
  element("request").hidden = false;
  element("request-title").focus();
}

/** A browser that keeps the form from the terminal leaves the page as it was: the session must not be lost here. */
function again() {
  element("cli-account").textContent = "Your session is on its way to the terminal. If the terminal hears nothing, send it again; with this page it would be lost.";
  element("continue").textContent = "Send it again";
  element("continue").ariaBusy = "false";
  element("deny").hidden = true;
  document.body.dataset.state = "sent";
}

/** @param {string} how */
function end(how) {
  const [title, words, command] = ENDS[how];
  element("end-title").textContent = title;
  element("end-words").replaceChildren(words, ...(command ? [make("code", { class: "command" }, command)] : []));
  element("loading").hidden = true;
  element("request").hidden = true;
  element("end").hidden = false;
  document.body.dataset.state = how;
  element("end-title").focus();
}
