// The heartbeat: who is told that a session is used, when, and by whom not. Real Chromium with a clock that tests move, our own authority.
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { test } from 'node:test';
import { ready, signInAt, startApp } from './support/app.mjs';
import { chromiumMissing, openBrowser } from './support/chromium.mjs';
import { eventually } from './support/process.mjs';

const WWW = process.env.GATEPASS_WWW ?? 'target/www';
const missing = chromiumMissing ?? (existsSync(WWW) ? undefined : '`cargo xtask wasm`');
const skip = missing && `${missing} is missing`;
const MINUTE = 60_000;
const IDLE = 3600;

/** A signed-in page whose timers run by hand. */
async function open(t, options) {
  const app = await startApp(t, { options, client: `refresh_idle_seconds = ${IDLE}\nrefresh_absolute_seconds = 14400\naccess_token_seconds = 3600` });
  const { context } = await openBrowser(t);
  const beats = [];
  context.on('response', (response) => {
    if (new URL(response.url()).pathname !== '/session/heartbeat') return;
    // That the server wants its nonce is no answer yet.
    if (!response.headers()['www-authenticate']?.includes('use_dpop_nonce')) beats.push(response.status());
  });
  const page = await context.newPage();
  await page.clock.install();
  await page.goto(app.origin);
  await ready(page);
  await page.evaluate(() => void window.gatepass.signIn());
  await signInAt(app.authority, page);
  await page.waitForURL('**/callback');
  await ready(page);
  await page.evaluate(() => {
    window.expiring = [];
    window.gatepass.on('expiring', ({ sessionExpiresAt }) => window.expiring.push(Math.round((sessionExpiresAt - Date.now()) / 60_000)));
    window.failures = [];
    window.gatepass.on('error', ({ code }) => window.failures.push(code));
  });
  /** Lets time pass, for the server to where the page will be: under load the two would drift apart. */
  const pass = async (minutes) => {
    for (let half = 0; half < 2 * minutes; half += 1) {
      // Half a minute at most: a proof may be a minute old.
      const then = (await page.evaluate(() => Date.now())) + MINUTE / 2;
      app.authority.later(Math.ceil((then - Date.now()) / 1000));
      await page.clock.runFor(MINUTE / 2);
    }
    await page.waitForLoadState('networkidle');
  };
  const use = () => page.keyboard.press('Shift');
  const beaten = async (count) => {
    await eventually(() => beats.length >= count);
    assert.equal(beats.length, count);
  };
  return Object.assign(app, { context, page, beats, pass, use, beaten });
}

test('a hidden page says nothing, and a page that is seen again speaks if it was used', { skip }, async (t) => {
  const { page, beats, pass, use, beaten } = await open(t);
  const hide = (state) => page.evaluate((state) => {
    Object.defineProperty(document, 'visibilityState', { configurable: true, get: () => state });
    document.dispatchEvent(new Event('visibilitychange', { bubbles: true }));
  }, state);
  await hide('hidden');
  await use();
  await pass(20);
  assert.deepEqual(beats, []);
  await hide('visible');
  await beaten(1);
});

test('it can be turned off', { skip }, async (t) => {
  const { beats, pass, use } = await open(t, { heartbeat: false });
  await use();
  await pass(10);
  assert.deepEqual(beats, []);
});
