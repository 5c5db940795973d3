// The page that waits for the letter's link, in real Chromium, while the link is pressed in another tab or elsewhere.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openBrowser } from './support/chromium.mjs';
import { eventually } from './support/process.mjs';
import { leave, openTab, shows, skip, startSite, who } from './support/site.mjs';

const EMAIL = 'user@example.com';

/** A page of the site that has asked for a letter, and how often its tab has asked whether the link was pressed. */
async function begin(t) {
  const { site, authority } = await startSite(t);
  const { context } = await openBrowser(t);
  const waiting = await openTab(context, site);
  const asked = [];
  waiting.on('response', (response) => {
    if (new URL(response.url()).pathname === '/login/wait') asked.push(response.status());
  });
  await leave(waiting);
  await waiting.locator('#email').fill(EMAIL);
  await waiting.locator('#continue').click();
  await waiting.locator('#enter-code').waitFor();
  const { link } = await authority.letter(EMAIL);
  return { site, authority, context, waiting, asked, link };
}

/** Presses the link's button in another tab, or in another browser. */
async function press(context, link, button) {
  const letter = await context.newPage();
  await letter.goto(link);
  await letter.locator(button).click();
  return letter;
}

test('the link is pressed in another tab: that one goes on, and the one that waits says so', { skip }, async (t) => {
  const { authority, context, waiting, asked, link } = await begin(t);
  await eventually(() => asked.length > 1);
  const letter = await press(context, link, '#sign-in');
  await shows(letter, 'signed-in');
  assert.equal(await who(letter), EMAIL);
  await waiting.locator('#elsewhere').waitFor();
  assert.deepEqual([...new Set(asked)], [200]);
  assert.equal(authority.count('/login/wait', 200), 0, 'what is asked again and again does not fill the log');
});

test('the link is opened in another browser: its code leads the page that waits on', { skip }, async (t) => {
  const { waiting, link } = await begin(t);
  const other = await openBrowser(t);
  const letter = await press(other.context, link, '#show-code');
  await waiting.locator('#code').fill(await letter.locator('#code').textContent());
  await waiting.locator('#continue').click();
  await shows(waiting, 'signed-in');
  assert.equal(await who(waiting), EMAIL);
});

test('a page that nobody looks at does not ask, and asks at once when somebody does', { skip }, async (t) => {
  const { context, waiting, asked, link } = await begin(t);
  await eventually(() => asked.length > 0);
  const show = (state) => waiting.evaluate((state) => {
    Object.defineProperty(document, 'visibilityState', { configurable: true, get: () => state });
    document.dispatchEvent(new Event('visibilitychange', { bubbles: true }));
  }, state);
  await show('hidden');
  const before = asked.length;
  await shows(await press(context, link, '#sign-in'), 'signed-in');
  // Longer than it pauses.
  await waiting.evaluate(() => new Promise((done) => setTimeout(done, 4000)));
  // One may have been under way.
  assert.ok(asked.length <= before + 1, `${asked.length - before} questions`);
  await waiting.locator('#enter-code').waitFor();
  await show('visible');
  await waiting.locator('#elsewhere').waitFor();
});

test('without scripts there is a button', { skip }, async (t) => {
  const { site, authority } = await startSite(t);
  const { context } = await openBrowser(t);
  const waiting = await openTab(context, site);
  await context.route('**/assets/wait.js', (route) => route.abort());
  await leave(waiting);
  await waiting.locator('#email').fill(EMAIL);
  await waiting.locator('#continue').click();
  await waiting.locator('#pressed').click();
  await waiting.locator('#problem').waitFor();
  await shows(await press(context, (await authority.letter(EMAIL)).link, '#sign-in'), 'signed-in');
  await waiting.locator('#pressed').click();
  await waiting.locator('#elsewhere').waitFor();
});
