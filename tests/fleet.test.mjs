// Many processes with one expired token: one request, and nobody is signed out, also when some of them are killed.
// `cargo xtask chaos cli` plays a thousand rounds of the same.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Fleet, forgivingHouse, judge, seeded, strictHouse } from './support/fleet.mjs';
import { keyringMissing } from './support/terminal.mjs';

const missing = keyringMissing();
/** Its rounds 1 to 6: kills early, at any time four times, between answer and save. */
const SEED = 7;

/** Plays a quiet round, then some with kills. */
async function rounds(t, house, numbers, options) {
  const fleet = new Fleet(t, house, options);
  await fleet.signIn();
  const quiet = await fleet.round();
  assert.deepEqual([quiet.killed, quiet.sent, quiet.lost], [0, 1, false]);
  const results = [];
  for (const number of numbers) results.push(await fleet.round(seeded(SEED, number)));
  return results;
}

const kills = (results) => results.reduce((sum, { killed }) => sum + killed, 0);

test('a broken promise is noticed', () => {
  const good = { code: 0, killed: false, saved: true, refreshed: false, access_token: 'a' };
  const sender = { ...good, refreshed: true };
  const dead = { code: null, killed: true };
  const over = { code: 3, killed: false, error: 'session_lost' };
  const round = (members, sent, { forgives = true, orphaned = false, hooked = false } = {}) => () => judge({ hooked, members, sent, seconds: 0 }, forgives, orphaned);
  round([good, sender], 1)();
  round([good, sender, dead], 2)();
  round([over, dead], 2, { forgives: false })();
  assert.throws(round([good, sender], 2), /more requests than one/);
  assert.throws(round([good, sender, dead], 2, { hooked: true }), /more requests than one/);
  assert.throws(round([sender, sender], 1), /two who lived refreshed/);
  assert.throws(round([sender, { ...good, access_token: 'b' }], 1), /same token/);
  assert.throws(round([good, { code: 4, killed: false, error: 'busy' }], 1), /a process failed/);
  assert.throws(round([good, { ...sender, saved: false }], 1), /a process failed/);
  assert.throws(round([over, dead], 2), /a session was lost/);
  assert.throws(round([over, good], 1, { forgives: false }), /signed out/);
  assert.throws(round([over, over], 1, { forgives: false }), /no answer went to a dead process/);
});

test('64 processes, every third one killed, keep their session at our authority', async (t) => {
  const results = await rounds(t, await forgivingHouse(t), [1, 2, 3, 6]);
  assert.equal(results.some(({ lost }) => lost), false);
  assert.ok(kills(results) > 0, 'some were killed');
  assert.ok(results.some(({ stopped, sent }) => stopped > 0 && sent > 1), 'some had an answer and had not saved it');
});

// Fewer: this keyring answers one after the other, some 30 ms each, and a call waits for it for 3 s at most.
test('32 processes in front of one keyring make one refresh', { skip: missing && `${missing} is not installed` }, async (t) => {
  const results = await rounds(t, await forgivingHouse(t, { keyring: true }), [1], { processes: 32 });
  assert.equal(results[0].lost, false);
});

test('a server that gives each answer once loses a session only to a kill between answer and save', async (t) => {
  // What was broken would be thrown by the round itself.
  const results = await rounds(t, await strictHouse(t), [1, 2, 6]);
  assert.ok(results[2].stopped > 0, 'some were killed there');
});
