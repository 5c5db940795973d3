// A press that was meant for what lay here a moment ago decides nothing: a page elsewhere can bring this one under a
// pointer that is about to press. So the buttons wait whenever the page has just come to the front.
const PAUSE = 700;
const buttons = document.querySelectorAll("button");
let timer;

function wait() {
  for (const button of buttons) button.ariaDisabled = "true";
  clearTimeout(timer);
  timer = setTimeout(() => buttons.forEach((button) => (button.ariaDisabled = null)), PAUSE);
}

addEventListener("submit", (event) => event.submitter?.ariaDisabled === "true" && event.preventDefault(), true);
// The window's own focus: what is focused in it makes no such event here.
for (const name of ["focus", "pageshow", "visibilitychange"]) addEventListener(name, wait);
wait();
