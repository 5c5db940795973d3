// A dashboard on the public web and a terminal on this machine. Browsers keep pages of the web from asking the loopback
// (Local Network Access); a navigation of the whole window is none of that. A server on this machine is part of the
// loopback itself, so Chromium is told to take the dashboard's for a public one.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { listen } from './support/app.mjs';
import { startAuthority } from './support/authority.mjs';
import { chromiumMissing, openBrowser } from './support/chromium.mjs';
import { Acme, ask, at, signInThere } from './support/handoff.mjs';
import { scriptMissing } from './support/pty.mjs';
import { opensslMissing, startSecureFront } from './support/tls.mjs';
import { wwwMissing } from './support/tree.mjs';

const missing = chromiumMissing ?? scriptMissing() ?? opensslMissing() ?? wwwMissing;
const skip = missing && `${missing} is missing`;
const EMAIL = 'ada@example.com';

test('from a public page a terminal is signed in without a permission, where a fetch is refused', { skip }, async (t) => {
  // A page of the dashboard's origin that no policy keeps from anything: what refuses is the browser.
  const front = await startSecureFront(t, { '/free': '<!doctype html><title>Free</title>' });
  const authority = await startAuthority(t, { www: true, args: ['--issuer', front.origin] });
  front.target = authority.address;
  // Somebody who listens on this machine, and would let any page read.
  const heard = [];
  const listener = await listen(t, (request, response) => {
    heard.push(request.url);
    response.writeHead(200, { 'access-control-allow-origin': '*', 'content-type': 'text/html' }).end('<!doctype html><title>Here</title>');
  });
  const { context } = await openBrowser(t, undefined, {
    switches: ['--ignore-certificate-errors', `--ip-address-space-overrides=127.0.0.1:${front.port}=public`],
  });
  const page = await context.newPage();
  const fetched = (url) => page.evaluate((target) => fetch(target).then(({ status }) => status, (error) => error.name), url);

  const acme = new Acme(t, { issuer: front.origin, top: `ca_file = "${front.ca}"` });
  await signInThere(authority, page, EMAIL);
  for (const [button, end] of [['#deny', 'denied'], ['#allow', 'ok']]) {
    const { program, url, asked } = await acme.begin();
    // The rule is in force, for anybody's listener and for the terminal's.
    await page.goto(`${front.origin}/free`);
    // Nobody was asked; without a screen Chromium says no by itself.
    assert.notEqual(await page.evaluate(async () => (await navigator.permissions.query({ name: 'local-network-access' })).state), 'granted');
    assert.equal(await fetched(`${listener}/public`), 'TypeError');
    assert.equal(await fetched(asked.get('redirect_uri')), 'TypeError');
    await ask(page, url);
    await page.locator(button).click();
    await at(page, end);
    const { code, screen } = await program.done();
    assert.equal(code === 0, end === 'ok', screen);
    assert.doesNotMatch(screen, /belongs to another login/, 'of the fetch not even its first byte came');
  }
  assert.deepEqual(heard, []);
  // It is the page's place that decides: one of this machine may ask the same.
  await page.goto(`${listener}/page`);
  assert.equal(await fetched(`${listener.replace('127.0.0.1', 'localhost')}/local`), 200);
  assert.deepEqual(heard.filter((path) => path !== '/favicon.ico'), ['/page', '/local']);
});
