// Where a session is kept: the real gnome-keyring in every temper, and the places that a manifest can name.
import assert from 'node:assert/strict';
import { existsSync, readFileSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { signIn, startAuthority } from './support/authority.mjs';
import { lockKeyring, prompterMissing, removeBus, startEmptyBus, startKeyring, startPrompter, startSilentBus } from './support/keyring.mjs';
import { eventually, folder } from './support/process.mjs';
import { Terminal, keyringMissing, searchFiles } from './support/terminal.mjs';
import { Visitor } from './support/visitor.mjs';

const missing = keyringMissing();
const skip = missing && `${missing} is not installed`;
const noPrompter = prompterMissing();
const skipPrompter = skip || (noPrompter && `${noPrompter} is not installed`);

/** How long a command may take: a keyring is asked for three seconds at most, and the rest is starting a program. */
const LIMIT = 4_500;

/** Signs in with a healthy keyring. */
async function signedIn(t, manifest = {}) {
  const authority = await startAuthority(t);
  const terminal = new Terminal(t, { issuer: authority.issuer, ...manifest });
  const bus = await startKeyring(terminal);
  const { program, url } = await terminal.login();
  await signIn(authority, new Visitor(), url);
  assert.equal((await program.ended).code, 0, program.stderr);
  return { authority, terminal, bus };
}

/** Runs a command, and holds it to its time. */
async function timed(terminal, ...args) {
  const begun = performance.now();
  const answer = await terminal.json(...args);
  const took = Math.round(performance.now() - begun);
  assert.ok(took < LIMIT, `${args.join(' ')} took ${took} ms`);
  return answer;
}

/** What every command says while the keyring is in this state, signed in or not. */
async function everyCommandSays(terminal, code, error) {
  const commands = [['status'], ['token'], ['logout'], ['login', '--no-browser']];
  // At once, as people and prompts do: none of them may wait for another that hangs.
  const answers = await Promise.all(commands.map((args) => timed(terminal, ...args)));
  assert.deepEqual(answers.map((answer) => [answer.code, answer.error]), commands.map(() => [code, error]));
}

/** The session's own files, apart from the list of accounts, and what stands in them. */
function kept(terminal) {
  const folder = join(terminal.env.XDG_DATA_HOME, 'gatepass');
  const files = readdirSync(folder).filter((name) => name !== 'accounts.json' && statSync(join(folder, name)).size > 0);
  return files.map((name) => [name.replace(/^[0-9a-f]{32}\./, ''), readFileSync(join(folder, name))]);
}

const PLACES = { sealed: { place: 'sealed', cache: false }, keyring: { place: 'keyring' } };

for (const [place, storage] of Object.entries(PLACES)) {
  // A plain file is allowed on purpose: none of this may ever lead there.
  const manifest = { storage: { ...storage, fallback: 'file' } };

  describe(`a session that is kept ${place === 'sealed' ? 'sealed' : 'in the keyring'}`, { skip }, () => {
    test('healthy: refreshes, and nothing of it can be read on the disk', async (t) => {
      const { authority, terminal } = await signedIn(t, manifest);
      const first = await timed(terminal, 'token');
      authority.later(3601);
      terminal.later(3601);
      const answers = await Promise.all(Array.from({ length: 4 }, () => timed(terminal, 'token')));
      const second = answers.find((answer) => answer.refreshed);
      assert.deepEqual([second.code, second.saved], [0, true]);
      assert.equal(answers.filter((answer) => answer.refreshed).length, 1, 'one refresh for all of them');
      assert.deepEqual(new Set(answers.map((answer) => answer.access_token)), new Set([second.access_token]));
      assert.equal((await timed(terminal, 'status')).storage, place);
      assert.deepEqual(searchFiles(terminal.home, [first.access_token, second.access_token, 'gpr_', 'user@example.com']), []);
      assert.deepEqual(kept(terminal).map(([name]) => name), place === 'sealed' ? ['session'] : []);
      assert.equal((await timed(terminal, 'logout')).revoked, true);
      assert.deepEqual(kept(terminal), []);
      assert.deepEqual([(await timed(terminal, 'status')).code, (await timed(terminal, 'token')).code], [3, 3]);
    });

    test('locked: said so, nothing is changed, and unlocked it goes on', async (t) => {
      const { terminal, bus } = await signedIn(t, manifest);
      const before = kept(terminal);
      const locked = await lockKeyring(terminal, bus);
      await everyCommandSays(terminal, 4, 'store_locked');
      assert.deepEqual(kept(terminal), before);
      locked.kill();
      await locked.ended;
      await startKeyring(terminal);
      assert.equal((await timed(terminal, 'token')).code, 0);
    });

    test('absent: no bus, or nobody on it who keeps secrets', async (t) => {
      const { terminal } = await signedIn(t, manifest);
      const [before, { env }] = [kept(terminal), terminal];
      removeBus(terminal);
      await everyCommandSays(terminal, 5, 'store_unavailable');
      terminal.env = env;
      await startEmptyBus(terminal);
      await everyCommandSays(terminal, 5, 'store_unavailable');
      assert.deepEqual(kept(terminal), before, 'a session that is there stays where it is');
      terminal.env = env;
      assert.equal((await timed(terminal, 'token')).code, 0);
    });

    test('silent: nobody waits for a bus that never speaks', async (t) => {
      const { terminal } = await signedIn(t, manifest);
      const silent = await startSilentBus(terminal);
      await everyCommandSays(terminal, 4, 'store_locked');
      assert.ok(silent.connections >= 4, 'each of them has asked');
    });

    test('unanswered: nobody waits for a prompt', { skip: skipPrompter }, async (t) => {
      const { terminal, bus } = await signedIn(t, manifest);
      await startPrompter(terminal, bus);
      await everyCommandSays(terminal, 4, 'store_locked');
      assert.ok(existsSync(join(terminal.home, 'prompted')), 'there was a prompt');
    });

    test('nobody is asked to sign in before the place is proved', async (t) => {
      const authority = await startAuthority(t);
      const terminal = new Terminal(t, { issuer: authority.issuer, storage });
      const silent = await startSilentBus(terminal);
      assert.equal((await timed(terminal, 'status')).signed_in, false);
      assert.equal((await timed(terminal, 'token')).error, 'not_signed_in');
      assert.equal((await timed(terminal, 'logout')).was_signed_in, false);
      assert.equal(silent.connections, 0, 'that nobody is signed in is known without asking');
      assert.equal((await timed(terminal, 'login', '--no-browser')).error, 'store_locked');
      removeBus(terminal);
      assert.equal((await timed(terminal, 'login', '--no-browser')).error, 'store_unavailable');
      assert.doesNotMatch(authority.program.stderr, /\.well-known|authorize/, 'the issuer was not even asked where to sign in');
    });
  });
}

test('a cached token opens no connection to the bus, and a logout takes its key away', { skip: skip || (!existsSync('/proc/keys') && 'no kernel keyring') }, async (t) => {
  /** What the kernel lists of ours; what is about to go has an `i`. */
  const keys = () => readFileSync('/proc/keys', 'utf8').split('\n').filter((line) => /^\S+ [^i]{7} .* gatepass:[0-9a-f]{32}: 32$/.test(line));
  const name = (line) => /gatepass:\S+/.exec(line)[0];
  const before = new Set(keys().map(name));
  const { terminal } = await signedIn(t);
  const own = keys().filter((line) => !before.has(name(line)));
  assert.ok(own.length > 0, 'the kernel has a key');
  assert.ok(own.every((line) => !line.includes(' perm ')), 'and not for ever');
  const { env } = terminal;
  const silent = await startSilentBus(terminal);
  assert.equal((await timed(terminal, 'token')).code, 0);
  assert.equal((await timed(terminal, 'status')).email, 'user@example.com');
  assert.equal(silent.connections, 0);
  assert.equal((await timed(terminal, 'token', '--refresh')).error, 'store_locked', 'what refreshes is in the keyring alone');
  assert.ok(silent.connections > 0);
  terminal.env = env;
  assert.equal((await timed(terminal, 'logout')).revoked, true);
  // The kernel lists a key that was replaced until it has swept.
  await eventually(() => {
    const left = new Set(keys().map(name));
    return own.some((line) => !left.has(name(line)));
  });
});

test('a file that the manifest names is the only store', async (t) => {
  const authority = await startAuthority(t);
  const home = folder(t, 'documented');
  const [file, state] = [join(home, '.cloudsignal/credentials.json'), join(home, '.config/acme/auth-state.json')];
  const named = new Terminal(t, { issuer: authority.issuer, storage: { place: 'file', file, state } });
  const silent = await startSilentBus(named);
  const { program, url } = await named.login();
  await signIn(authority, new Visitor(), url);
  assert.equal((await program.ended).code, 0, program.stderr);
  assert.deepEqual([statSync(file).mode & 0o777, statSync(join(file, '..')).mode & 0o777, statSync(state).mode & 0o777], [0o600, 0o700, 0o600]);
  const session = JSON.parse(readFileSync(file, 'utf8'));
  assert.match(session.rest.refresh_token, /^gpr_/);
  const [account] = JSON.parse(readFileSync(state, 'utf8')).accounts;
  assert.deepEqual([account.profile, account.email], ['default', 'user@example.com']);
  assert.match(account.login_at, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
  authority.later(3601);
  named.later(3601);
  assert.equal((await timed(named, 'token')).refreshed, true);
  assert.equal(JSON.parse(readFileSync(state, 'utf8')).accounts[0].login_at, account.login_at, 'a refresh is no sign-in');
  assert.equal((await timed(named, 'logout')).revoked, true);
  assert.deepEqual([existsSync(file), existsSync(state)], [false, false]);
  assert.equal(silent.connections, 0, 'no keyring has to do with it');
});
