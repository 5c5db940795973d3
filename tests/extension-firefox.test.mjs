// The same extension in Firefox: another manifest, an event page in place of a worker, the same modules.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startAuthority } from './support/authority.mjs';
import { EMAIL, clientOf, makeExtension, startGate } from './support/extension.mjs';
import { firefoxMissing, openFirefox } from './support/firefox.mjs';
import { wwwMissing } from './support/tree.mjs';

const missing = firefoxMissing ?? wwwMissing;
const skip = missing && `${missing} is missing`;
const LIMIT = 15_000;

const ADDON = 'extension@gatepass.dev';

async function startFirefox(t) {
  const gate = await startGate(t);
  const redirectUri = `${gate.address}/dashboard/extension.html`;
  const authority = await startAuthority(t, { www: true, config: clientOf(gate.address, redirectUri) });
  gate.target = authority.address;
  const site = { issuer: gate.address, clientId: 'gatepass-extension', scope: 'openid email profile', idTokenAlg: 'ES256', redirectUri };
  // A driver may go to no page of an extension, so the extension shows it.
  const files = { 'opens.js': "chrome.runtime.onInstalled.addListener(() => chrome.tabs.create({ url: 'popup.html' }));" };
  const place = makeExtension(t, { site, browser: 'firefox', files, manifest: { background: { scripts: ['worker.js', 'opens.js'], type: 'module' } } });
  const { browser } = await openFirefox(t);
  assert.equal(await browser.installAddon(place, true), ADDON);
  return { gate, authority, browser };
}

test('Firefox: loads, signs in by a tab, refreshes, and signs out', { skip }, async (t) => {
  const { By, until } = await import('selenium-webdriver');
  const { gate, authority, browser } = await startFirefox(t);
  const seen = async (css) => browser.wait(until.elementIsVisible(await browser.wait(until.elementLocated(By.css(css)), LIMIT)), LIMIT);
  const shows = (state) => browser.wait(() => browser.executeScript('return document.body?.dataset.state').then((now) => now === state), LIMIT);

  const [first] = await browser.getAllWindowHandles();
  const popup = await other(browser, [first]);
  await browser.switchTo().window(popup);
  await browser.wait(until.urlMatches(/^moz-extension:/), LIMIT);
  // The background has answered, and for that the wasm part has run.
  await shows('signed-out');
  await (await seen('#sign-in')).click();
  await browser.switchTo().window(await other(browser, [first, popup]));
  await (await seen('#email')).sendKeys(EMAIL);
  await (await seen('#continue')).click();
  await seen('#enter-code');
  await browser.get((await authority.letter(EMAIL)).link);
  await (await seen('#open-link #sign-in')).click();
  await browser.wait(async () => (await browser.getAllWindowHandles()).length === 2, LIMIT);
  await browser.switchTo().window(popup);
  await shows('signed-in');
  assert.equal(await (await seen('#account')).getText(), EMAIL);
  assert.match(await (await seen('#bound')).getText(), /Bound to a key/);

  const refreshed = await browser.executeAsyncScript(`
    const done = arguments[0];
    import('./gatepass/surface.js').then(async ({ connectGatepass }) => {
      const gatepass = connectGatepass();
      const before = await gatepass.getAccessToken();
      const after = await gatepass.getAccessToken({ forceRefresh: true });
      done({ type: after.type, changed: before.value !== after.value });
    }).catch((error) => done(String(error)));
  `);
  assert.deepEqual(refreshed, { type: 'DPoP', changed: true });

  await (await seen('#sign-out')).click();
  await shows('signed-out');
  assert.equal(gate.count(/revoke/), 1);
});

/** The window that is none of these. */
const other = (browser, known) => browser.wait(async () => (await browser.getAllWindowHandles()).find((handle) => !known.includes(handle)), LIMIT);
