// Document 003: the CloudSignal CLI, word for word.
import assert from 'node:assert/strict';
import { existsSync, readFileSync, readdirSync, readlinkSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { startAuthority } from '../support/authority.mjs';
import { chromiumMissing, openBrowser } from '../support/chromium.mjs';
import { ask, at, signInThere } from '../support/handoff.mjs';
import { Company, scriptMissing } from '../support/pty.mjs';
import { wwwMissing } from '../support/tree.mjs';

const missing = chromiumMissing ?? scriptMissing() ?? wwwMissing;
const skip = missing && `${missing} is not installed`;

/** A browser is there; the tests bring its page to the address that the program shows. */
const BROWSER = { BROWSER: '/bin/true' };

const ORGANIZATION = '550e8400-e29b-41d4-a716-446655440000';
const CONFIG = `
[[client]]
id = "cloudsignal_cli"
name = "CloudSignal"
type = "native"
redirect_uris = ["http://127.0.0.1/callback"]
access_token_seconds = 3600

[[organization]]
id = "${ORGANIZATION}"
name = "Example"
domains = ["example.com"]
`;

async function cloudsignal(t) {
  const authority = await startAuthority(t, { config: CONFIG, www: true });
  const company = new Company(t, 'cloudsignal', 'cloudsignal', { issuer: authority.issuer, dashboard: `${authority.issuer}/dashboard` });
  const later = (seconds) => {
    authority.later(seconds);
    company.later(seconds);
  };
  const login = async () => {
    const { context } = await openBrowser(t);
    const page = await context.newPage();
    await signInThere(authority, page, 'you@example.com');
    const { program, url } = await company.signIn(undefined, BROWSER);
    await ask(page, url);
    await page.locator('#allow:not([aria-disabled])').click();
    await at(page, 'ok');
    return program.done();
  };
  const file = join(company.home, '.cloudsignal/credentials.json');
  return { authority, company, later, login, file };
}

test('login keeps both tokens in credentials.json, for its owner alone', { skip }, async (t) => {
  const { company, login, file } = await cloudsignal(t);
  const { code, screen } = await login();
  assert.equal(code, 0, screen);
  assert.doesNotMatch(screen, /warning/, 'the file is where the document has it');
  assert.equal((statSync(file).mode & 0o777).toString(8), '600');
  assert.equal((statSync(join(file, '..')).mode & 0o777).toString(8), '700');
  const text = readFileSync(file, 'utf8');
  const { access_token: token } = await company.json('token');
  assert.ok(JSON.stringify(JSON.parse(text)).includes(token) && text.includes('gpr_'), 'access token and refresh token');

  const logout = await company.line('cloudsignal logout');
  assert.equal(logout.code, 0, logout.screen);
  assert.ok(!existsSync(file), 'the file is deleted');
  const whoami = await company.line('cloudsignal whoami');
  assert.deepEqual([whoami.code, whoami.screen], [3, 'Error: Not logged in. Run `cloudsignal login`.\n']);
  assert.equal((await company.line('cloudsignal logout')).code, 0);
});

test('whoami prints three lines', { skip }, async (t) => {
  const { company, later, login } = await cloudsignal(t);
  await login();
  later(12 * 60 + 30);
  const { code, screen } = await company.line('cloudsignal whoami');
  assert.equal(code, 0, screen);
  assert.equal(screen, `Email: you@example.com\nOrganization: ${ORGANIZATION}\nToken expires: in 47 minutes\n`);
});

test('the next command refreshes silently; when that is over, the message is the documented one', { skip }, async (t) => {
  const { company, later, login } = await cloudsignal(t);
  await login();
  later(2 * 3600);
  const silent = await company.line('cloudsignal whoami');
  assert.match(silent.screen, /^Email: you@example\.com\nOrganization: \S+\nToken expires: in (59|60) minutes\n$|in 1 hour\n$/);
  later(400 * 86_400);
  const over = await company.line('cloudsignal whoami');
  assert.deepEqual([over.code, over.screen], [3, 'Error: Session expired. Run `cloudsignal login` again.\n']);
});

test('a login waits for five minutes, and says what to do then', { skip }, async (t) => {
  const { company } = await cloudsignal(t);
  const { program } = await company.signIn(undefined, BROWSER);
  await program.shows(/4:5\d left/);
  program.type('\u0003');
  const given = await program.done();
  assert.notEqual(given.code, 0);
  const { code, screen } = await company.line('cloudsignal login --timeout 1', BROWSER);
  assert.equal(code, 1, screen);
  for (const line of ['Login timed out', 'Check that your browser opened the login page', 'Make sure no firewall is blocking localhost connections', 'Try again with `cloudsignal login`']) {
    assert.ok(screen.includes(line), `${line}\n${screen}`);
  }
});

/** The listening TCP sockets of a process and of those it started: `0100007F:port` is 127.0.0.1. */
function listening(pid) {
  const sockets = new Set();
  const walk = (id) => {
    for (const fd of readdirSync(`/proc/${id}/fd`)) {
      try {
        const inode = /^socket:\[(\d+)\]$/.exec(readlinkSync(`/proc/${id}/fd/${fd}`))?.[1];
        if (inode) sockets.add(inode);
      } catch {
        // It was closed a moment ago.
      }
    }
    for (const child of readFileSync(`/proc/${id}/task/${id}/children`, 'utf8').split(' ').filter(Boolean)) walk(child);
  };
  walk(pid);
  const lines = ['/proc/net/tcp', '/proc/net/tcp6'].flatMap((table) => readFileSync(table, 'utf8').split('\n').slice(1));
  return lines.map((line) => line.trim().split(/\s+/)).filter((row) => row[3] === '0A' && sockets.has(row[9])).map((row) => row[1]);
}

test('the callback server binds to 127.0.0.1 and to nothing else', { skip }, async (t) => {
  const { company } = await cloudsignal(t);
  const { program, url } = await company.signIn(undefined, BROWSER);
  const asked = new URLSearchParams(new URL(url).hash.slice(1));
  const { hostname, port: text } = new URL(asked.get('redirect_uri'));
  assert.equal(hostname, '127.0.0.1');
  const port = Number(text);
  const bound = listening(program.child.pid);
  assert.deepEqual(bound, [`0100007F:${port.toString(16).toUpperCase().padStart(4, '0')}`]);
});
