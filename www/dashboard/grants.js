// Every browser, program and device of the account, and the end of each.

import { confirm, list, row } from "./list.js";
import { ask, element, say, signOut } from "./site.js";
import { distance, exact, moment, WAYS } from "./words.js";

/** @typedef {import("./site.js").Gatepass} Gatepass */

/** @param {Gatepass} gatepass */
export function grants(gatepass) {
  const all = list({
    section: "grants",
    // This browser first: it is what a person looks for before they end one.
    load: async () => (await ask(gatepass, "GET", "/grants"))?.grants.sort((/** @type {any} */ one, /** @type {any} */ other) => other.current - one.current) ?? null,
    row: (grant) => shown(gatepass, grant, () => all.show()),
    empty: "Nothing is signed in.",
  });
  const everywhere = element("everywhere");
  everywhere.addEventListener("click", async () => {
    const over = await confirm(element("grants"), everywhere, "Sign out of every browser, program and device, this one too? "
      + "Each has to sign in again. This cannot be undone.", "Sign out everywhere", async () => {
      await ask(gatepass, "DELETE", "/grants");
      await gatepass.signOut();
    });
    if (over) element("sign-in").focus();
  });
  return all;
}

/**
 * @param {Gatepass} gatepass
 * @param {any} grant
 * @param {() => Promise<void>} again
 */
function shown(gatepass, grant, again) {
  const web = grant.type === "web";
  const way = web ? `in ${grant.device ?? "a browser"}` : (WAYS[grant.way] ?? "signed in");
  // A person knows a terminal by its machine, and a page by its name.
  const [title, what] = web || !grant.device
    ? [grant.client_name, `${way[0].toUpperCase()}${way.slice(1)}`]
    : [grant.device, `${grant.client_name}, ${way}`];
  const facts = [
    [what, grant.bound ? ", bound to its key" : ", not bound to a key"],
    ["Last used ", moment(grant.last_used_at, distance(grant.last_used_at)), ", since ", moment(grant.created_at, exact(grant.created_at))],
  ];
  if (grant.current) {
    return row({
      title,
      mark: "This browser",
      lines: facts,
      end: "Sign out",
      question: "Sign out of this browser?",
      yes: "Sign out",
      ended: "You are signed out.",
      work: () => signOut(gatepass),
      then: async () => element("sign-in").focus(),
    });
  }
  return row({
    title,
    lines: facts,
    end: "End",
    question: `End the session of ${title}? It has to sign in again.${web ? "" : " Browsers that it signed in are signed out too."} `
      + "A token that it has already may count elsewhere until it runs out. This cannot be undone.",
    yes: "End it",
    ended: `The session of ${title} was ended.`,
    // One that is gone already has ended too.
    work: () => ask(gatepass, "DELETE", `/grants/${encodeURIComponent(grant.id)}`),
    then: again,
  });
}
