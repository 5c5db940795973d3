// Many tabs and one session: real Chromium, our own authority, the package as it is shipped.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openBrowser } from './support/chromium.mjs';
import { EXPIRED, holdTime, later, leave, openTab, shows, signIn, skip, startSite, token, walk, who } from './support/site.mjs';
import { freeze, hurry, hurryBriefly, openTabs, thaw, waitsForLock } from './support/tabs.mjs';

const TABS = 8;

/** A browser that is signed in, with one tab. */
async function signedIn(t, { dpop } = {}) {
  const { site, authority, gate } = await startSite(t, { dpop });
  const { context } = await openBrowser(t);
  await holdTime(context);
  const page = await openTab(context, site);
  await signIn(authority, page);
  return { site, authority, gate, context, page };
}

const values = (tokens) => new Set(tokens.map(({ value }) => value));

for (const [dpop, kind] of [['required', 'bound to a key'], ['off', 'bare']]) {
  test(`a session that is ${kind}`, { skip }, async (t) => {
    const { site, authority, gate, context, page } = await signedIn(t, { dpop });
    const tabs = [page, ...await openTabs(context, site, TABS - 1)];
    const first = await token(page);
    assert.equal(first.type, dpop === 'off' ? 'Bearer' : 'DPoP');
    let offset = 0;
    /** Lets every token expire; gives what counts requests from here on. */
    const expire = async () => {
      offset += EXPIRED;
      await later(authority, context, offset);
      const before = gate.asked;
      return () => gate.asked - before;
    };

    await t.test('is refreshed once, whoever asks', async () => {
      const requests = await expire();
      const tokens = await Promise.all(tabs.map((tab) => token(tab)));
      assert.equal(values(tokens).size, 1, JSON.stringify(tokens.map(({ error }) => error)));
      assert.notEqual(tokens[0].value, first.value);
      assert.equal(requests(), 1);
    });

    await t.test('survives that the tab which refreshes is frozen', async () => {
      const requests = await expire();
      const held = gate.hold();
      const frozen = token(tabs[0]);
      await held.arrived;
      const session = await freeze(tabs[0]);
      const rest = tabs.slice(1);
      const waiting = rest.map((tab) => token(tab));
      await waitsForLock(rest[0], rest.length);
      await Promise.all(rest.map(hurry));
      const tokens = await Promise.all(waiting);
      if (dpop === 'off') {
        // A second sender might end a bare session, so nobody sends.
        assert.deepEqual(tokens, Array(rest.length).fill({ error: 'busy', retryable: true }));
        assert.equal(requests(), 1);
      } else {
        assert.equal(tokens.every(({ value }) => value), true, JSON.stringify(tokens));
        assert.equal(values(tokens).size, 1);
        assert.equal(requests(), 2, 'the frozen one, and the first of the others');
      }
      await thaw(session);
      held.release();
      assert.equal((await frozen).error, undefined);
      const after = await Promise.all(tabs.map((tab) => token(tab)));
      assert.equal(values(after).size, 1);
      assert.deepEqual(await Promise.all(tabs.map(who)), Array(TABS).fill('user@example.com'));
    });

    await t.test('survives that the tab which refreshes is closed', async () => {
      const requests = await expire();
      const doomed = tabs.pop();
      const held = gate.hold();
      const lost = token(doomed).catch(() => {});
      await held.arrived;
      const waiting = tabs.map((tab) => token(tab));
      await waitsForLock(tabs[0], tabs.length);
      await doomed.close();
      await lost;
      const tokens = await Promise.all(waiting);
      assert.equal(values(tokens).size, 1, JSON.stringify(tokens.map(({ error }) => error)));
      assert.equal(requests(), 2, 'the one whose answer nobody got, and one more');
    });

    await t.test('ends in all tabs at once, and does not wait long for a frozen one', async () => {
      await expire();
      const held = gate.hold();
      const frozen = token(tabs[0]);
      await held.arrived;
      const session = await freeze(tabs[0]);
      const ending = tabs[2].evaluate(() => globalThis.app.gatepass.signOut());
      await waitsForLock(tabs[2], 1);
      await hurryBriefly(tabs[2]);
      assert.deepEqual(await ending, { revoked: true });
      await Promise.all(tabs.slice(1).map((tab) => shows(tab, 'signed-out')));
      await thaw(session);
      held.release();
      assert.equal((await frozen).error, 'not_signed_in');
      await shows(tabs[0], 'signed-out');
      assert.deepEqual(await Promise.all(tabs.map((tab) => token(tab))), Array(tabs.length).fill({ error: 'not_signed_in', retryable: false }));
    });
  });
}

test('a late answer never revives a session', { skip }, async (t) => {
  const { site, authority, gate, context, page } = await signedIn(t);
  const other = await openTab(context, site);
  const held = gate.hold();
  const late = token(page, { forceRefresh: true });
  await held.arrived;
  const ending = other.evaluate(() => globalThis.app.gatepass.signOut());
  await waitsForLock(other, 1);
  await hurryBriefly(other);
  await ending;

  await t.test('that was signed out meanwhile', async () => {
    // Somebody else signs in before the answer comes: neither may it take their place.
    await (await walk(authority, other, { email: 'other@example.com', prompt: 'login' })).click();
    await waitsForLock(page, 1);
    await hurryBriefly(other);
    await shows(other, 'signed-in');
    const theirs = await token(other);
    held.release();
    const answer = await late;
    assert.notEqual(answer.value, JSON.parse((await held.arrived).body).access_token);
    assert.deepEqual([await who(page), await who(other)], ['other@example.com', 'other@example.com']);
    assert.deepEqual((await token(page)).value, theirs.value);
  });

  await t.test('and is no session for a new tab either', async () => {
    const held = gate.hold();
    const late = token(page, { forceRefresh: true });
    await held.arrived;
    const ending = other.evaluate(() => globalThis.app.gatepass.signOut());
    await waitsForLock(other, 1);
    await hurryBriefly(other);
    await ending;
    held.release();
    assert.equal((await late).error, 'not_signed_in');
    assert.deepEqual([await who(page), await who(await openTab(context, site))], [null, null]);
  });
});

test('two tabs finish two sign-ins', { skip }, async (t) => {
  const { site, gate, context, page } = await signedIn(t);
  const both = [page, await openTab(context, site)];
  await page.evaluate(() => globalThis.app.gatepass.signOut());
  await Promise.all(both.map((tab) => shows(tab, 'signed-out')));
  // The authority knows the browser still, so both come back by themselves; both codes are traded before either is told.
  const held = [gate.hold(), gate.hold()];
  await Promise.all(both.map((tab) => leave(tab)));
  await Promise.all(held.map(({ arrived }) => arrived));
  held.forEach(({ release }) => release());
  await Promise.all(both.map((tab) => shows(tab, 'signed-in')));
  assert.deepEqual(await Promise.all(both.map(who)), Array(2).fill('user@example.com'));
  const tokens = await Promise.all(both.map((tab) => token(tab, { forceRefresh: true })));
  assert.deepEqual(tokens.map(({ error }) => error), [undefined, undefined]);
  assert.equal(values(await Promise.all(both.map((tab) => token(tab)))).size, 1, 'one session came of it, and it works');
  for (const tab of both) assert.deepEqual(await tab.evaluate(() => globalThis.app.events.filter(({ error }) => error)), []);
});
