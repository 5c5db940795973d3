// Asks whether the link was pressed in another tab, and goes on then as the button does. Never while nobody looks; whoever
// comes back is answered at once.
const PAUSE = 3000;
const form = document.getElementById("go-on");
const query = new URLSearchParams(new FormData(form));
let timer;
let asking = false;
let over = false;

async function ask() {
  clearTimeout(timer);
  if (asking || over || document.visibilityState !== "visible") return;
  asking = true;
  const answer = await fetch(`${form.dataset.ask}?${query}`, { cache: "no-store" }).catch(() => undefined);
  const pressed = answer?.ok ? await answer.json().catch(() => undefined) : undefined;
  asking = false;
  // The request is too old: there is nothing to wait for any more.
  if (answer && answer.status >= 400 && answer.status < 500) over = true;
  if (over) return;
  if (pressed?.signed_in) location.replace(`${form.action}?${query}`);
  else timer = setTimeout(ask, PAUSE);
}

// A code that was just sent signs in too, and leads on by itself.
addEventListener("submit", () => (over = true));
addEventListener("pageshow", (event) => {
  if (event.persisted) over = false;
  ask();
});
for (const name of ["focus", "visibilitychange"]) addEventListener(name, ask);
