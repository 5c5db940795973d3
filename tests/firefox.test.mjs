// The same dashboard in a browser of another house: sign-in, refresh, restore, sign-out.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startAuthority } from './support/authority.mjs';
import { firefoxMissing, openFirefox } from './support/firefox.mjs';
import { wwwMissing } from './support/tree.mjs';

const missing = firefoxMissing ?? wwwMissing;
const skip = missing && `${missing} is missing`;
const EMAIL = 'user@example.com';
const LIMIT = 15_000;

test('signs in, refreshes, is there after a restart of the browser, and signs out', { skip }, async (t) => {
  const { By, until } = await import('selenium-webdriver');
  const authority = await startAuthority(t, { www: true });
  const { browser, profile, close } = await openFirefox(t);
  const seen = (browser, css) => browser.wait(until.elementIsVisible(browser.wait(until.elementLocated(By.css(css)), LIMIT)), LIMIT);
  const shows = (browser, state) => browser.wait(() => browser.executeScript('return document.body?.dataset.state').then((now) => now === state), LIMIT);

  await browser.get(`${authority.issuer}/dashboard/`);
  await shows(browser, 'signed-out');
  await (await seen(browser, '#sign-in')).click();
  await (await seen(browser, '#email')).sendKeys(EMAIL);
  await (await seen(browser, '#continue')).click();
  await seen(browser, '#enter-code');
  await browser.get((await authority.letter(EMAIL)).link);
  await (await seen(browser, '#open-link #sign-in')).click();
  await shows(browser, 'signed-in');
  assert.match(await (await seen(browser, '#account')).getText(), new RegExp(EMAIL));
  assert.equal(await isBound(browser), true);

  const first = await token(browser);
  assert.equal(asked(authority), 1);
  assert.equal((await token(browser)).value, first.value);
  const second = await token(browser, { forceRefresh: true });
  assert.notEqual(second.value, first.value);
  assert.equal(asked(authority), 2);

  // Another process on the same profile: the session and its key come from the disk.
  await close();
  const { browser: again } = await openFirefox(t, profile);
  await again.get(`${authority.issuer}/dashboard/`);
  await shows(again, 'signed-in');
  assert.match(await (await seen(again, '#account')).getText(), new RegExp(EMAIL));
  assert.equal((await token(again)).value, second.value);
  assert.equal(asked(authority), 2, 'a restart asks the server for nothing');
  // The key that signs this was read from the disk.
  assert.notEqual((await token(again, { forceRefresh: true })).value, second.value);
  assert.equal(asked(authority), 3);

  await signOut(again);
  await shows(again, 'signed-out');
  await again.get(`${authority.issuer}/dashboard/`);
  await shows(again, 'signed-out');
  assert.equal((await token(again)).error, 'not_signed_in');
  assert.equal(authority.count('POST /oauth/revoke ', 200), 1, 'the server was told');
});

/** Asks the dashboard's own session, as a script of the page does. */
const inPage = (browser, what, ...given) => browser.executeAsyncScript(`
  const done = arguments[arguments.length - 1];
  (async ([wishes]) => {
    const { openSite } = await import('./site.js');
    const gatepass = (globalThis.site ??= await openSite());
    ${what}
  })(arguments).then(done, (error) => done({ error: error.code ?? String(error) }));`, ...given);

const token = (browser, wishes = {}) => inPage(browser, 'const { value, type } = await gatepass.getAccessToken(wishes); return { value, type };', wishes);
const isBound = (browser) => inPage(browser, 'return (await gatepass.getSession()).bound;');
const signOut = (browser) => inPage(browser, 'return gatepass.signOut();');

/** By the server's own log. */
const asked = (authority) => authority.count('POST /oauth/token ', 200);
