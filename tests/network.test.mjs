// What stands between a terminal and its issuer: certificates and proxies.
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { Terminal } from './support/terminal.mjs';
import { opensslMissing, startProxy, startSecureIssuer } from './support/tls.mjs';

const missing = opensslMissing();
const skip = missing && `${missing} is not installed`;

/** A terminal with these variables and no others that matter here. */
function terminal(t, issuer, variables, settings) {
  const found = new Terminal(t, { issuer, storage: 'file', ...settings });
  Object.assign(found.env, variables);
  return found;
}

/** Why a login did not come as far as to say where to go. */
const refused = async (t, issuer, ...rest) => (await terminal(t, issuer, ...rest).json('login', '--no-browser')).error;

test('a certificate that is not trusted is not called unreachable', { skip }, async (t) => {
  const { issuer, ca, place } = await startSecureIssuer(t);
  assert.equal(await refused(t, issuer, {}), 'untrusted');
  const broken = join(place, 'broken.pem');
  for (const content of [undefined, '', 'no certificate']) {
    if (content !== undefined) writeFileSync(broken, content);
    assert.equal(await refused(t, issuer, { SSL_CERT_FILE: broken }), 'certificates', `SSL_CERT_FILE with ${content}`);
  }
  const { url } = await terminal(t, issuer, { SSL_CERT_FILE: ca }).login();
  assert.equal(url.startsWith(`${issuer}/authorize?`), true, 'and one that is trusted is');
  const named = await terminal(t, issuer, {}, { ca_file: ca }).login();
  assert.equal(named.url.startsWith(`${issuer}/authorize?`), true, 'so is one that the manifest names');
  assert.equal(await refused(t, issuer, { SSL_CERT_FILE: ca }, { ca_file: broken }), 'certificates');
  assert.equal(await refused(t, 'https://localhost:1', { SSL_CERT_FILE: ca }), 'unreachable');
});

test('proxies are asked as their variables say', { skip }, async (t) => {
  const { issuer, ca } = await startSecureIssuer(t);
  const { port, asked } = await startProxy(t);
  const proxy = `http://ada:secret@127.0.0.1:${port}`;
  const host = new URL(issuer).host;
  const through = { for: host, credentials: `Basic ${Buffer.from('ada:secret').toString('base64')}` };
  for (const [variables, expected] of [
    [{}, []],
    [{ HTTPS_PROXY: proxy }, [through]],
    [{ https_proxy: proxy }, [through]],
    [{ ALL_PROXY: proxy }, [through]],
    [{ all_proxy: proxy }, [through]],
    [{ HTTPS_PROXY: proxy, NO_PROXY: 'localhost' }, []],
    [{ HTTPS_PROXY: proxy, no_proxy: 'localhost' }, []],
    [{ HTTP_PROXY: proxy }, []],
  ]) {
    const { url } = await terminal(t, issuer, { SSL_CERT_FILE: ca, ...variables }).login();
    assert.equal(url.startsWith(`${issuer}/authorize?`), true);
    assert.deepEqual(asked.splice(0), expected, JSON.stringify(variables));
  }
});
