// What doctor finds on machines where one thing is wrong, and that its mend mends it.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, readdirSync, rmSync, statSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { signIn, startAuthority } from './support/authority.mjs';
import { cleanUp, folder, freePort, start } from './support/process.mjs';
import { Terminal, keyringMissing } from './support/terminal.mjs';
import { opensslMissing, startSecureIssuer } from './support/tls.mjs';
import { Visitor } from './support/visitor.mjs';

const missing = keyringMissing();
const skip = missing && `${missing} is not installed`;

/** A terminal that is signed in, its session in a real keyring's care. */
async function signedIn(t, manifest = {}) {
  const authority = await startAuthority(t);
  const terminal = await new Terminal(t, { issuer: authority.issuer, ...manifest }).withKeyring();
  const { program, url } = await terminal.login();
  await signIn(authority, new Visitor(), url);
  assert.equal((await program.ended).code, 0, program.stderr);
  return { authority, terminal };
}

/** The findings of one check. */
const found = (answer, check) => answer.findings.filter((finding) => finding.check === check);

/** The one finding of a check, as `state: seen`. */
function one(answer, check) {
  const findings = found(answer, check);
  assert.equal(findings.length, 1, `${check}: ${JSON.stringify(findings)}`);
  return `${findings[0].state}: ${findings[0].seen}`;
}

/** A server that does with every connection what it is told to. */
async function listen(t, where, serve) {
  const sockets = new Set();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    serve(socket);
  });
  await new Promise((resolve) => server.listen(where, resolve));
  cleanUp(t, () => new Promise((resolve) => {
    for (const socket of sockets) socket.destroy();
    server.close(resolve);
  }));
  return server.address();
}

test('on a healthy machine everything is looked at and nothing is wrong', { skip }, async (t) => {
  const { authority, terminal } = await signedIn(t);
  const answer = await terminal.json('doctor');
  assert.deepEqual([answer.code, answer.schema, answer.well], [0, 'gatepass/doctor/1', true], JSON.stringify(answer));
  const checks = ['program', 'variable', 'proxy', 'certificates', 'issuer', 'clock', 'loopback', 'browser', 'files', 'keyring', 'kernel keyring', 'session'];
  assert.deepEqual([...new Set(answer.findings.map(({ check }) => check))], checks);
  assert.match(one(answer, 'issuer'), /^ok: http:\S+ answered in \d+ ms; offers DPoP \(ES256\).*revocation/);
  assert.match(one(answer, 'clock'), /^ok: agrees/);
  assert.match(one(answer, 'keyring'), /^(ok|warning): writes, reads and removes/);
  assert.match(one(answer, 'session'), /^ok: profile default, as nothing says otherwise: sealed, bound to a key/);
  assert.match(one(answer, 'files'), /^ok: /);
  assert.match(one(answer, 'program'), new RegExp(`gatepass 0\\.1\\.0, .* manifest ${terminal.manifest}$`));
  assert.ok(found(answer, 'keyring')[0].took_ms < 3000);

  const plain = await terminal.run('doctor');
  assert.equal(plain.code, 0);
  assert.match(plain.stdout, /^ok {7}issuer /m);
  assert.equal(plain.stdout.includes('user@example.com'), false);

  await authority.program.kill();
  await authority.program.ended;
  const alone = await terminal.json('doctor');
  assert.deepEqual([alone.code, alone.well], [1, false]);
  assert.match(one(alone, 'issuer'), /^wrong: .*: nobody listens at its address/);
  assert.match(one(alone, 'clock'), /^warning: not compared/);
});

test('a wrong clock is told by how much, and by what it breaks', async (t) => {
  const authority = await startAuthority(t);
  const terminal = new Terminal(t, { issuer: authority.issuer, storage: 'file' });
  terminal.later(30);
  assert.match(one(await terminal.json('doctor'), 'clock'), /^warning: this machine's is (29|30|31) seconds ahead of/);
  terminal.later(3600);
  const answer = await terminal.json('doctor');
  assert.equal(answer.code, 1);
  assert.match(one(answer, 'clock'), /^wrong: this machine's is 3[56]\d\d seconds ahead of the issuer's: .*DPoP iat/);
  assert.match(found(answer, 'clock')[0].mend, /timedatectl/);
});

test('what others can read is wrong, and the mend that is printed mends it', async (t) => {
  const authority = await startAuthority(t);
  const terminal = new Terminal(t, { issuer: authority.issuer, storage: 'file' });
  const { program, url } = await terminal.login();
  await signIn(authority, new Visitor(), url);
  assert.equal((await program.ended).code, 0);
  assert.match(one(await terminal.json('doctor'), 'files'), /^ok/);

  const place = join(terminal.env.XDG_DATA_HOME, 'gatepass');
  const session = readdirSync(place).map((name) => join(place, name)).find((path) => path.endsWith('.session'));
  chmodSync(place, 0o755);
  chmodSync(session, 0o644);
  const open = await terminal.json('doctor');
  assert.equal(open.code, 1);
  const findings = found(open, 'files');
  assert.deepEqual(findings.map(({ state, mend }) => [state, mend]), [['wrong', `chmod 700 ${place}`], ['wrong', `chmod 600 ${session}`]]);
  for (const { mend } of findings) execFileSync('sh', ['-c', mend]);
  assert.equal(statSync(session).mode & 0o777, 0o600);
  assert.match(one(await terminal.json('doctor'), 'files'), /^ok/);
});

test('an absent keyring is judged by what the manifest says then', async (t) => {
  const port = await freePort();
  const issuer = `http://127.0.0.1:${port}`;
  assert.match(one(await new Terminal(t, { issuer }).json('doctor'), 'keyring'), /^wrong: there is none/);
  assert.match(one(await new Terminal(t, { issuer, storage: 'file' }).json('doctor'), 'keyring'), /^warning: there is none: a new session is kept in a plain file/);
});

test('a locked keyring is not an absent one', { skip }, async (t) => {
  const { terminal } = await signedIn(t);
  // The same home on another bus, whose daemon nobody has given the password.
  const runtime = join(terminal.home, 'run-2');
  mkdirSync(runtime, { mode: 0o700 });
  const env = { ...terminal.env, XDG_RUNTIME_DIR: runtime };
  const bus = start(t, 'dbus-run-session', ['--', 'sh', '-c', 'echo "bus $DBUS_SESSION_BUS_ADDRESS"; sleep infinity'], { env });
  env.DBUS_SESSION_BUS_ADDRESS = await bus.until(({ stdout }) => /^bus (\S+)$/m.exec(stdout)?.[1]);
  terminal.env = env;
  const answer = await terminal.json('doctor');
  assert.equal(answer.code, 1);
  assert.match(one(answer, 'keyring'), /^wrong: locked/);
});

test('where everything hangs it is over in seconds', async (t) => {
  const place = folder(t, 'bus');
  const socket = join(place, 'bus');
  await listen(t, socket, () => {});
  const { port } = await listen(t, { port: 0, host: '127.0.0.1' }, () => {});
  const terminal = new Terminal(t, { issuer: `http://127.0.0.1:${port}` });
  terminal.env = { ...terminal.env, DBUS_SESSION_BUS_ADDRESS: `unix:path=${socket}` };
  const begun = performance.now();
  const answer = await terminal.json('doctor');
  const took = performance.now() - begun;
  assert.ok(took < 8000, `${took} ms`);
  assert.equal(answer.code, 1);
  assert.match(one(answer, 'keyring'), /^wrong: does not answer within 3 seconds/);
  assert.match(one(answer, 'issuer'), /^wrong: .*: it did not answer in time/);
});

test('a variable that shadows something is named, and never what it holds', async (t) => {
  const authority = await startAuthority(t);
  const terminal = new Terminal(t, { issuer: 'http://127.0.0.1:1', storage: 'file' });
  terminal.env = { ...terminal.env, GATEPASS_TOKEN: 'held-by-a-variable', GATEPASS_ISSUER: authority.issuer };
  const answer = await terminal.json('doctor');
  assert.equal(answer.code, 0, JSON.stringify(answer));
  const variables = found(answer, 'variable');
  assert.deepEqual(variables.map(({ state, mend }) => [state, mend]), [['ok', undefined], ['warning', 'unset GATEPASS_TOKEN'], ['ok', undefined]]);
  assert.match(variables[0].seen, /^GATEPASS_ISSUER is set: it names the issuer, whatever/);
  assert.match(variables[1].seen, /^GATEPASS_TOKEN holds a token, which is used instead of the session/);
  assert.match(variables[2].seen, /^GATEPASS_APP is set/);
  assert.equal(JSON.stringify(answer).includes('held-by-a-variable'), false);
});

test('the proxy in effect is named with its variable and without its password', async (t) => {
  const asked = [];
  const { port } = await listen(t, { port: 0, host: '127.0.0.1' }, (socket) => {
    socket.once('data', (bytes) => {
      asked.push(String(bytes).split('\r\n')[0]);
      socket.end('HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n');
    });
  });
  const terminal = new Terminal(t, { issuer: 'https://issuer.invalid', storage: 'file' });
  const doctor = async (variables) => {
    const { env } = terminal;
    terminal.env = { ...env, ...variables };
    const answer = await terminal.json('doctor');
    terminal.env = env;
    return answer;
  };
  const mine = `http://ada:hunter2@127.0.0.1:${port}`;
  const answer = await doctor({ HTTPS_PROXY: mine, https_proxy: 'http://other.invalid:1' });
  assert.deepEqual(asked, ['CONNECT issuer.invalid:443 HTTP/1.1']);
  assert.equal(one(answer, 'proxy'), `warning: http://127.0.0.1:${port}, by HTTPS_PROXY; https_proxy says otherwise and does not count`);
  assert.match(one(answer, 'issuer'), /^wrong: .*: the proxy does not let us through/);
  assert.equal(/hunter2|ada/.test(JSON.stringify(answer)), false);
  const odd = await doctor({ HTTPS_PROXY: 'http://ada:31/hunter2@proxy.invalid:3128' });
  assert.equal(/hunter2|ada/.test(JSON.stringify(odd)), false, one(odd, 'proxy'));
  assert.equal(one(await doctor({ all_proxy: mine }), 'proxy'), `ok: http://127.0.0.1:${port}, by all_proxy`);
  assert.match(one(await doctor({ HTTPS_PROXY: mine, no_proxy: '.invalid' }), 'proxy'), /^ok: none: no_proxy excepts/);
  assert.equal(one(await doctor({ HTTPS_PROXY: '', https_proxy: mine }), 'proxy'), 'ok: none', 'the first that is set counts, even if it is empty');
  assert.match(one(await doctor({ HTTPS_PROXY: 'ftp://x' }), 'proxy'), /^wrong: none: HTTPS_PROXY is set to what is no address/);
  assert.equal(one(await doctor({}), 'proxy'), 'ok: none');
});

const openssl = opensslMissing();

test('an authority of one’s own is not trusted until a variable names it', { skip: openssl && `${openssl} is not installed` }, async (t) => {
  const { issuer, ca } = await startSecureIssuer(t);
  const terminal = new Terminal(t, { issuer, storage: 'file' });
  const distrusting = await terminal.json('doctor');
  assert.equal(one(distrusting, 'certificates'), "ok: the system's");
  assert.match(one(distrusting, 'issuer'), /^wrong: .*: its certificate is not trusted here/);
  terminal.env = { ...terminal.env, SSL_CERT_FILE: ca };
  const trusting = await terminal.json('doctor');
  assert.equal(one(trusting, 'certificates'), `ok: ${ca}, by SSL_CERT_FILE`);
  assert.match(one(trusting, 'issuer'), /^ok: .* answered in .*; not DPoP \(ES256\), device code, revocation/);
  const added = await new Terminal(t, { issuer, storage: 'file', ca_file: ca }).json('doctor');
  assert.equal(one(added, 'certificates'), `ok: the system's; ${ca}, by the manifest`);
  assert.match(one(added, 'issuer'), /^ok/);
  rmSync(ca);
  const gone = await terminal.json('doctor');
  assert.match(one(gone, 'certificates'), /^wrong: .*, by SSL_CERT_FILE, holds no certificate that can be read/);
  assert.match(one(gone, 'issuer'), /^wrong: /);
});

test('a taken port of the manifest is told from a free one', async (t) => {
  const { port } = await listen(t, { port: 0, host: '127.0.0.1' }, () => {});
  const free = await freePort();
  const of = async (ports) => {
    const issuer = `http://127.0.0.1:${free}`;
    return one(await new Terminal(t, { issuer, storage: 'file', 'login.ports': ports }).json('doctor'), 'loopback');
  };
  assert.equal(await of([port]), `wrong: ${port} cannot be bound on 127.0.0.1`);
  assert.equal(await of([port, free]), `warning: ${port} cannot be bound on 127.0.0.1, ${free} can`);
});

test('the browser is the one that a login would open', async (t) => {
  const of = async (variables) => {
    const terminal = new Terminal(t, { issuer: 'http://127.0.0.1:1', storage: 'file' });
    terminal.env = { ...terminal.env, ...variables };
    return one(await terminal.json('doctor'), 'browser');
  };
  assert.equal(await of({ BROWSER: '/opt/firefox:w3m' }), 'ok: /opt/firefox, by BROWSER');
  assert.match(await of({ BROWSER: 'w3m' }), /^warning: none: text browser; a login shows its address/);
  assert.match(await of({ SSH_CONNECTION: '192.0.2.1 5 192.0.2.2 22' }), /^warning: none: ssh; /);
  assert.match(await of({ DISPLAY: ':0', PATH: '/nowhere' }), /^warning: none: there is a display, and no xdg-open/);
});

test('a report can be shown to anybody', { skip }, async (t) => {
  const { authority, terminal } = await signedIn(t);
  const status = await terminal.json('status');
  terminal.env = { ...terminal.env, USER: 'lovelace', GATEPASS_HOME: join(terminal.env.XDG_DATA_HOME, 'gatepass'), HTTPS_PROXY: 'http://lovelace:hunter2@proxy.acme.example:3128' };
  const { host } = new URL(authority.issuer);
  const secrets = [status.email, status.subject, terminal.home, 'lovelace', 'hunter2', 'proxy.acme.example'];
  for (const words of [['--report', '-'], ['--report', '-', '--trace'], ['--json', '--report', '-', '--trace']]) {
    const { stdout } = await terminal.run('doctor', ...words);
    const text = words[0] === '--json' ? JSON.parse(stdout).report : stdout;
    assert.deepEqual(secrets.filter((secret) => text.includes(secret)), [], text);
    assert.ok(text.startsWith('```text\n') && text.includes(host) && text.includes('manifest ~/app.toml'), text);
    assert.equal(text.includes('gatepass transcript 1'), words.includes('--trace'));
  }
  const file = join(terminal.home, 'report.txt');
  const { code, stdout, stderr } = await terminal.run('doctor', '--report', file);
  assert.equal(code, 0);
  assert.match(stdout, /^ok {7}issuer /m);
  assert.match(stderr, /read it before you paste it/);
  assert.equal(statSync(file).mode & 0o777, 0o600);

  const bare = new Terminal(t, { issuer: 'https://issuer.invalid', storage: 'file' });
  bare.env = { ...bare.env, HTTPS_PROXY: 'proxy.acme.example:3128' };
  const { stdout: schemeless } = await bare.run('doctor', '--report', '-');
  assert.match(schemeless, /proxy +http:\/\/\[host\], by HTTPS_PROXY/);
  assert.equal(schemeless.includes('proxy.acme.example'), false, schemeless);

  const elsewhere = new Terminal(t, { issuer: 'https://login.acme.example', storage: 'file' });
  const named = await elsewhere.run('doctor', '--report', '-');
  assert.match(named.stdout, /login\.acme\.example/);
  const anonymous = await elsewhere.run('doctor', '--report', '-', '--anonymous');
  assert.match(anonymous.stdout, /https:\/\/\[host\]/);
  assert.equal(anonymous.stdout.includes('acme.example'), false, anonymous.stdout);
});

test('a trace tells each step of one access token', { skip }, async (t) => {
  const { authority, terminal } = await signedIn(t);
  const kept = await terminal.json('doctor', '--trace');
  assert.deepEqual(kept.trace.map((line) => line.replace(/-?\d+s/g, 'Ns')), [
    'gatepass transcript 1',
    'Ns access min_ttl=Ns',
    'Ns > load access',
    'Ns < loaded g0 refreshes token=DPoP received=Ns expires=Ns',
    'Ns = token=DPoP expires=Ns saved',
  ]);
  assert.equal(one(kept, 'token'), 'ok: the stored one is good; nobody was asked');
  authority.later(3601);
  terminal.later(3601);
  const refreshed = await terminal.json('doctor', '--trace');
  assert.equal(one(refreshed, 'token'), 'ok: refreshed');
  const effects = refreshed.trace.map((line) => / > (\w+)/.exec(line)?.[1]).filter(Boolean);
  assert.deepEqual(effects.filter((effect) => effect !== 'sign'), ['load', 'lock', 'load', 'send', 'save', 'unlock']);
  assert.match(refreshed.trace.at(-1), /= token=DPoP expires=3600s refreshed saved$/);
});
