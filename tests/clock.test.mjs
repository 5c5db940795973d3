// Time and weather: machines that sleep, clocks that are wrong, networks and servers that fail. Nobody is signed out by any of it,
// and afterwards it works without a reload. Real Chromium, our own authority, the package as it is shipped.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openBrowser } from './support/chromium.mjs';
import { EXPIRED, holdTime, later, openTab, shows, signIn, skip, startSite, started, token, walk, who } from './support/site.mjs';

const HOUR = 3600;
const EMAIL = 'user@example.com';

/** A browser with a clock that is wrong by so many seconds, and one tab of the site. */
async function start(t, { wrong = 0, dpop } = {}) {
  const { site, authority, gate } = await startSite(t, { dpop });
  const { context } = await openBrowser(t);
  await holdTime(context, wrong);
  const page = await openTab(context, site);
  return { site, authority, gate, context, page };
}

/** That the page is signed in and gets tokens, by itself and as often as it likes. */
async function works(page) {
  const answer = await token(page, { forceRefresh: true });
  assert.equal(answer.error, undefined);
  assert.equal((await token(page)).value, answer.value);
  assert.equal(await who(page), EMAIL);
  return answer;
}

/** That nobody has been told of an end since the sign-in. */
async function undisturbed(page) {
  const events = await page.evaluate(() => globalThis.app.events);
  assert.deepEqual(events.filter(({ reason, error }) => error || ['expired', 'signedOut', 'evicted', 'revoked'].includes(reason)), []);
}

test('a page wakes up after hours of sleep', { skip }, async (t) => {
  const { authority, gate, context, page } = await start(t);
  await signIn(authority, page);
  const first = await token(page);
  const before = gate.asked;
  // Five hours pass at once, as after a sleep; the network is not back yet when the page is asked.
  await later(authority, context, 5 * HOUR);
  await context.setOffline(true);
  assert.deepEqual(await token(page), { error: 'unreachable', retryable: true });
  assert.equal(await who(page), EMAIL);
  await context.setOffline(false);
  const second = await token(page);
  assert.notEqual(second.value, first.value);
  assert.equal(gate.asked - before, 1);
  await undisturbed(page);
});

for (const [name, wrong] of [['fast', HOUR], ['slow', -HOUR]]) {
  for (const dpop of ['required', 'off']) {
    test(`the clock of the page goes wrong by an hour: ${name}, ${dpop === 'off' ? 'bare' : 'bound to a key'}`, { skip }, async (t) => {
      const { authority, gate, page } = await start(t, { dpop });
      await signIn(authority, page);
      const first = await token(page);
      await page.evaluate((seconds) => globalThis.shift(seconds), wrong);
      const before = gate.asked;
      // A token from a time to come, or one that seems to be over: either way it is asked for anew. A proof that is dated
      // wrong is refused; the answer says what time it is, by which the token that is there is good still.
      const second = await token(page);
      assert.equal(gate.asked > before, true);
      assert.equal(second.error, undefined);
      assert.equal(second.value === first.value, dpop === 'required');
      assert.equal(await who(page), EMAIL);
      await page.reload();
      await shows(page, 'signed-in');
      await page.evaluate((seconds) => globalThis.shift(seconds), wrong);
      assert.equal(await who(page), EMAIL);
      // Put right while the page is open.
      await page.evaluate(() => globalThis.shift(0));
      await works(page);
      await undisturbed(page);
    });
  }

  test(`signs in and refreshes under a clock that is an hour ${name}`, { skip }, async (t) => {
    const { authority, gate, page } = await start(t, { wrong });
    await (await walk(authority, page)).click();
    await page.waitForURL(/callback/);
    await started(page);
    assert.deepEqual(await page.evaluate(() => globalThis.app.events.filter(({ error }) => error)), []);
    const before = gate.asked;
    const first = await token(page);
    assert.equal(gate.asked, before, 'the first token counts as fresh');
    authority.later(EXPIRED);
    await page.evaluate((seconds) => globalThis.shift(seconds), wrong + EXPIRED);
    assert.notEqual((await works(page)).value, first.value);
  });
}

for (const wrong of [HOUR, 24 * HOUR]) {
  test(`signs in under a clock that is ${wrong / HOUR} hours fast, which is then put right`, { skip }, async (t) => {
    const { authority, gate, page } = await start(t, { wrong, dpop: 'required' });
    await (await walk(authority, page)).click();
    await page.waitForURL(/callback/);
    await shows(page, 'signed-in');
    await works(page);
    await page.evaluate(() => globalThis.shift(0));
    await works(page);
    await undisturbed(page);
    // And what was kept of the clock is right again.
    await page.reload();
    await shows(page, 'signed-in');
    await page.evaluate(() => globalThis.shift(0));
    const before = gate.asked;
    await works(page);
    assert.equal(gate.asked - before, 1);
  });
}

test('an answer that is dated a thousand years from now is not believed', { skip }, async (t) => {
  const { authority, gate, context, page } = await start(t, { dpop: 'required' });
  await signIn(authority, page);
  await context.route('**/oauth/token', async (route) => {
    const response = await route.fetch();
    await route.fulfill({ response, headers: { ...response.headers(), date: 'Tue, 01 Jan 2999 00:00:00 GMT' } });
  }, { times: 1 });
  const first = await works(page);
  assert.equal(first.expiresAt < Date.now() + 2 * HOUR * 1000, true);
  await later(authority, context, EXPIRED);
  const before = gate.asked;
  const second = await token(page);
  assert.notEqual(second.value, first.value);
  assert.equal(second.error, undefined);
  assert.equal(gate.asked - before, 1);
  await undisturbed(page);
});

test('weather', { skip }, async (t) => {
  const { authority, gate, context, page, site } = await start(t);
  await signIn(authority, page);
  const other = await openTab(context, site);

  await t.test('the network goes and comes back', async () => {
    await context.setOffline(true);
    assert.deepEqual(await token(page, { forceRefresh: true }), { error: 'unreachable', retryable: true });
    // What is cached needs no network, nor does who is signed in.
    assert.equal((await token(page)).error, undefined);
    assert.deepEqual(await Promise.all([page, other].map(who)), [EMAIL, EMAIL]);
    await context.setOffline(false);
    await works(page);
  });

  for (const [name, status, headers, body] of [
    ['fails', 500, {}, 'oh no'],
    ['is not there behind its proxy', 502, { 'content-type': 'text/html' }, '<h1>Bad gateway</h1>'],
    ['is being repaired', 503, { 'retry-after': '120' }, '{"error":"temporarily_unavailable"}'],
    ['has had enough', 429, { 'retry-after': '30', 'content-type': 'application/json' }, '{"error":"slow_down"}'],
    ['fails in the words of OAuth', 500, { 'content-type': 'application/json' }, '{"error":"server_error"}'],
  ]) {
    await t.test(`the server ${name}`, async () => {
      gate.refuse(status, { headers, body, times: 2 });
      const before = gate.asked;
      const answers = [await token(page, { forceRefresh: true }), await token(other, { forceRefresh: true })];
      for (const { error, retryable } of answers) assert.deepEqual([error, retryable], [error, true], 'it may be tried again');
      assert.equal(answers.every(({ error }) => error), true);
      assert.equal(gate.asked - before, 2, 'nobody hammers a server that fails');
      assert.deepEqual(await Promise.all([page, other].map(who)), [EMAIL, EMAIL]);
      await works(page);
      await works(other);
    });
  }

  await t.test('an answer is cut off, and comes the second time', async () => {
    gate.cut();
    const before = gate.asked;
    await works(page);
    assert.equal(gate.asked - before, 2);
  });

  await t.test('and nobody was told of an end', async () => {
    await Promise.all([page, other].map(undisturbed));
  });
});
