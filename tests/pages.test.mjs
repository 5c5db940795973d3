// Every page of the house for everybody: axe finds nothing in light and dark, nothing is wider than a phone, nothing is
// loaded from anywhere else, and the keyboard alone is enough.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { test } from 'node:test';
import { chromiumMissing } from './support/chromium.mjs';
import { EMAIL, PARTS, Tour, startListener, state } from './support/tour.mjs';
import { wwwMissing } from './support/tree.mjs';

const missing = chromiumMissing ?? wwwMissing;
const skip = missing && `${missing} is missing`;
const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const PHONE = { width: 360, height: 640 };
const DESK = { width: 1000, height: 800 };

/** Judges a page; every page has to stand it. */
async function judge(name, page) {
  await page.setViewportSize(DESK);
  for (const colorScheme of ['light', 'dark']) {
    await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
    const { violations } = await page.evaluate(`${AXE}; axe.run(document, { resultTypes: ['violations'] })`);
    const found = violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html, failureSummary }) => `${html} ${failureSummary}`).join('\n')}`);
    assert.deepEqual(found, [], `${name}, ${colorScheme}`);
  }
  await page.setViewportSize(PHONE);
  const wider = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
  assert.equal(wider, 0, `${name} is ${wider} pixels wider than a phone`);
  await page.setViewportSize(DESK);
}

/** What a whole tour has to stand. */
function quiet(tour) {
  assert.deepEqual(tour.troubles, [], 'nothing is said to the console');
  assert.deepEqual(tour.strangers, [], 'a page loads from where it came from, and from nowhere else');
}

for (const part of PARTS) {
  test(`every page, in light, dark and on a phone: ${part.name}`, { skip }, async (t) => quiet(await part(t, judge)));
}

/** Presses Tab until the focus is on what a selector names, and says how often. */
async function tabTo(page, selector) {
  for (let presses = 1; presses < 40; presses += 1) {
    await page.keyboard.press('Tab');
    const { here, seen } = await page.evaluate((wanted) => {
      const focused = document.activeElement;
      const { outlineStyle, outlineWidth } = getComputedStyle(focused);
      return { here: focused.matches(wanted), seen: outlineStyle !== 'none' && parseFloat(outlineWidth) >= 2 };
    }, selector);
    if (!here) continue;
    assert.ok(seen, `the focus on ${selector} is seen`);
    return presses;
  }
  throw new Error(`no Tab leads to ${selector}`);
}

test('the keyboard alone signs in, makes and ends a token, and signs out', { skip }, async (t) => {
  const tour = await Tour.start(t, judge);
  const page = await tour.page();
  const press = (key) => page.keyboard.press(key);
  await page.goto(tour.dashboard);
  await state(page, 'signed-out');
  await tabTo(page, '#sign-in');
  await press('Enter');
  await page.locator('#email').waitFor();
  await page.keyboard.type(EMAIL);
  await press('Enter');
  await page.locator('#enter-code').waitFor();
  await page.goto((await tour.authority.letter(EMAIL)).link);
  await tabTo(page, '#open-link #sign-in');
  await press('Enter');
  await state(page, 'signed-in');
  await page.locator('#tokens .list p').waitFor();

  assert.equal(await tabTo(page, 'a[href="#main"]'), 1, 'the first Tab offers to skip what is on every page');
  await tabTo(page, '#token-name');
  await page.keyboard.type('of the keyboard');
  await press('Enter');
  await page.locator('#made:not([hidden])').waitFor();
  await page.locator('#tokens .things').waitFor();
  assert.match(await page.locator('#made-token').textContent(), /^gpp_[\w-]{40,}$/);
  await tabTo(page, '#put-away');
  await press('Enter');
  assert.equal(await page.locator('#made-token').textContent(), '', 'what is put away is nowhere on the page');

  await tabTo(page, '#tokens .end');
  await press('Enter');
  assert.equal(await page.evaluate(() => document.activeElement.textContent), 'Cancel', 'the answer that changes nothing has the focus');
  await press('Escape');
  assert.equal(await page.evaluate(() => document.activeElement.matches('#tokens .end')), true, 'and leads back');
  await press('Enter');
  await tabTo(page, '#tokens .asks .danger');
  await press('Enter');
  await page.locator('#tokens .list > p').waitFor();
  assert.equal(await page.evaluate(() => document.activeElement.id), 'tokens-title');

  await page.reload();
  await state(page, 'signed-in');
  await tabTo(page, '#sign-out');
  await press('Enter');
  await state(page, 'signed-out');
  assert.equal(await page.evaluate(() => document.activeElement.id), 'sign-in');
});

test('the keyboard alone hands a session to a terminal, and No comes before Yes', { skip }, async (t) => {
  const tour = await Tour.start(t, judge);
  await (await tour.signedIn()).close();
  const page = await tour.page();
  await page.goto(await startListener(t, tour.authority));
  await state(page, 'question');
  await tabTo(page, '#deny');
  await tabTo(page, '#continue');
  await page.keyboard.press('Enter');
  await page.locator('form#handoff').waitFor();
  assert.equal(await page.evaluate(() => document.activeElement.id), 'deny', 'Enter alone is a No');
  await tabTo(page, '#allow');
  await page.locator('#allow:not([aria-disabled])').waitFor();
  await page.keyboard.press('Enter');
  await state(page, 'ok');
  assert.equal(new URL(page.url()).pathname, '/dashboard/cli');
});

for (const [kind, bound] of [['bound to a key', /^Bound/], ['bound to none', /^Not bound/]]) {
  test(`a session ${kind} makes a token while its sign-in is young, then needs a fresh one, and comes back to the form`, { skip }, async (t) => {
    const tour = await Tour.start(t, judge);
    const page = await tour.page();
    if (kind === 'bound to none') {
      await page.route('**/dashboard/site.js', async (route) => {
        const response = await route.fetch();
        await route.fulfill({ response, body: (await response.text()).replace('idTokenAlg: "ES256"', '$&, dpop: "off"') });
      });
    }
    await page.goto(tour.dashboard);
    await state(page, 'signed-out');
    await page.locator('#sign-in').click();
    await tour.signIn(page);
    await state(page, 'signed-in');
    assert.match(await page.locator('#bound').textContent(), bound);
    await page.locator('#token-name').fill('soon');
    await page.locator('#make-token').click();
    await page.locator('#made:not([hidden])').waitFor();
    await page.locator('#put-away').click();
    await tour.later(601);
    await page.locator('#token-name').fill('late');
    await page.locator('#token-life').selectOption('604800');
    await page.locator('#make-token').click();
    // The browser is known, and asked all the same.
    await page.locator('#email').waitFor();
    await tour.signIn(page);
    await state(page, 'signed-in');
    assert.equal(new URL(page.url()).hash, '#tokens');
    await page.waitForFunction(() => document.activeElement.id === 'token-name');
    assert.equal(await page.locator('#token-name').inputValue(), 'late');
    assert.equal(await page.locator('#token-life').inputValue(), '604800');
    assert.equal(await page.locator('#made').isHidden(), true, 'nothing is made before the next click');
    assert.equal(await page.locator('#tokens .things > li').count(), 1, 'and the one of before is all there is');
    await page.locator('#make-token').click();
    await page.locator('#made:not([hidden])').waitFor();
  });
}

test('the dashboard and the sign-in are light', { skip }, async (t) => {
  const tour = await Tour.start(t, judge);
  const page = await tour.page();
  const network = await page.context().newCDPSession(page);
  await network.send('Network.enable');
  let bytes = 0;
  network.on('Network.loadingFinished', ({ encodedDataLength }) => { bytes += encodedDataLength; });
  await page.goto(tour.dashboard, { waitUntil: 'networkidle' });
  await state(page, 'signed-out');
  const dashboard = bytes;
  const paint = () => page.evaluate(() => new Promise((resolve) => {
    new PerformanceObserver((list) => resolve(list.getEntriesByName('first-contentful-paint')[0]?.startTime)).observe({ type: 'paint', buffered: true });
  }));
  const painted = await paint();
  await page.locator('#sign-in').click();
  await page.locator('#email').waitFor();
  await page.waitForLoadState('networkidle');
  t.diagnostic(`over the wire: the dashboard ${dashboard} bytes, with the sign-in page ${bytes} bytes`);
  t.diagnostic(`first contentful paint: the dashboard ${Math.round(painted)} ms, the sign-in page ${Math.round(await paint())} ms`);
  assert.ok(bytes <= 120_000, `${bytes} bytes`);
});
