// Document 001: the Seqera CLI 26.1, word for word.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { signIn, startAuthority } from '../support/authority.mjs';
import { Company, scriptMissing } from '../support/pty.mjs';
import { Screen, tmuxMissing } from '../support/screen.mjs';
import { keyringMissing } from '../support/terminal.mjs';
import { Visitor } from '../support/visitor.mjs';

const missing = scriptMissing() ?? keyringMissing() ?? tmuxMissing;
const skip = missing && `${missing} is not installed`;

const client = (id) => `
[[client]]
id = "${id}"
name = "Seqera CLI"
type = "native"
redirect_uris = ["http://127.0.0.1/callback"]
`;
const organization = (name) => `
[[organization]]
name = "${name}"
domains = ["example.com"]
`;

/** The program at a server whose people belong to these organizations. */
async function seqera(t, { organizations = ['Acme Research'], clients = ['seqera_ai_cli'] } = {}) {
  const authority = await startAuthority(t, { config: clients.map(client).join('') + organizations.map(organization).join('') });
  const company = await new Company(t, 'seqera', 'seqera', { issuer: authority.issuer }).withKeyring();
  const login = async (env = {}) => {
    const { program, url } = await company.signIn('seqera login', env);
    await signIn(authority, new Visitor(), url);
    return program.done();
  };
  return { authority, company, login };
}

/** The lines that the document has, in their order. */
function inOrder(screen, lines) {
  let from = 0;
  for (const line of lines) {
    const at = screen.indexOf(`${line}\n`, from);
    assert.ok(at >= 0, `${line}\n---\n${screen}`);
    from = at + line.length;
  }
}

test('login sets the organization', { skip }, async (t) => {
  const { company, login } = await seqera(t);
  const { code, screen } = await login();
  assert.equal(code, 0, screen);
  inOrder(screen, ['[Login] Starting Seqera CLI authentication...', '[Login] ✓ Authentication successful!', '[Login] ✓ Organization set: Acme Research']);
  const org = await company.line('seqera org');
  assert.match(org.screen, /^Acme Research \([0-9a-f-]{36}\)\n$/);
});

test('org lists, switches and clears', { skip }, async (t) => {
  const { company, login } = await seqera(t, { organizations: ['Acme Research', 'Zenith Labs'] });
  const { code, screen } = await login();
  assert.equal(code, 0, screen);
  assert.match(screen, /\[Login\] ✓ Organization set: Acme Research/, "the server's default");
  assert.match((await company.line('seqera org list')).screen, /^\* Acme Research \(\S+\)\n {2}Zenith Labs \(\S+\)\n$/);
  const switched = await company.line('seqera org switch "zenith labs"');
  assert.deepEqual([switched.code, switched.screen], [0, 'organization set: Zenith Labs\n']);
  assert.match((await company.line('seqera org')).screen, /^Zenith Labs /);

  for (const [answer, name] of [['1', 'Acme Research'], ['Zenith Labs', 'Zenith Labs']]) {
    const chooser = company.at('seqera org switch');
    await chooser.shows('Which organization?');
    chooser.type(`${answer}\r`);
    assert.match((await chooser.done()).screen, new RegExp(`organization set: ${name}`));
  }
  const wrong = await company.line('seqera org switch Nowhere');
  assert.equal(wrong.code, 2);
  assert.match(wrong.screen, /you belong to no organization called `Nowhere`; `seqera org list` lists yours/);

  assert.equal((await company.line('seqera org clear')).code, 0);
  assert.match((await company.line('seqera org')).screen, /^no organization is chosen/);
  const gone = await company.json('org');
  assert.equal(gone.organization, null);
});

test('a choice survives refreshes and not a sign-out', { skip }, async (t) => {
  const { authority, company, login } = await seqera(t);
  await login();
  authority.later(3700);
  company.later(3700);
  assert.equal((await company.json('token')).refreshed, true);
  assert.match((await company.line('seqera org')).screen, /^Acme Research /);
  const logout = await company.line('seqera logout');
  assert.equal(logout.code, 0, logout.screen);
  assert.equal(authority.count('/oauth/revoke', 200), 1);
  assert.equal((await company.line('seqera org')).code, 3);
});

test('an Enterprise deployment is named by variables', { skip }, async (t) => {
  const enterprise = await seqera(t, { clients: ['enterprise_cli'] });
  const { company, authority } = await seqera(t);
  const env = { SEQERA_AUTH_DOMAIN: enterprise.authority.issuer, SEQERA_AUTH_CLI_CLIENT_ID: 'enterprise_cli', SEQERA_AI_BACKEND_URL: 'https://ai-api.platform.example.com' };
  const { program, url } = await company.signIn('seqera login', env);
  assert.ok(url.startsWith(`${enterprise.authority.issuer}/authorize?`), 'the discovered authorization endpoint');
  assert.equal(new URL(url).searchParams.get('client_id'), 'enterprise_cli');
  await signIn(enterprise.authority, new Visitor(), url);
  assert.equal((await program.done()).code, 0);
  assert.equal((await company.line('seqera org', env)).code, 0);
  assert.equal((await company.line('seqera org')).code, 3, 'a session belongs to the authority that gave it');
  assert.equal(authority.count('/authorize', 200), 0);
});

test('a token of the environment skips the login; SEQERA_ACCESS_TOKEN comes first', { skip }, async (t) => {
  const { company } = await seqera(t);
  const token = async (env) => company.line('seqera token', env);
  assert.equal((await token({ SEQERA_ACCESS_TOKEN: 'first' })).screen, 'first\n');
  assert.equal((await token({ TOWER_ACCESS_TOKEN: 'second' })).screen, 'second\n');
  assert.equal((await token({ SEQERA_ACCESS_TOKEN: 'first', TOWER_ACCESS_TOKEN: 'second' })).screen, 'first\n');
  const status = await company.line('seqera status', { SEQERA_ACCESS_TOKEN: 'first', TOWER_ACCESS_TOKEN: 'second' });
  assert.match(status.screen, /note: SEQERA_ACCESS_TOKEN holds a token/);
  assert.match(status.screen, /note: TOWER_ACCESS_TOKEN is set too; SEQERA_ACCESS_TOKEN comes first/);
});

test('a token without the authority it belongs to fails clearly', { skip }, async (t) => {
  const { company, authority } = await seqera(t);
  const backend = { TOWER_ACCESS_TOKEN: 'second', SEQERA_AI_BACKEND_URL: 'https://ai-api.platform.example.com' };
  const { code, screen } = await company.line('seqera token', backend);
  assert.equal(code, 2);
  assert.match(screen, /TOWER_ACCESS_TOKEN holds a token and SEQERA_AI_BACKEND_URL names another service, but SEQERA_AUTH_DOMAIN does not say/);
  const whole = await company.line('seqera token', { ...backend, SEQERA_AUTH_DOMAIN: authority.issuer });
  assert.deepEqual([whole.code, whole.screen], [0, 'second\n']);
});

test('/status inside the TUI shows authentication status and organization', { skip }, async (t) => {
  const { company, login } = await seqera(t);
  await login();
  const screen = Screen.open(t, company, ['seqera', 'ai']);
  await screen.shows(/Seqera {2}default/);
  await screen.type('/status');
  await screen.press('Enter');
  await screen.shows(/Account +user@example\.com/);
  await screen.shows(/Organization +Acme Research/);
  await screen.press('C-c');
  assert.equal((await screen.end()).code, 0);

  // "When this environment variable is set, the CLI skips the OAuth login flow and uses the provided token directly."
  const given = Screen.open(t, company, ['seqera', 'ai'], { env: { SEQERA_ACCESS_TOKEN: 'quiet-token' } });
  await given.shows(/SEQERA_ACCESS_TOKEN holds a token/);
  await given.press('C-c');
  assert.equal((await given.end()).code, 0);
  assert.ok(!given.raw().includes('quiet-token'));
});

test('the help text has what the document has', { skip }, async (t) => {
  const { company } = await seqera(t);
  const { screen } = await company.line('seqera --help');
  for (const word of ['login', 'logout', 'org', 'ai']) assert.match(screen, new RegExp(`^  .*\\b${word}\\b`, 'm'), screen);
  assert.doesNotMatch(screen, /^ {2}(status|whoami|token|doctor) /m);
  const org = (await company.line('seqera org --help')).screen;
  for (const words of ['List all organizations', 'Switch organization', 'Clear organization selection']) assert.ok(org.includes(words), org);
});
