// The popup for everybody: axe finds nothing, in light and dark, in each of its states; and it works by keyboard alone.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { test } from 'node:test';
import { chromiumMissing } from './support/chromium.mjs';
import { ID, finish, signedIn, signedOut, startExtension } from './support/extension.mjs';
import { HOST, startTerminal } from './support/native.mjs';
import { folder } from './support/process.mjs';
import { wwwMissing } from './support/tree.mjs';

const missing = chromiumMissing ?? wwwMissing;
const skip = missing && `${missing} is missing`;
const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
/** Where pictures go, if they are wanted. */
const PICTURES = process.env.GATEPASS_PICTURES;

async function judge(page, state) {
  for (const colorScheme of ['light', 'dark']) {
    await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
    await page.setViewportSize({ width: 336, height: 600 });
    if (PICTURES) await page.screenshot({ path: `${PICTURES}/popup-${state}-${colorScheme}.png`, fullPage: true });
    const { violations } = await page.evaluate(`${AXE}; axe.run(document, { resultTypes: ['violations'] })`);
    const found = violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(' ')}`);
    assert.deepEqual(found, [], `${state}, ${colorScheme}`);
    assert.equal(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), true, `${state} is no wider than the popup`);
  }
}

test('axe finds nothing in any state of the popup, and keys are enough', { skip }, async (t) => {
  const profile = folder(t, 'profile');
  const terminal = await startTerminal(t, profile, `chrome-extension://${ID}/`);
  const { authority, context, popup } = await startExtension(t, { profile, native: { host: HOST } });
  const page = await popup();
  await signedOut(page);
  const state = (name) => page.locator(`#terminal[data-state="${name}"]`).waitFor();
  await state('absent');
  await judge(page, 'signed-out');

  terminal.install();
  await page.reload();
  await state('unpaired');
  await finish(authority, context, async () => {
    await page.locator('#sign-in').focus();
    await page.keyboard.press('Enter');
  });
  await signedIn(page);
  await judge(page, 'signed-in');

  let answer;
  terminal.decide = () => new Promise((decide) => (answer = decide));
  await page.locator('#sign-out').focus();
  await page.keyboard.press('Tab');
  assert.equal(await page.evaluate(() => document.activeElement.id), 'pair');
  await page.keyboard.press('Space');
  await state('pairing');
  await judge(page, 'pairing');
  assert.equal(await page.evaluate(() => document.activeElement.id), 'phrase', 'the words are read');
  answer('pairing_denied');
  await page.locator('#error[data-code="pairing_denied"]').waitFor();
  await judge(page, 'denied');
  assert.equal(await page.evaluate(() => document.activeElement.id), 'pair');
  await page.keyboard.press('Enter');
  await state('pairing');
  answer();
  await state('paired');
  await judge(page, 'paired');
  await page.locator('#sign-out').press('Enter');
  await signedOut(page);
  assert.equal(await page.evaluate(() => document.activeElement.id), 'sign-in', 'the focus is not lost');
});
