// The line between the browser extension and the terminal, from the terminal's side: the host as a browser starts it,
// a person at a terminal, our own authority.
import assert from 'node:assert/strict';
import { createHash, webcrypto } from 'node:crypto';
import { copyFileSync, existsSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { signIn, startAuthority } from './support/authority.mjs';
import { startGate } from './support/extension.mjs';
import { Browser, EXTENSION, thumbprint } from './support/link.mjs';
import { scriptMissing, seen } from './support/pty.mjs';
import { start } from './support/process.mjs';
import { Terminal } from './support/terminal.mjs';
import { Visitor } from './support/visitor.mjs';

const missing = scriptMissing();
const skip = missing && `${missing} is missing`;

/** A terminal that is signed in, and a browser that was told of it. */
async function house(t, authority) {
  authority ??= await startAuthority(t);
  const terminal = new Terminal(t, { issuer: authority.issuer, storage: 'file' });
  const { program, url } = await terminal.login();
  await signIn(authority, new Visitor(), url);
  assert.equal((await program.ended).code, 0, program.stderr);
  const installed = await terminal.run('extension', 'install', '--browser', 'chromium', '--id', EXTENSION);
  assert.equal(installed.code, 0, installed.stderr);
  const browser = await Browser.of(t, join(terminal.home, '.config/chromium'), 'dev.gatepass.gatepass');
  return { authority, terminal, browser };
}

/** Lets the extension in, as a person at a terminal. */
async function pair(t, terminal, line, answer = 'y') {
  const asked = await line.ask({ type: 'pair' });
  assert.equal(asked.type, 'pairing');
  const command = `${terminal.bin} extension pair`;
  const program = start(t, 'script', ['--quiet', '--flush', '--return', '--command', command, '/dev/null'], { env: terminal.env, keys: true });
  await program.until(({ stdout }) => seen(stdout).includes('[y/N]'));
  assert.ok(seen(program.stdout).includes(asked.phrase), 'the terminal shows what the extension shows');
  program.type(`${answer}\n`);
  const end = await line.answerTo(asked.id);
  await program.ended;
  // A terminal wraps its lines.
  return { asked, end, said: seen(program.stdout).replaceAll(/\s+/g, ' ') };
}

describe('the line to the extension', { skip, timeout: 120_000 }, () => {
  test('browsers are told by a file that names this extension alone', async (t) => {
    const { terminal } = await house(t);
    const file = join(terminal.home, '.config/chromium/NativeMessagingHosts/dev.gatepass.gatepass.json');
    const manifest = JSON.parse(readFileSync(file, 'utf8'));
    assert.deepEqual(manifest.allowed_origins, [`chrome-extension://${EXTENSION}/`]);
    assert.deepEqual([manifest.name, manifest.type], ['dev.gatepass.gatepass', 'stdio']);
    assert.equal(statSync(manifest.path).mode & 0o777, 0o700, 'what the browser starts is its owner\'s');
    for (const bad of ['*', 'https://evil.example', 'abc']) {
      const refused = await terminal.run('extension', 'install', '--browser', 'chromium', '--id', bad);
      assert.equal(refused.code, 2, bad);
    }
  });

  test('nothing crosses before a person has compared the words', async (t) => {
    const { terminal, browser } = await house(t);
    const line = await browser.connect();
    assert.equal((await line.hello()).paired, false);
    assert.equal((await line.token({ scope: 'openid' })).code, 'not_paired');
    assert.equal((await terminal.run('extension', 'token', '--scope', 'openid', '--url', 'https://api.example')).code, 1);

    const { end } = await pair(t, terminal, line, 'n');
    assert.equal(end.code, 'pairing_denied');
    assert.equal((await line.token({ scope: 'openid' })).code, 'not_paired');

    const { asked, end: paired } = await pair(t, terminal, line);
    assert.equal(paired.type, 'paired');
    const text = ['gatepass-pairing-v1', `chrome-extension://${EXTENSION}/`, await line.thumbprint(), line.challenge].join('\n');
    assert.equal(asked.phrase, proquints(createHash('sha256').update(text).digest()));
    const listed = await terminal.json('extension', 'list');
    assert.equal(listed.extensions.length, 1);
    const { issuer, subject, email } = await terminal.json('whoami');
    assert.deepEqual(listed.extensions[0].account, { profile: 'default', issuer, subject, name: email });
    const shown = (await terminal.run('extension', 'list')).stdout;
    assert.ok(shown.includes(`${email} at ${issuer} `), shown);
    assert.equal(statSync(join(terminal.home, '.local/share/gatepass/extension/paired.json')).mode & 0o777, 0o600);
  });

  test('the extension gets a narrowed token for its own key, and no other', async (t) => {
    const { authority, terminal, browser } = await house(t);
    const line = await browser.connect();
    await line.hello();
    await pair(t, terminal, line);
    const answer = await line.token({ scope: 'openid email' });
    assert.equal(answer.type, 'token', JSON.stringify(answer));
    assert.equal(answer.token_type, 'DPoP');
    assert.ok(answer.expires_in <= 300 && answer.expires_in > 0);
    const claims = JSON.parse(Buffer.from(answer.access_token.split('.')[1], 'base64url'));
    assert.equal(claims.cnf.jkt, line.jkt);
    assert.deepEqual(claims.scope.split(' ').sort(), ['email', 'openid']);
    assert.equal('refresh_token' in answer, false);
    const mine = await terminal.json('token');
    assert.notEqual(answer.access_token, mine.access_token);
    const bare = await fetch(`${authority.issuer}/userinfo`, { headers: { authorization: `Bearer ${answer.access_token}` } });
    assert.equal(bare.status, 401);
    const proof = await line.proof('GET', `${authority.issuer}/userinfo`, answer.access_token);
    const mineNow = await fetch(`${authority.issuer}/userinfo`, { headers: { authorization: `DPoP ${answer.access_token}`, dpop: proof } });
    assert.equal(mineNow.status, 200);
    // More than the session has is not given.
    assert.equal((await line.token({ scope: 'openid admin' })).code, 'denied');
    assert.equal((await line.token({ scope: '' })).code, 'denied');
  });

  test('a yes is for the account that was signed in, and another is asked about anew', async (t) => {
    const { authority, terminal, browser } = await house(t);
    const line = await browser.connect();
    await line.hello();
    const { said } = await pair(t, terminal, line);
    assert.ok(said.includes(`tokens of user@example.com at ${authority.issuer} [y/N]`), said);
    const { subject } = await terminal.json('whoami');
    const subjectOf = ({ access_token }) => JSON.parse(Buffer.from(access_token.split('.')[1], 'base64url')).sub;
    assert.equal(subjectOf(await line.token({ scope: 'openid' })), subject);
    line.gives = ({ scope }) => ({ type: 'token', access_token: 'the-token', token_type: 'DPoP', expires_in: 300, scope });
    const asks = () => terminal.run('extension', 'token', '--scope', 'openid', '--url', 'https://api.example');
    const become = async (email) => {
      const { program, url } = await terminal.login();
      await signIn(authority, new Visitor(), url, { email });
      assert.equal((await program.ended).code, 0, program.stderr);
    };

    // While she is signed out there is nothing to give, and nobody else to ask about.
    assert.equal((await terminal.run('logout')).code, 0);
    assert.equal((await line.token({ scope: 'openid' })).code, 'not_signed_in');
    assert.equal((await line.hello()).paired, true);
    assert.equal((await asks()).code, 0);

    await become('bob@example.com');
    assert.equal((await line.token({ scope: 'openid' })).code, 'not_paired');
    const second = await browser.connect(line.key);
    for (const one of [line, second]) assert.equal((await one.hello()).paired, false);
    const heard = line.heard.length;
    assert.match((await asks()).stderr, /has not been let in/);
    assert.equal(line.heard.length, heard, 'the extension is not even asked');

    const { said: now, end } = await pair(t, terminal, line);
    assert.ok(now.includes('tokens of bob@example.com at '), now);
    assert.equal(end.type, 'paired');
    assert.notEqual(subjectOf(await line.token({ scope: 'openid' })), subject);
    assert.equal((await terminal.json('extension', 'list')).extensions.length, 1);

    // Another profile of the same person is another account, too.
    await terminal.run('logout');
    const { program, url } = await terminal.login('--profile', 'work');
    await signIn(authority, new Visitor(), url, { email: 'bob@example.com' });
    assert.equal((await program.ended).code, 0, program.stderr);
    const installed = await terminal.run('--profile', 'work', 'extension', 'install', '--browser', 'chromium', '--id', EXTENSION);
    assert.equal(installed.code, 0, installed.stderr);
    const work = await browser.connect(line.key);
    assert.equal((await work.hello()).paired, false);
    assert.equal((await work.token({ scope: 'openid' })).code, 'not_paired');
  });

  test('who was let in before accounts were written down is asked about anew', async (t) => {
    const { terminal, browser } = await house(t);
    const line = await browser.connect();
    await line.hello();
    await pair(t, terminal, line);
    const book = join(terminal.home, '.local/share/gatepass/extension/paired.json');
    const { paired: [{ account, ...old }], ...rest } = JSON.parse(readFileSync(book, 'utf8'));
    assert.ok(account);
    writeFileSync(book, JSON.stringify({ ...rest, paired: [old] }));
    assert.equal((await line.hello()).paired, false);
    assert.equal((await line.token({ scope: 'openid' })).code, 'not_paired');
    assert.match((await terminal.run('extension', 'list')).stdout, /no account \(pair it again\)/);
    await pair(t, terminal, line);
    assert.equal((await line.token({ scope: 'openid' })).type, 'token');
  });

  test('nobody is let in where no person can be asked', async (t) => {
    const { terminal, browser } = await house(t);
    const line = await browser.connect();
    await line.hello();
    const asked = await line.ask({ type: 'pair' });
    assert.equal(asked.type, 'pairing');
    const program = start(t, terminal.bin, ['extension', 'pair'], { env: terminal.env, input: 'y\n' });
    assert.equal((await program.ended).code, 2, program.stderr);
    assert.equal(program.stderr, 'error: letting an extension in is asked of a person at a terminal\n');
    assert.equal((await line.token({ scope: 'openid' })).code, 'not_paired');
    const { asking: [still] } = JSON.parse(readFileSync(join(terminal.home, '.local/share/gatepass/extension/paired.json'), 'utf8'));
    assert.equal(still.phrase, asked.phrase, 'the question stays for a person');
  });

  test('the folder of the socket is its owner\'s, whoever makes it', async (t) => {
    const { terminal, browser } = await house(t);
    // As where the browser knows the program by a file of the whole machine, and `install` never ran here.
    const elsewhere = join(terminal.home, 'host.sh');
    copyFileSync(browser.path, elsewhere);
    const folder = join(terminal.home, '.local/share/gatepass/extension');
    rmSync(folder, { recursive: true });
    const line = await new Browser(t, elsewhere).connect();
    await line.hello();
    assert.equal(readdirSync(folder).filter((name) => name.endsWith('.sock')).length, 1);
    assert.equal(statSync(folder).mode & 0o777, 0o700);
  });

  test('an issuer that gives more than was asked for has no say in what the extension may', async (t) => {
    const gate = await startGate(t);
    const authority = await startAuthority(t, { config: `issuer = '${gate.address}'\n` });
    gate.target = authority.address;
    const { terminal, browser } = await house(t, authority);
    const line = await browser.connect();
    await line.hello();
    await pair(t, terminal, line);
    const given = (terms) => {
      gate.change = { path: /oauth\/token$/, change: (body) => {
        const answer = JSON.parse(body);
        return JSON.stringify(answer.issued_token_type ? { ...answer, ...terms } : answer);
      } };
      return line.token({ scope: 'openid' });
    };
    for (const terms of [{ expires_in: 31_536_000 }, { expires_in: 301 }, { scope: 'openid email' }]) {
      const { code, access_token } = await given(terms);
      assert.deepEqual([code, access_token], ['malformed', undefined], JSON.stringify(terms));
    }
    for (const terms of [{}, { scope: undefined }]) assert.equal((await given(terms)).scope, 'openid');
  });

  test('a request that is replayed, changed or signed by another key is denied', async (t) => {
    const { terminal, browser } = await house(t);
    const line = await browser.connect();
    await line.hello();
    await pair(t, terminal, line);
    const request = await line.request({ scope: 'openid' });
    assert.equal((await line.send(request)).type, 'token');
    assert.equal((await line.send(request)).code, 'denied', 'the same once more');
    const wider = await line.request({ scope: 'openid' });
    assert.equal((await line.send({ ...wider, scope: 'openid email' })).code, 'denied');
    // Nor for another key or another API than was signed, said or not.
    const other = await thumbprint((await webcrypto.subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-256' }, true, ['sign', 'verify'])).publicKey);
    const api = 'https://api.acme.example';
    for (const [wanted, changed] of [[{}, { jkt: other }], [{}, { audience: api }], [{ audience: api }, { audience: undefined }], [{ audience: api }, { audience: `${api}/other` }]]) {
      const signed = await line.request({ scope: 'openid', ...wanted });
      assert.equal((await line.send({ ...signed, ...changed })).code, 'denied', JSON.stringify(changed));
    }
    assert.equal((await line.token({ scope: 'openid' })).type, 'token', 'unchanged it is');
    const stranger = await webcrypto.subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-256' }, true, ['sign', 'verify']);
    assert.equal((await line.send(await line.request({ scope: 'openid' }, stranger))).code, 'denied');
    // Another line has another challenge: what was signed there is worth nothing here, and neither does a key that
    // only calls itself by the paired one's name.
    const second = await browser.connect(line.key);
    assert.equal((await second.hello()).paired, true);
    assert.equal((await second.send(await line.request({ scope: 'openid' }))).code, 'denied');
    const third = await browser.connect();
    assert.equal((await third.hello()).paired, false);
    // Shut out, at once.
    assert.equal((await terminal.run('extension', 'unpair', (await thumbprint(line.key.publicKey)).slice(0, 12))).code, 0);
    assert.equal((await line.token({ scope: 'openid' })).code, 'not_paired');
  });

  test('the terminal asks the extension, by a socket that is its owner\'s', async (t) => {
    const { terminal, browser } = await house(t);
    const line = await browser.connect();
    await line.hello();
    await pair(t, terminal, line);
    const folder = join(terminal.home, '.local/share/gatepass/extension');
    assert.equal(statSync(folder).mode & 0o777, 0o700);
    line.gives = (question) => ({ type: 'token', access_token: 'the-token', token_type: 'DPoP', expires_in: 300, scope: question.scope });
    const url = 'https://api.acme.example/me?x=1';
    const answer = await terminal.json('extension', 'token', '--scope', 'email', '--audience', 'https://api.acme.example', '--url', url);
    assert.deepEqual([answer.access_token, answer.scope, answer.expires_in], ['the-token', 'email', 300]);
    const [header, claims] = answer.proof.split('.').map((part) => part && JSON.parse(Buffer.from(part, 'base64url').toString('utf8').match(/^\{.*\}$/)?.[0] ?? 'null'));
    assert.deepEqual([claims.htm, claims.htu], ['GET', 'https://api.acme.example/me']);
    assert.equal(line.heard.at(-1).jkt, await thumbprint(await webcrypto.subtle.importKey('jwk', header.jwk, { name: 'ECDSA', namedCurve: 'P-256' }, true, ['verify'])));
    const plain = await terminal.run('extension', 'token', '--scope', 'email', '--url', url);
    assert.match(plain.stdout, /^Authorization: DPoP the-token\nDPoP: ey\S+\n$/);

    line.gives = () => ({ type: 'error', code: 'denied', message: 'x' });
    assert.equal((await terminal.run('extension', 'token', '--scope', 'email', '--url', url)).code, 1);
    line.gives = () => ({ type: 'error', code: 'denied', message: 'x', scope: 'orders' });
    const lacks = await terminal.run('extension', 'token', '--scope', 'email orders', '--url', url);
    assert.equal(lacks.stderr, 'error: the extension gives no token: its session does not have the scope `orders`\n');
    const open = await terminal.run('extension', 'token', '--scope', 'email', '--url', 'http://api.acme.example/me');
    assert.equal(open.code, 2);
    assert.match(open.stderr, /--url must be https/);
    line.gives = () => ({ type: 'token', access_token: 'bare', token_type: 'Bearer', expires_in: 300 });
    const bare = await terminal.run('extension', 'token', '--scope', 'email', '--url', url);
    assert.deepEqual([bare.code, bare.stdout], [1, '']);

    const lends = (answer) => {
      line.gives = () => ({ type: 'token', access_token: 'the-token', token_type: 'DPoP', expires_in: 300, ...answer });
      return terminal.run('extension', 'token', '--scope', 'openid email', '--url', url, '--json');
    };
    for (const answer of [{ expires_in: 301 }, { expires_in: 0 }, { expires_in: undefined }, { expires_in: '300' }, { scope: 'openid admin' }, { scope: 'admin' }, { scope: 7 }]) {
      const { code, stdout } = await lends(answer);
      assert.deepEqual([code, stdout.includes('the-token')], [1, false], JSON.stringify(answer));
      assert.match(stdout, /the extension gave a token for longer, or for more, than was asked/);
    }
    // RFC 6749 section 5.1: where no scope is said, it is what was asked for.
    for (const [answer, scope] of [[{}, 'openid email'], [{ scope: 'email' }, 'email']]) {
      assert.equal(JSON.parse((await lends(answer)).stdout).scope, scope);
    }

    // Shut out by the id that browsers and `list` show.
    assert.equal((await terminal.run('extension', 'unpair', EXTENSION)).code, 0);
    assert.deepEqual((await terminal.json('extension', 'list')).extensions, []);

    await line.close();
    assert.deepEqual(readdirSync(folder).filter((name) => name.endsWith('.sock')), [], 'the socket goes with the line');
    assert.equal((await terminal.run('extension', 'token', '--scope', 'email', '--url', url)).code, 2);
  });

  test('a line that brings rubbish ends or is told so, and harms nobody', async (t) => {
    const { terminal, browser } = await house(t);
    const line = await browser.connect();
    for (const [message, code] of [[{ id: 1 }, 'malformed'], [{ id: 2, type: 'hello', version: 2 }, 'unsupported'], [{ id: 3, type: 'hello', version: 1, key: { kty: 'oct', k: 'AA' } }, 'malformed'], [{ id: 4, type: 'pair' }, 'malformed'], [{ id: 5, type: 'token', access_token: 'unasked' }, undefined]]) {
      if (code) assert.equal((await line.send(message)).code, code, JSON.stringify(message));
      else line.write(message);
    }
    assert.equal((await line.hello()).paired, false, 'it goes on');
    line.raw(Buffer.from([0xff, 0xff, 0xff, 0x7f]));
    assert.equal((await line.ended()).code, 0);
    const log = join(terminal.home, '.local/share/gatepass/extension/paired.json');
    assert.equal(existsSync(log), false);
  });
});

/** The words of a hash: proquints of its first 48 bits. */
function proquints(hash) {
  const word = (bits) => [12, 10, 6, 4, 0].map((at, place) => (place % 2 ? 'aiou'[(bits >> at) & 3] : 'bdfghjklmnprstvz'[(bits >> at) & 15])).join('');
  return [0, 2, 4].map((at) => word(hash.readUInt16BE(at))).join('-');
}
