// A list of what belongs to the account: asked for, shown, empty or failed, and each thing ended after a question.

import { element, make, say, sentence } from "./site.js";

/**
 * @typedef {object} Kind what a list is of
 * @property {string} section the id of its section
 * @property {() => Promise<any[] | null>} load null where the server has nothing of the kind
 * @property {(thing: any) => HTMLElement} row
 * @property {string} empty
 */

/** @param {Kind} kind */
export function list({ section, load, row, empty }) {
  const place = element(section);
  const body = /** @type {HTMLElement} */ (place.querySelector(".list"));
  let asked = 0;

  /** Asks again; what is shown stays until there is something newer. */
  async function show() {
    const mine = (asked += 1);
    place.ariaBusy = "true";
    if (!body.hasChildNodes()) body.append(make("p", { class: "quiet" }, "Loading…"));
    /** @type {Node[]} */
    let content;
    try {
      const things = await load();
      if (mine !== asked) return;
      place.hidden = !things;
      content = things?.length
        ? [make("ul", { class: "things", role: "list" }, ...things.map(row))]
        : [make("p", { class: "quiet" }, empty)];
    } catch (error) {
      if (mine !== asked) return;
      place.hidden = false;
      const again = make("button", { type: "button", class: "again" }, "Try again");
      again.addEventListener("click", () => void show().then(() => focusTitle(place)));
      content = [make("p", { class: "problem", role: "alert" }, sentence(error)), again];
    }
    place.ariaBusy = "false";
    // A question that is being answered stays where it is.
    if (!body.querySelector(".asks")) body.replaceChildren(...content);
  }

  return {
    show,
    /** Forgets what was shown: it may have been another account's. */
    clear() {
      asked += 1;
      place.hidden = true;
      body.replaceChildren();
    },
  };
}

/**
 * A row with a button that ends the thing.
 * @param {{title: string, mark?: string, lines: (Node | string)[][], end: string, question: string, yes: string, ended: string,
 *   work: () => Promise<unknown>, then: () => Promise<void>}} thing
 */
export function row({ title, mark, lines, end, question, yes, ended, work, then }) {
  const button = make("button", { type: "button", class: "end" }, end, make("span", { class: "unseen" }, ` ${title}`));
  const head = make("h3", {}, title, ...(mark ? [make("span", { class: "here" }, mark)] : []));
  const item = make("li", {}, make("div", {}, head, ...lines.map((line) => make("p", {}, ...line))), button);
  button.addEventListener("click", async () => {
    const section = /** @type {HTMLElement} */ (item.closest("section"));
    const over = await confirm(item, button, question, yes, work);
    if (!over) return;
    say(ended);
    focusTitle(section);
    await then();
  });
  return item;
}

/**
 * Asks in its place before something is done that cannot be undone. The answer that changes nothing comes first and
 * has the focus; Escape is that answer too.
 * @param {HTMLElement} place
 * @param {HTMLElement} button what was pressed
 * @param {string} question
 * @param {string} yes
 * @param {() => Promise<unknown>} work
 * @returns {Promise<boolean>} whether it was done
 */
export function confirm(place, button, question, yes, work) {
  return new Promise((resolve) => {
    const id = `question-${crypto.randomUUID()}`;
    const words = make("p", { id }, question);
    const keep = make("button", { type: "button" }, "Cancel");
    const go = make("button", { type: "button", class: "danger" }, yes);
    const group = make("div", { class: "asks", role: "group", "aria-labelledby": id }, words, make("div", { class: "actions" }, keep, go));
    /** @param {boolean} done */
    const close = (done) => {
      group.remove();
      button.hidden = false;
      if (!done) button.focus();
      resolve(done);
    };
    keep.addEventListener("click", () => close(false));
    group.addEventListener("keydown", (event) => {
      if (event.key === "Escape") close(false);
    });
    go.addEventListener("click", async () => {
      if (go.ariaBusy === "true") return;
      go.ariaBusy = "true";
      try {
        await work();
        close(true);
      } catch (error) {
        go.ariaBusy = "false";
        words.textContent = sentence(error);
        words.setAttribute("role", "alert");
      }
    });
    button.hidden = true;
    place.append(group);
    keep.focus();
  });
}

/** What had the focus is gone: it goes where the person was. @param {HTMLElement} section */
function focusTitle(section) {
  /** @type {HTMLElement | null} */ (section.querySelector("h2"))?.focus();
}
