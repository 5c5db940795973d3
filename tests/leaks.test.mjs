// Where a secret must never stand: what `ps` shows, what a crash leaves, what is printed, what lies on the disk, and
// what a browser remembers.
import assert from 'node:assert/strict';
import { chownSync, cpSync, existsSync, readFileSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { signIn, startAuthority } from './support/authority.mjs';
import { chromiumMissing, close, openBrowser } from './support/chromium.mjs';
import { eventually, folder, start } from './support/process.mjs';
import { Terminal, keyringMissing, searchFiles } from './support/terminal.mjs';
import { GATEPASS } from './support/tree.mjs';
import { Visitor } from './support/visitor.mjs';

const missing = keyringMissing();
const skip = missing && `${missing} is not installed`;
const linux = process.platform !== 'linux' && 'this looks into /proc';
const NOBODY = 65534;

/** How every refresh token of our authority begins, and every token that is a JWT. */
const SHAPES = ['gpr_', 'eyJ', 'code_verifier'];

/** Every process of this machine but this one: its command line and, where we may see it, its environment. */
function processes() {
  const found = [];
  for (const name of readdirSync('/proc')) {
    const id = Number(name);
    if (!id || id === process.pid) continue;
    const read = (file) => {
      try {
        return readFileSync(`/proc/${name}/${file}`, 'latin1');
      } catch {
        // It has ended, or hides it from us.
        return '';
      }
    };
    found.push({ id, text: `${read('cmdline')}\0${read('environ')}` });
  }
  return found;
}

/** Looks at all processes while `program`, or what it became, stands still. */
function visible(program, texts) {
  const all = processes();
  assert.ok(all.some(({ id, text }) => id === program.child.pid && text.includes('gatepass')), 'it is among them');
  return all.filter(({ text }) => texts.some((secret) => text.includes(secret)));
}

/** Signs in and stops before the session is stored: the process has the code and all tokens in its memory. */
async function stoppedLogin(t, terminal, authority) {
  const stopped = join(terminal.home, 'stopped-login');
  const program = terminal.begin(['login', '--no-browser'], { GATEPASS_TEST_STOP_BEFORE_SAVE: stopped });
  const url = await program.until(({ stderr }) => /^ {2}(https?:\S+)$/m.exec(stderr)?.[1]);
  const callback = new URL(url).searchParams.get('redirect_uri');
  const visitor = new Visitor();
  const { url: answer } = await signIn(authority, visitor, url, { stop: (address) => address.startsWith(callback) });
  // The page waits for the end, which does not come.
  visitor.open(answer).catch(() => {});
  await eventually(() => existsSync(stopped));
  return { program, url, code: new URL(answer).searchParams.get('code') };
}

test('no secret is in a command line or an environment while a login or a refresh is under way', { skip: skip || linux }, async (t) => {
  const authority = await startAuthority(t);
  const terminal = await new Terminal(t, { issuer: authority.issuer }).withKeyring();
  const login = await stoppedLogin(t, terminal, authority);
  assert.equal(visible(login.program, ['--no-browser']).length, 1, 'what is there is seen');
  assert.deepEqual(visible(login.program, [...SHAPES, login.code]), []);
  login.program.kill('SIGKILL');
  await login.program.ended;

  const again = await terminal.login();
  await signIn(authority, new Visitor(), again.url);
  assert.equal((await again.program.ended).code, 0);
  const { access_token: first } = await terminal.json('token');
  assert.ok(first.startsWith('eyJ') || first.length > 20, 'a token has a shape of its own');
  authority.later(3601);
  terminal.later(3601);
  const stopped = join(terminal.home, 'stopped-refresh');
  const refresh = terminal.begin(['token'], { GATEPASS_TEST_STOP_BEFORE_SAVE: stopped });
  await eventually(() => existsSync(stopped));
  assert.deepEqual(visible(refresh, [...SHAPES, first]), []);
  refresh.kill('SIGKILL');
  await refresh.ended;

  // What the person puts there themselves is theirs to know; and it is said.
  const given = await terminal.run('--token', 'put-there-by-hand', 'status');
  assert.match(given.stderr, /warning: a token on the command line can be read by every process/);
});

test('a login that waits between two processes lies nowhere in plain text', { skip: skip || linux }, async (t) => {
  const authority = await startAuthority(t);
  const terminal = await new Terminal(t, { issuer: authority.issuer }).withKeyring();
  const { handle, url } = await terminal.json('login', '--start');
  const { searchParams } = new URL(url);
  // What is in the address is known to who has it. What answers it is not: the state that it is checked by, its nonce.
  const parked = ['code_verifier', searchParams.get('state'), searchParams.get('nonce'), searchParams.get('code_challenge')].filter(Boolean);
  assert.ok(parked.length > 2);
  assert.deepEqual(searchFiles(terminal.home, parked), []);

  const callback = searchParams.get('redirect_uri');
  const { url: answer } = await signIn(authority, new Visitor(), url, { stop: (address) => address.startsWith(callback) });
  const code = new URL(answer).searchParams.get('code');
  const stopped = join(terminal.home, 'stopped-finish');
  const finish = async (env) => {
    const program = start(t, GATEPASS, ['login', '--finish', handle, '--email', 'user@example.com'], { env: { ...terminal.env, ...env }, input: answer });
    if (env) {
      await eventually(() => existsSync(stopped));
      assert.deepEqual(visible(program, [...SHAPES, code, ...parked]), []);
      program.kill('SIGKILL');
    }
    await program.ended;
    return program;
  };
  await finish({ GATEPASS_TEST_STOP_BEFORE_SAVE: stopped });
  assert.deepEqual(searchFiles(terminal.home, [...parked, ...SHAPES, code]), [], 'killed before its end, it leaves nothing readable');
  const again = await finish();
  assert.equal(again.end.code !== 0, true, 'a handle and a code are good once');
  assert.equal([again.stdout, again.stderr].some((text) => [code, ...parked].some((secret) => text.includes(secret))), false);
});

test('the address that signs a browser in is in no command line, no environment and no file', { skip: skip || linux || (chromiumMissing && `${chromiumMissing} is not installed`) }, async (t) => {
  const authority = await startAuthority(t);
  const terminal = await new Terminal(t, { issuer: authority.issuer }).withKeyring();
  const login = await terminal.login();
  await signIn(authority, new Visitor(), login.url);
  assert.equal((await login.program.ended).code, 0);

  const opener = join(terminal.home, 'opener');
  // It stays, as a browser does.
  writeFileSync(opener, '#!/bin/sh\nprintf %s "$1" > "$HOME/opened.new" && mv "$HOME/opened.new" "$HOME/opened"\nexec sleep 60\n', { mode: 0o755 });
  const program = terminal.begin(['open'], { BROWSER: opener });
  await eventually(() => existsSync(join(terminal.home, 'opened')));
  const address = readFileSync(join(terminal.home, 'opened'), 'utf8');
  assert.match(address, /^file:\/\/\/.*\/open-[\w-]{22}\.html$/);
  const file = new URL(address).pathname;
  assert.equal((statSync(file).mode & 0o777).toString(8), '600');
  assert.equal((statSync(join(file, '..')).mode & 0o777).toString(8), '700');
  assert.deepEqual(searchFiles(terminal.home, ['session/open', 'token=']), []);
  assert.deepEqual(visible(program, ['session/open', ...SHAPES]), []);

  const { context } = await openBrowser(t);
  const page = await context.newPage();
  await page.goto(address);
  await page.waitForURL(`${authority.issuer}/session/open?token=*`);
  assert.equal(await page.locator('#account').textContent(), 'user@example.com');
  const token = new URL(page.url()).searchParams.get('token');
  assert.deepEqual(processes().filter(({ text }) => text.includes(token)), []);
  assert.equal((await program.ended).code, 0, program.stderr);
  assert.equal([program.stdout, program.stderr].some((text) => text.includes(token)), false);
  assert.equal(existsSync(file), false, 'the file is gone');
  const led = page.waitForRequest(`${authority.issuer}/dashboard/*`);
  await page.locator('#sign-in:not([aria-disabled])').click();
  await led;

  // By hand, it is printed for whoever asks for that.
  const printed = await terminal.json('open', '--print');
  assert.match(printed.address, /\/session\/open\?token=/);
  assert.equal(printed.expires_in, 60);
});

test('a crash leaves no core, and nobody else looks into the process', { skip: linux }, async (t) => {
  const place = folder(t, 'core');
  const authority = await startAuthority(t);
  const terminal = new Terminal(t, { issuer: authority.issuer, storage: 'file' });
  let prefix = [];
  if (process.getuid() === 0) {
    // As somebody to whom a difference can be made: to root, every process belongs anyway.
    prefix = ['setpriv', `--reuid=${NOBODY}`, `--regid=${NOBODY}`, '--clear-groups'];
    for (const path of [place, terminal.home, terminal.manifest]) chownSync(path, NOBODY, NOBODY);
  }
  const command = join(place, 'gatepass');
  cpSync(GATEPASS, command);
  const crash = async (words, ready) => {
    const program = start(t, 'sh', ['-c', 'ulimit -S -c unlimited; cd "$0" && exec "$@"', place, ...prefix, ...words], { env: terminal.env });
    await ready(program);
    const owner = statSync(`/proc/${program.child.pid}/environ`).uid;
    process.kill(program.child.pid, 'SIGABRT');
    assert.equal((await program.ended).signal, 'SIGABRT');
    return { owner, cores: readdirSync(place).filter((name) => name.startsWith('core')) };
  };
  const login = await crash([command, 'login', '--no-browser'], (program) => program.until(({ stderr }) => stderr.includes('waiting for you')));
  assert.deepEqual(login.cores, []);
  assert.equal(login.owner, 0, 'the kernel keeps its memory and environment for root');

  // The same with a program that does not care: only then did the above mean something.
  const runs = (program) => eventually(() => readFileSync(`/proc/${program.child.pid}/cmdline`, 'utf8').startsWith('sleep\0'));
  const other = await crash(['sleep', '60'], runs);
  assert.equal(other.owner, prefix.length ? NOBODY : process.getuid());
  if (readFileSync('/proc/sys/kernel/core_pattern', 'utf8').trim() === 'core') assert.equal(other.cores.length, 1);
  else t.diagnostic('this machine keeps cores elsewhere; that none came is known by the owner alone');
});

test('nothing secret is printed, however much is asked for', { skip }, async (t) => {
  const authority = await startAuthority(t);
  const terminal = await new Terminal(t, { issuer: authority.issuer }).withKeyring();
  terminal.env = { ...terminal.env, RUST_LOG: 'trace', RUST_BACKTRACE: 'full', GATEPASS_LOG: 'trace', DEBUG: '*' };
  const { program, url } = await terminal.login('--json');
  const callback = new URL(url).searchParams.get('redirect_uri');
  const visitor = new Visitor();
  const { url: answer } = await signIn(authority, visitor, url, { stop: (address) => address.startsWith(callback) });
  const code = new URL(answer).searchParams.get('code');
  await visitor.open(answer);
  assert.equal((await program.ended).code, 0);
  const texts = [program.stdout, program.stderr];
  const tokens = [];
  const later = (seconds) => {
    authority.later(seconds);
    terminal.later(seconds);
  };
  const keep = async (...words) => {
    const { stdout, stderr } = await terminal.run(...words);
    texts.push(stdout, stderr);
    return stdout;
  };
  tokens.push((await terminal.json('token')).access_token);
  const plain = [['status'], ['whoami'], ['profile'], ['doctor'], ['doctor', '--trace'], ['doctor', '--report', '-', '--trace']];
  for (const words of plain) await keep(...words);
  for (const words of plain) await keep('--json', ...words);
  later(3601);
  // A refresh that is traced, and one that fails because nobody answers.
  assert.match(await keep('doctor', '--trace'), /refreshed saved$/m);
  tokens.push((await terminal.json('token')).access_token);
  later(7300);
  authority.program.kill();
  await authority.program.ended;
  for (const words of [['token'], ['--json', 'token'], ['doctor', '--trace'], ['--json', 'doctor', '--trace']]) await keep(...words);
  // One that cannot be read.
  const sessions = join(terminal.env.XDG_DATA_HOME, 'gatepass');
  const session = readdirSync(sessions).find((name) => name.endsWith('.session'));
  const bytes = readFileSync(join(sessions, session));
  bytes[bytes.length - 1] ^= 1;
  bytes[60] ^= 1;
  writeFileSync(join(sessions, session), bytes);
  for (const words of [['token'], ['--json', 'status'], ['doctor', '--trace'], ['--json', 'logout']]) await keep(...words);
  assert.ok(texts.some((text) => text.includes('store_corrupt')), 'the last ones met a broken store');

  assert.equal(new Set(tokens).size, 2);
  const secrets = ['gpr_', 'eyJ', code, ...tokens];
  assert.deepEqual(secrets.filter((secret) => texts.some((text) => text.includes(secret))), []);
  assert.deepEqual(searchFiles(terminal.home, [...secrets, 'user@example.com']), [], 'nor does it lie in the home folder');
});

test('a browser remembers the one-time code and nothing else', { skip: skip || (chromiumMissing && `${chromiumMissing} is missing`) }, async (t) => {
  const authority = await startAuthority(t);
  const terminal = await new Terminal(t, { issuer: authority.issuer }).withKeyring();
  const { program, url } = await terminal.login();
  const { context, profile } = await openBrowser(t);
  const page = await context.newPage();
  await page.goto(url);
  await page.locator('#email').fill('user@example.com');
  await page.locator('#continue').click();
  await page.locator('#enter-code').waitFor();
  const { link } = await authority.letter('user@example.com');
  await page.goto(link);
  await page.locator('#open-link #sign-in').click();
  await page.locator('#consent button[value=allow]').click();
  await page.getByText('You are signed in').waitFor();
  assert.equal((await program.ended).code, 0, program.stderr);
  const { access_token: token } = await terminal.json('token');
  await close(context, profile);

  assert.deepEqual(searchFiles(profile, [token, 'gpr_', 'code_verifier']), []);
  const history = join(profile, 'Default', 'History');
  const addresses = readFileSync(history, 'latin1').match(/https?:\/\/(127\.0\.0\.1|localhost):\d+[\x21-\x7e]*/g) ?? [];
  const names = new Set(addresses.flatMap((address) => (URL.canParse(address) ? [...new URL(address).searchParams.keys()] : [])));
  assert.ok(names.has('code') && names.has('state'), `the history was kept: ${[...names]}`);
  // Of a link in a letter, `token` is as spent as the code is.
  const harmless = ['client_id', 'code', 'code_challenge', 'code_challenge_method', 'dpop_jkt', 'flow', 'iss', 'nonce', 'prompt', 'redirect_uri', 'request_uri', 'response_type', 'scope', 'state', 'token'];
  assert.deepEqual([...names].filter((name) => !harmless.includes(name)), []);
  // In the file, one text follows upon the other.
  const spent = new URL(link).searchParams.get('token');
  const kept = addresses.flatMap((address) => (URL.canParse(address) ? new URL(address).searchParams.getAll('token') : []));
  assert.deepEqual(kept.filter((value) => !value.startsWith(spent)), []);
  assert.doesNotMatch((await new Visitor().open(link)).html, /id="open-link"/, 'it opens nothing any more');
});
