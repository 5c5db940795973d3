// Other people's programs, each with its own way of asking for a token: git, Docker, kubectl, the AWS command line,
// Cargo, npm and pip. The programs are real; the hosts that they talk to ask our authority whether a token is good.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { test } from 'node:test';
import { signIn, startAuthority } from './support/authority.mjs';
import { Program, cleanUp, folder } from './support/process.mjs';
import { Terminal, searchFiles } from './support/terminal.mjs';
import { GATEPASS } from './support/tree.mjs';
import { Visitor } from './support/visitor.mjs';


/** Why a test cannot run here: the first of these programs that this machine does not have. */
const without = (...names) => {
  const found = (name) => (process.env.PATH ?? '').split(':').some((place) => existsSync(join(place, name)));
  const missing = names.find((name) => !found(name));
  return missing && `${missing} is not installed`;
};

/** A terminal with a program called `acme`, made of a manifest and links to the command. */
async function acme(t, { links = [], config, ...manifest } = {}) {
  const authority = await startAuthority(t, { config });
  const terminal = new Terminal(t, { name: 'acme', issuer: authority.issuer, dpop: 'off', storage: 'file', ...manifest });
  const bin = join(terminal.home, 'bin');
  const apps = join(terminal.home, '.config/gatepass/apps');
  mkdirSync(bin);
  mkdirSync(apps, { recursive: true });
  symlinkSync(terminal.manifest, join(apps, 'acme.toml'));
  symlinkSync(GATEPASS, join(bin, 'acme'));
  for (const link of links) symlinkSync(join(bin, 'acme'), join(bin, link));
  // Called as `acme`, it finds its manifest by that name. Of this process's own environment there is only what
  // toolchains need to be found by.
  const { GATEPASS_APP: _, ...home } = terminal.env;
  const { HOME, PATH, RUSTUP_HOME = join(HOME, '.rustup'), RUSTUP_TOOLCHAIN } = process.env;
  const env = { ...home, PATH: `${bin}:${PATH}`, RUSTUP_HOME, ...(RUSTUP_TOOLCHAIN && { RUSTUP_TOOLCHAIN }) };
  /** Gives hosts to the manifest. */
  const map = (hosts) => {
    const lines = Object.entries(hosts).flatMap(([host, entry]) => [`[credentials.${JSON.stringify(host)}]`, ...Object.entries(entry).map(([key, value]) => `${key} = ${JSON.stringify(value)}`)]);
    writeFileSync(terminal.manifest, `${readFileSync(terminal.manifest, 'utf8')}${lines.join('\n')}\n`);
  };
  /** Runs a program in this home to its end. */
  const run = async (command, args, { input, env: more } = {}) => {
    const program = new Program(command, args, { env: { ...env, ...more }, input });
    const { code, signal } = await program.ended;
    return { code: code ?? signal, stdout: program.stdout, stderr: program.stderr };
  };
  const login = async () => {
    const { program, url } = await terminal.login();
    await signIn(authority, new Visitor(), url);
    assert.equal((await program.ended).code, 0, program.stderr);
  };
  /** Lets time pass for both, so that the access token expires. */
  const later = (seconds) => {
    authority.later(seconds);
    terminal.later(seconds);
  };
  return { authority, terminal, bin, map, run, login, later };
}

/** A host that lets in whoever shows a good token in one of its ways, and remembers how. */
async function host(t, authority, { answer, challenge = 'Basic realm="acme"', headers = {}, tls, open = () => false }) {
  const seen = [];
  const refused = new Set();
  const listener = async (request, response) => {
    const { authorization = '' } = request.headers;
    const [scheme, value = ''] = authorization.split(' ');
    const [username, password] = scheme === 'Basic' ? Buffer.from(value, 'base64').toString().split(':') : [];
    const token = scheme === 'Basic' ? password : value;
    const body = await buffer(request);
    response.setHeaders(new Map(Object.entries(headers)));
    if (authorization) seen.push({ scheme, username, token, path: request.url });
    const good = token && !refused.has(token) && (await fetch(`${authority.issuer}/userinfo`, { headers: { authorization: `Bearer ${token}` } })).ok;
    if (!good && !open(request)) return response.writeHead(401, { 'www-authenticate': typeof challenge === 'string' ? challenge : challenge(request) }).end();
    return answer(request, response, body);
  };
  const server = tls ? createTlsServer(tls, listener) : createServer(listener);
  await new Promise((done) => server.listen(0, '127.0.0.1', done));
  cleanUp(t, () => {
    server.closeAllConnections();
    server.close();
  });
  const name = `127.0.0.1:${server.address().port}`;
  return { name, url: `${tls ? 'https' : 'http'}://${name}`, seen, refused };
}

/** The token that a host of this audience gets. */
const tokenOf = async (terminal, { issuer }) => (await terminal.run('token', '--audience', issuer)).stdout.trim();

const json = (response, value, type = 'application/json') => response.writeHead(200, { 'content-type': type }).end(JSON.stringify(value));

/** The answer of a helper that is called by hand, as lines `name=value`. */
const attributes = (stdout) => Object.fromEntries(stdout.trim().split('\n').filter(Boolean).map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]));

/** A repository, served by git's own program for that. */
async function repository(t, run) {
  const place = folder(t, 'repository');
  const work = join(place, 'work');
  const git = async (...args) => assert.equal((await run('git', args)).code, 0, args.join(' '));
  await git('init', '-q', work);
  await git('-C', work, '-c', 'user.name=Ada', '-c', 'user.email=ada@example.com', 'commit', '-q', '--allow-empty', '-m', 'first');
  await git('clone', '-q', '--bare', work, join(place, 'acme.git'));
  return async (request, response, body) => {
    const { pathname, searchParams } = new URL(request.url, 'http://git');
    const meta = { GIT_PROJECT_ROOT: place, GIT_HTTP_EXPORT_ALL: '1', PATH_INFO: pathname, QUERY_STRING: `${searchParams}`, REQUEST_METHOD: request.method, CONTENT_TYPE: request.headers['content-type'] ?? '', HTTP_CONTENT_ENCODING: request.headers['content-encoding'] ?? '' };
    const backend = spawn('git', ['http-backend'], { env: { PATH: process.env.PATH, HOME: place, ...meta }, stdio: ['pipe', 'pipe', 'ignore'] });
    backend.stdin.end(body);
    const answer = await buffer(backend.stdout);
    const end = answer.indexOf('\r\n\r\n');
    const headers = answer.subarray(0, end).toString().split('\r\n').map((line) => line.split(': '));
    const status = Number.parseInt(headers.find(([name]) => name === 'Status')?.[1] ?? '200', 10);
    response.writeHead(status, Object.fromEntries(headers.filter(([name]) => name !== 'Status'))).end(answer.subarray(end + 4));
  };
}

const GIT = { GIT_TERMINAL_PROMPT: '0', GIT_ASKPASS: '' };

test('git clones with a password, and after a refusal with a new one', { skip: without('git') }, async (t) => {
  const { authority, terminal, map, run, login, later } = await acme(t, { links: ['git-credential-acme'] });
  const server = await host(t, authority, { answer: await repository(t, run) });
  map({ [server.name]: { audience: authority.issuer, username: 'ada' } });
  await login();
  const clone = (into) => run('git', ['-c', 'credential.helper=acme', 'clone', '-q', `${server.url}/acme.git`, join(terminal.home, into)], { env: GIT });
  const first = await clone('one');
  assert.equal(first.code, 0, first.stderr);
  assert.equal(first.stderr, '');
  assert.deepEqual([server.seen[0].scheme, server.seen[0].username], ['Basic', 'ada']);

  later(3601);
  assert.equal((await clone('two')).code, 0, 'an expired token is refreshed');
  const { token } = server.seen.at(-1);
  assert.notEqual(token, server.seen[0].token);

  // A server that does not like the token any more: git says so once, and the next token is another.
  server.refused.add(token);
  const refreshes = authority.count('/oauth/token', 200);
  const refused = await clone('three');
  assert.equal(refused.code, 128);
  assert.match(refused.stderr, /Authentication failed/);
  assert.equal((await clone('four')).code, 0);
  assert.equal(authority.count('/oauth/token', 200) - refreshes, 1, 'one refresh for one refusal');
  assert.equal((await terminal.json('status')).signed_in, true);

  const told = await run('git-credential-acme', ['erase'], { input: `protocol=http\nhost=${server.name}\npassword=older\n` });
  assert.deepEqual(told, { code: 0, stdout: '', stderr: '' });
  assert.equal(authority.count('/oauth/token', 200) - refreshes, 1, 'what was refused before is not refused again');
});

test('git clones with a bearer token where the server asks for one', { skip: without('git') }, async (t) => {
  const { authority, terminal, map, run, login } = await acme(t);
  const [major, minor] = /(\d+)\.(\d+)/.exec((await run('git', ['--version'])).stdout).slice(1).map(Number);
  if (major < 2 || (major === 2 && minor < 46)) return t.skip('git 2.46 is not installed');
  const server = await host(t, authority, { answer: await repository(t, run), challenge: 'Bearer realm="acme"' });
  map({ [server.name]: { audience: authority.issuer } });
  await login();
  const clone = await run('git', ['-c', 'credential.helper=!acme credential git', 'clone', '-q', `${server.url}/acme.git`, join(terminal.home, 'one')], { env: GIT });
  assert.equal(clone.code, 0, clone.stderr);
  assert.equal(server.seen[0].scheme, 'Bearer');
  return undefined;
});

test('git goes on asking where nobody knows the host, and not where nobody is signed in', { skip: without('git') }, async (t) => {
  const { authority, terminal, map, run, login } = await acme(t, { links: ['git-credential-acme'] });
  map({ 'git.acme.example': { audience: authority.issuer }, 'bot.acme.example': { username: 'bot' } });
  const fill = (address, helper = 'acme') => run('git', ['-c', `credential.helper=${helper}`, 'credential', 'fill'], { input: `url=${address}\n\n`, env: GIT });

  let answer = await fill('https://git.acme.example/x');
  assert.equal(answer.code, 128);
  assert.match(answer.stderr, /^error: nobody is signed in\nhint: run `acme login`\n/);
  assert.match(answer.stderr, /told us to quit/);
  assert.equal(answer.stdout, '');

  await login();
  const token = await tokenOf(terminal, authority);
  answer = attributes((await fill('https://git.acme.example/x')).stdout);
  assert.deepEqual([answer.username, answer.password], ['oauth2', token]);
  assert.equal(Number(answer.password_expiry_utc), (await terminal.json('token', '--audience', authority.issuer)).expires_at);
  assert.equal(attributes((await fill('https://ada@git.acme.example')).stdout).username, 'ada', 'the name in the address stays');

  for (const address of ['https://evil.example', 'https://git.acme.example.evil.example', 'http://git.acme.example', 'https://git.acme.example:8443', 'https://ada@bot.acme.example']) {
    answer = await fill(address);
    assert.match(answer.stderr, /could not read (Username|Password)/, address);
    assert.doesNotMatch(answer.stdout + answer.stderr, new RegExp(`${token}|error:`));
  }
  for (const action of ['store', 'something-new']) {
    assert.deepEqual(await run('git-credential-acme', [action], { input: 'protocol=https\nhost=git.acme.example\npassword=x\n' }), { code: 0, stdout: '', stderr: '' });
  }
});

test('docker gets an identity token, or a user name and a password', { skip: without('docker') }, async (t) => {
  const { authority, terminal, map, run, login } = await acme(t, { links: ['docker-credential-acme'] });
  const image = JSON.stringify({ architecture: 'amd64', os: 'linux', rootfs: { type: 'layers', diff_ids: [] } });
  const digest = `sha256:${createHash('sha256').update(image).digest('hex')}`;
  const docker = 'application/vnd.docker';
  const manifest = { schemaVersion: 2, mediaType: `${docker}.distribution.manifest.v2+json`, config: { mediaType: `${docker}.container.image.v1+json`, size: image.length, digest }, layers: [] };
  const registry = ({ url }, response) => {
    if (url.includes('/manifests/')) return json(response, manifest, manifest.mediaType);
    return url.includes('/blobs/') ? response.writeHead(200, { 'content-type': 'application/octet-stream' }).end(image) : json(response, {});
  };
  const headers = { 'docker-distribution-api-version': 'registry/2.0' };
  const basic = await host(t, authority, { headers, answer: registry });
  // A registry whose token server takes the identity token as a refresh token, and gives another for it.
  const traded = [];
  const bearer = await host(t, authority, {
    headers,
    challenge: (request) => `Bearer realm="http://${request.headers.host}/token",service="acme"`,
    open: ({ url }) => url === '/token',
    answer: (request, response, body) => {
      if (request.url !== '/token') return registry(request, response);
      traded.push(Object.fromEntries(new URLSearchParams(body.toString())));
      return json(response, { access_token: traded.at(-1).refresh_token, expires_in: 60 });
    },
  });
  map({ [basic.name]: { audience: authority.issuer, username: 'ada' }, [bearer.name]: { audience: authority.issuer } });
  const credHelpers = Object.fromEntries([basic.name, bearer.name, 'other.example'].map((name) => [name, 'acme']));
  mkdirSync(join(terminal.home, '.docker'));
  writeFileSync(join(terminal.home, '.docker/config.json'), JSON.stringify({ credHelpers }));
  const inspect = ({ name }) => run('docker', ['manifest', 'inspect', '--insecure', `${name}/acme/app:1`]);

  const helper = (action, input) => run('docker-credential-acme', [action], { input });
  assert.deepEqual(await helper('get', basic.name), { code: 1, stdout: 'nobody is signed in: run `acme login`\n', stderr: '' });
  await login();
  const token = await tokenOf(terminal, authority);
  for (const server of [basic, bearer]) {
    const answer = await inspect(server);
    assert.equal(answer.code, 0, answer.stderr);
    assert.equal(JSON.parse(answer.stdout).config.digest, digest);
  }
  assert.deepEqual(basic.seen.map(({ scheme, username, token: shown }) => [scheme, username, shown]).at(-1), ['Basic', 'ada', token]);
  assert.deepEqual([traded[0].grant_type, traded[0].refresh_token], ['refresh_token', token]);

  assert.deepEqual(JSON.parse((await helper('get', `${bearer.name}\n`)).stdout), { ServerURL: bearer.name, Username: '<token>', Secret: token });
  const nothing = { code: 1, stdout: 'credentials not found in native keychain\n', stderr: '' };
  for (const name of ['other.example', 'https://index.docker.io/v1/', `${basic.name}@other.example`, '']) assert.deepEqual(await helper('get', name), nothing, name);
  assert.deepEqual(await helper('list', ''), { code: 0, stdout: '{}\n', stderr: '' });

  // What came from here may come back; a password that a person typed, and a logout, are not for a keychain.
  const kept = (Username) => helper('store', JSON.stringify({ ServerURL: basic.name, Username, Secret: 'x' }));
  assert.equal((await kept('ada')).code, 0);
  assert.deepEqual(await kept('eve'), { code: 1, stdout: 'nothing is kept here beside the session: run `acme login`\n', stderr: '' });
  assert.deepEqual(await helper('erase', basic.name), { code: 1, stdout: 'nothing is kept here beside the session: run `acme logout`\n', stderr: '' });
  assert.equal((await run('docker', ['logout', basic.name])).code, 0);
  assert.equal((await terminal.json('status')).signed_in, true);
});

/** A certificate for this machine, made for one test. */
async function certificate(t, run) {
  const place = folder(t, 'certificate');
  const [key, cert] = [join(place, 'key.pem'), join(place, 'cert.pem')];
  const made = await run('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-keyout', key, '-out', cert, '-days', '2', '-subj', '/CN=127.0.0.1', '-addext', 'subjectAltName=IP:127.0.0.1']);
  assert.equal(made.code, 0, made.stderr);
  return { place: cert, key: readFileSync(key), cert: readFileSync(cert) };
}

const V1 = 'client.authentication.k8s.io/v1';

test('kubectl gets a token and when it ends', { skip: without('kubectl', 'openssl') }, async (t) => {
  const { authority, terminal, bin, map, run, login, later } = await acme(t);
  const { clientVersion: kubectl } = JSON.parse((await run('kubectl', ['version', '--client', '-o', 'json'])).stdout);
  if (kubectl.major === '1' && Number.parseInt(kubectl.minor, 10) < 22) return t.skip('kubectl 1.22 is not installed');
  const tls = await certificate(t, run);
  const version = { major: '1', minor: '32', gitVersion: 'v1.32.0', platform: 'linux/amd64' };
  const server = await host(t, authority, { tls, challenge: 'Bearer', answer: (_request, response) => json(response, version) });
  map({ [server.name]: { audience: authority.issuer } });
  await login();
  const kubeconfig = join(terminal.home, 'kubeconfig');
  const configure = (exec) => {
    const cluster = { server: server.url, 'certificate-authority': tls.place };
    const user = { exec: { apiVersion: V1, command: join(bin, 'acme'), interactiveMode: 'Never', ...exec } };
    const list = (name, kind, value) => [{ name, [kind]: value }];
    writeFileSync(kubeconfig, JSON.stringify({ apiVersion: 'v1', kind: 'Config', 'current-context': 'acme', clusters: list('acme', 'cluster', cluster), users: list('acme', 'user', user), contexts: list('acme', 'context', { cluster: 'acme', user: 'acme' }) }));
  };
  const ask = () => run('kubectl', ['--kubeconfig', kubeconfig, 'get', '--raw', '/version']);
  for (const exec of [
    { args: ['credential', 'kubectl', server.name] },
    { args: ['credential', 'kubectl'], provideClusterInfo: true },
    { args: ['credential', 'kubectl'], provideClusterInfo: true, apiVersion: `${V1}beta1` },
  ]) {
    configure(exec);
    const answer = await ask();
    assert.equal(answer.code, 0, answer.stderr);
    assert.equal(JSON.parse(answer.stdout).gitVersion, 'v1.32.0');
    assert.equal(server.seen.at(-1).token, await tokenOf(terminal, authority));
  }
  const { expires_at: end } = await terminal.json('token', '--audience', authority.issuer);
  const printed = await run('acme', ['credential', 'kubectl', server.name]);
  const status = { expirationTimestamp: new Date(end * 1000).toISOString().replace('.000', ''), token: server.seen.at(-1).token };
  assert.deepEqual(JSON.parse(printed.stdout), { apiVersion: 'client.authentication.k8s.io/v1', kind: 'ExecCredential', status });

  later(3601);
  assert.equal((await ask()).code, 0);
  assert.notEqual(server.seen.at(-1).token, status.token);

  configure({ args: ['credential', 'kubectl', 'k8s.other.example'] });
  const other = await ask();
  assert.equal(other.code, 1);
  assert.match(other.stderr, /`k8s\.other\.example` is not among the manifest's \[credentials\]/);
  assert.equal((await terminal.run('logout')).code, 0);
  configure({ args: ['credential', 'kubectl', server.name] });
  assert.match((await ask()).stderr, /error: nobody is signed in\nhint: run `\S+ login`/);
  return undefined;
});

test('the AWS command line gets keys of a role', { skip: without('aws') }, async (t) => {
  const { authority, terminal, map, run, login } = await acme(t);
  const asked = [];
  let trouble;
  // What is played here is the form in which STS speaks; whether the token is good, our authority says.
  const sts = await host(t, authority, {
    open: () => true,
    answer: async (request, response, body) => {
      const form = Object.fromEntries(new URLSearchParams(body.toString()));
      asked.push({ form, request });
      const xml = (status, text) => response.writeHead(status, { 'content-type': 'text/xml' }).end(text);
      if (trouble) return xml(trouble.status, `<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><Error><Type>Sender</Type><Code>${trouble.code}</Code><Message>a secret of STS</Message></Error></ErrorResponse>`);
      const credentials = `<Credentials><AccessKeyId>ASIAACME</AccessKeyId><SecretAccessKey>k/e+y=</SecretAccessKey><SessionToken>a&amp;b</SessionToken><Expiration>${new Date(Date.now() + 3_600_000).toISOString()}</Expiration></Credentials>`;
      const identity = '<UserId>AROA:ada</UserId><Account>123456789012</Account><Arn>arn:aws:sts::123456789012:assumed-role/acme/ada</Arn>';
      const { Action } = form;
      const result = Action === 'GetCallerIdentity' ? identity : credentials;
      return xml(200, `<${Action}Response xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><${Action}Result>${result}</${Action}Result></${Action}Response>`);
    },
  });
  const role = 'arn:aws:iam::123456789012:role/acme';
  map({ aws: { audience: authority.issuer, sts: sts.url, role_arn: role }, 'git.acme.example': {} });
  await login();
  mkdirSync(join(terminal.home, '.aws'));
  writeFileSync(join(terminal.home, '.aws/config'), '[default]\nregion = eu-central-1\ncredential_process = acme credential aws\n');
  const identity = () => run('aws', ['sts', 'get-caller-identity', '--output', 'json', '--endpoint-url', sts.url]);
  const answer = await identity();
  assert.equal(answer.code, 0, answer.stderr);
  assert.equal(JSON.parse(answer.stdout).Account, '123456789012');
  const [{ form }, { request }] = asked;
  const token = await tokenOf(terminal, authority);
  assert.deepEqual(form, { Action: 'AssumeRoleWithWebIdentity', Version: '2011-06-15', RoleArn: role, RoleSessionName: 'user@example.com', WebIdentityToken: token });
  assert.match(request.headers.authorization, /^AWS4-HMAC-SHA256 Credential=ASIAACME\//);
  assert.equal(request.headers['x-amz-security-token'], 'a&b');
  assert.deepEqual(searchFiles(terminal.home, ['k/e+y=']), [], 'no key is kept');

  trouble = { status: 403, code: 'AccessDenied' };
  const denied = await identity();
  assert.notEqual(denied.code, 0);
  assert.match(denied.stderr, /STS refuses: the role does not trust this account/);
  assert.doesNotMatch(denied.stderr, /a secret of STS/);
  trouble = { status: 503, code: 'ServiceUnavailable' };
  assert.deepEqual(await run('acme', ['credential', 'aws', 'aws']), { code: 4, stdout: '', stderr: 'error: STS cannot be reached or is out of order\n' });
  const wrong = await run('acme', ['credential', 'aws', 'git.acme.example']);
  assert.deepEqual([wrong.code, wrong.stdout], [2, '']);
  assert.match(wrong.stderr, /has no `sts` and `role_arn`/);
});

test('Cargo reads a private registry', { skip: without('cargo') }, async (t) => {
  const { authority, terminal, bin, map, run, login, later } = await acme(t, { links: ['cargo-credential-acme'] });
  const crate = { name: 'acme-crate', vers: '1.2.3', deps: [], cksum: '0'.repeat(64), features: {}, yanked: false };
  const server = await host(t, authority, {
    challenge: 'Bearer',
    answer: ({ url, headers }, response) => {
      if (url === '/index/config.json') return json(response, { dl: `http://${headers.host}/dl`, api: `http://${headers.host}`, 'auth-required': true });
      return url === '/index/ac/me/acme-crate' ? json(response, crate, 'text/plain') : response.writeHead(404).end();
    },
  });
  map({ [server.name]: { audience: authority.issuer } });
  const project = join(terminal.home, 'project');
  mkdirSync(join(project, 'src'), { recursive: true });
  mkdirSync(join(project, '.cargo'));
  writeFileSync(join(project, 'src/lib.rs'), '');
  writeFileSync(join(project, 'Cargo.toml'), '[package]\nname = "project"\nedition = "2021"\n[dependencies]\nacme-crate = { version = "1", registry = "acme" }\n[workspace]\n');
  const configure = (url, provider) => writeFileSync(join(project, '.cargo/config.toml'), `[registries.acme]\nindex = "sparse+${url}/index/"\ncredential-provider = ${JSON.stringify(provider)}\n`);
  const cargo = (...words) => run('cargo', ['-C', project, '-Z', 'unstable-options', ...words], { env: { RUSTC_BOOTSTRAP: '1' } });

  configure(server.url, [join(bin, 'acme')]);
  const nobody = await cargo('generate-lockfile');
  assert.equal(nobody.code, 101);
  assert.match(nobody.stderr, /nobody is signed in: run `acme login`/);
  await login();
  for (const provider of [[join(bin, 'acme')], ['cargo-credential-acme']]) {
    configure(server.url, provider);
    const lock = await cargo('generate-lockfile');
    assert.equal(lock.code, 0, lock.stderr);
    assert.match(readFileSync(join(project, 'Cargo.lock'), 'utf8'), /name = "acme-crate"\nversion = "1\.2\.3"/);
    assert.deepEqual([server.seen.at(-1).scheme, server.seen.at(-1).token], ['Bearer', await tokenOf(terminal, authority)]);
  }
  later(3601);
  const before = server.seen.at(-1).token;
  assert.equal((await cargo('update')).code, 0);
  assert.notEqual(server.seen.at(-1).token, before);

  const typed = await cargo('login', '--registry', 'acme');
  assert.match(typed.stderr, /this registry's tokens come from a session: run `acme login`/);
  configure(server.url, [join(bin, 'acme'), 'more']);
  assert.match((await cargo('update')).stderr, /takes no more words than the path of acme/);
  const elsewhere = await host(t, authority, { challenge: 'Bearer', answer: (_request, response) => json(response, {}) });
  configure(elsewhere.url, [join(bin, 'acme')]);
  const other = await cargo('update');
  assert.equal(other.code, 101);
  assert.match(other.stderr, /no credential providers could handle the request/);
  assert.equal(elsewhere.seen.length, 0);
});

test('npm runs with the token, and its file names a variable', { skip: without('npm') }, async (t) => {
  const { authority, terminal, map, run, login } = await acme(t);
  const published = [];
  const server = await host(t, authority, {
    challenge: 'Bearer',
    answer: ({ url, method }, response, body) => {
      if (url === '/-/whoami') return json(response, { username: 'ada' });
      if (method === 'PUT') published.push(JSON.parse(body).name);
      return method === 'PUT' ? json(response, { ok: true }) : response.writeHead(404).end('{}');
    },
  });
  map({ [server.name]: { audience: authority.issuer } });
  await login();
  const place = join(terminal.home, 'package');
  mkdirSync(place);
  writeFileSync(join(place, 'package.json'), JSON.stringify({ name: 'acme-package', version: '1.0.0', publishConfig: { registry: `${server.url}/` } }));
  const quiet = { npm_config_update_notifier: 'false', npm_config_registry: `${server.url}/` };
  const npm = (...words) => run('acme', ['credential', 'npm', '--', 'npm', '--prefix', place, ...words], { env: quiet });
  const publish = await npm('publish', place);
  assert.equal(publish.code, 0, publish.stderr);
  assert.deepEqual(published, ['acme-package']);
  const token = await tokenOf(terminal, authority);
  assert.deepEqual([server.seen.at(-1).scheme, server.seen.at(-1).token], ['Bearer', token]);
  assert.deepEqual(await npm('whoami'), { code: 0, stdout: 'ada\n', stderr: '' });
  assert.notEqual((await run('npm', ['whoami'], { env: quiet })).code, 0, 'without it, nobody');

  const line = await run('acme', ['credential', 'npm']);
  assert.deepEqual(line, { code: 0, stdout: `//${server.name}/:_authToken=\${NPM_TOKEN}\n`, stderr: '' });
  writeFileSync(join(terminal.home, '.npmrc'), line.stdout);
  const variable = await run('acme', ['credential', 'npm', '--', 'env']);
  assert.match(variable.stdout, new RegExp(`^NPM_TOKEN=${token}$`, 'm'));
  assert.equal((await run('npm', ['whoami'], { env: { ...quiet, NPM_TOKEN: token } })).stdout, 'ada\n');

  const failed = await run('acme', ['credential', 'npm', '--', 'sh', '-c', 'exit 7']);
  assert.equal(failed.code, 7, 'the exit code is the command\'s');
  assert.match((await run('acme', ['credential', 'npm', '--', 'no-such-program'])).stderr, /^error: cannot run `no-such-program`/);
  assert.match((await run('acme', ['credential', 'npm', '--registry', 'npm.other.example', '--', 'env'])).stderr, /not among the manifest's/);
});

test('pip reads a private index', { skip: without('python3', 'pip') }, async (t) => {
  const { authority, terminal, map, run, login, later } = await acme(t, { links: ['keyring'] });
  const wheel = join(terminal.home, 'acme_wheel-1.0-py3-none-any.whl');
  const script = 'import sys, zipfile\nz = zipfile.ZipFile(sys.argv[1], "w")\nd = "acme_wheel-1.0.dist-info/"\nz.writestr(d + "METADATA", "Metadata-Version: 2.1\\nName: acme-wheel\\nVersion: 1.0\\n")\nz.writestr(d + "WHEEL", "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n")\nz.writestr(d + "RECORD", "")\nz.close()\n';
  assert.equal((await run('python3', ['-c', script, wheel])).code, 0);
  const server = await host(t, authority, {
    answer: ({ url }, response) => {
      if (url === '/simple/acme-wheel/') return response.writeHead(200, { 'content-type': 'text/html' }).end('<a href="/files/acme_wheel-1.0-py3-none-any.whl">acme_wheel-1.0-py3-none-any.whl</a>');
      return url.startsWith('/files/') ? response.writeHead(200).end(readFileSync(wheel)) : response.writeHead(404).end();
    },
  });
  map({ [server.name]: { audience: authority.issuer, username: 'ada' } });
  await login();
  const pip = { PIP_KEYRING_PROVIDER: 'subprocess', PIP_DISABLE_PIP_VERSION_CHECK: '1', PIP_NO_CACHE_DIR: '1', PIP_CONFIG_FILE: '/dev/null' };
  const download = (into, user) => run('pip', ['download', '--no-deps', '-d', join(terminal.home, into), '--index-url', server.url.replace('//', `//${user}@`) + '/simple/', 'acme-wheel'], { env: pip });
  const first = await download('one', 'ada');
  assert.equal(first.code, 0, first.stderr);
  assert.ok(existsSync(join(terminal.home, 'one/acme_wheel-1.0-py3-none-any.whl')));
  const token = await tokenOf(terminal, authority);
  assert.deepEqual([server.seen.at(-1).username, server.seen.at(-1).token], ['ada', token]);

  // pip is not told when a token ends: one that is about to end is not handed out.
  later(3601 - 240);
  assert.equal((await download('two', 'ada')).code, 0);
  assert.notEqual(server.seen.at(-1).token, token);

  const service = `${server.url}/simple/`;
  const fresh = await tokenOf(terminal, authority);
  assert.deepEqual(await run('keyring', ['get', service, 'ada']), { code: 0, stdout: `${fresh}\n`, stderr: '' });
  assert.deepEqual(await run('keyring', ['--mode', 'creds', 'get', service]), { code: 0, stdout: `ada\n${fresh}\n`, stderr: '' });
  // A bare host does not say whether it is asked in plain text.
  for (const [where, who] of [['https://pypi.org/simple/', 'ada'], [service, 'eve'], [server.name, 'ada']]) {
    assert.deepEqual(await run('keyring', ['get', where, who]), { code: 1, stdout: '', stderr: '' }, where);
  }
  assert.equal((await run('keyring', ['set', service, 'ada'], { input: 'x\n' })).code, 1);
  assert.notEqual((await download('three', 'eve')).code, 0);
});

test('each host gets a token of its own audience, with no more scopes than it needs', async (t) => {
  const config = 'audiences = ["https://api.acme.example", "https://git.acme.example", "https://pypi.acme.example"]';
  const { map, run, login } = await acme(t, { links: ['git-credential-acme', 'keyring'], config });
  map({ 'git.acme.example': { audience: 'https://git.acme.example', scope: 'openid' }, 'pypi.acme.example': { resource: 'https://pypi.acme.example' }, 'api.acme.example': {} });
  await login();
  const git = (name) => run('git-credential-acme', ['get'], { input: `protocol=https\nhost=${name}\n` });
  const claims = (token) => JSON.parse(Buffer.from(token.split('.')[1], 'base64url'));
  const narrow = claims(attributes((await git('git.acme.example')).stdout).password);
  assert.deepEqual([narrow.aud, narrow.scope], ['https://git.acme.example', 'openid']);
  assert.equal(claims((await run('keyring', ['get', 'https://pypi.acme.example/simple/', 'x'])).stdout).aud, 'https://pypi.acme.example');
  assert.equal(claims(attributes((await git('api.acme.example')).stdout).password).aud, 'https://api.acme.example', 'as at sign-in');
});

test('each program can be told by its own means to ask here', { skip: without('git', 'docker', 'kubectl', 'aws', 'npm', 'pip') }, async (t) => {
  const { authority, terminal, bin, map, run, login } = await acme(t);
  const server = await host(t, authority, { answer: await repository(t, run) });
  map({ [server.name]: { audience: authority.issuer }, aws: { sts: server.url, role_arn: 'arn:aws:iam::123456789012:role/acme' } });
  await login();
  const home = (name) => join(terminal.home, name);
  const install = (...words) => run('acme', ['credential', 'install', ...words], { env: { PIP_CONFIG_FILE: home('pip.conf'), DOCKER_CONFIG: home('.docker') } });
  const clone = (into) => run('git', ['clone', '-q', `${server.url}/acme.git`, home(into)], { env: GIT });

  const shown = await install('git', server.name);
  assert.deepEqual(shown, { code: 0, stdout: `git config --global credential.${server.url}.helper '!${bin}/acme credential git'\n`, stderr: 'nothing was changed; --yes does it\n' });
  assert.equal((await clone('one')).code, 128);
  assert.equal((await install('git', server.name, '--yes')).code, 0);
  assert.equal((await clone('two')).code, 0);

  const docker = await install('docker', server.name, '--yes');
  assert.equal(docker.code, 0, docker.stderr);
  assert.deepEqual(JSON.parse(readFileSync(home('.docker/config.json'), 'utf8')), { credHelpers: { [server.name]: 'acme' } });
  assert.equal(JSON.parse((await run('docker-credential-acme', ['get'], { input: server.name })).stdout).ServerURL, server.name);
  assert.equal((await install('docker', server.name, '--yes')).code, 0, 'twice is no harm');

  assert.equal((await install('aws', '--yes')).code, 0, 'the only one with a role');
  assert.match(readFileSync(home('.aws/config'), 'utf8'), /\[profile acme\]\ncredential_process = \S+\/bin\/acme credential aws aws\n/);

  assert.equal((await install('npm', server.name, '--yes')).code, 0);
  assert.equal(readFileSync(home('.npmrc'), 'utf8'), `//${server.name}/:_authToken=\${NPM_TOKEN}\n`);

  assert.equal((await install('pip', server.name, '--yes')).code, 0);
  assert.match((await run('keyring', ['get', `${server.url}/simple/`, 'x'])).stdout, /^\S{20,}\n$/);

  const kubectl = await install('kubectl', server.name, '--yes');
  if (kubectl.code === 0) {
    const { users } = JSON.parse((await run('kubectl', ['config', 'view', '-o', 'json'])).stdout);
    const { exec } = users.find(({ name }) => name === 'acme').user;
    assert.deepEqual([exec.command, exec.args, exec.apiVersion], [join(bin, 'acme'), ['credential', 'kubectl', server.name], V1]);
  } else {
    assert.match(kubectl.stderr, /unknown flag/, 'kubectl before 1.30 has to be told by hand');
  }

  assert.match((await install('cargo', server.name)).stdout, /^credential-provider = \["\/\S+\/bin\/acme"\]$/m);
  const unnamed = await terminal.run('--app', terminal.manifest, 'credential', 'install', 'docker', server.name, '--yes');
  assert.equal(unnamed.code, 2);
  assert.match(unnamed.stderr, /called by its name alone: save the manifest as .*apps\/acme\.toml/);
  const taken = await install('docker', 'git.other.example', '--yes');
  assert.match(taken.stderr, /not among the manifest's/);
});

test('a token that is bound to a key is not handed to a program that cannot prove it', async (t) => {
  const { authority, terminal, map, run, login } = await acme(t, { dpop: 'required', links: ['git-credential-acme'] });
  map({ 'git.acme.example': { audience: authority.issuer } });
  await login();
  assert.equal((await terminal.json('status')).bound, true);
  const bound = await run('git-credential-acme', ['get'], { input: 'protocol=https\nhost=git.acme.example\n\n' });
  assert.deepEqual([bound.code, bound.stdout], [2, 'quit=1\n']);
  assert.match(bound.stderr, /^error: the session's tokens are bound to a key.*`dpop = "off"` in the manifest and run `acme login` again\n$/);
});

test('a given token is handed on, and to no other host', async (t) => {
  const { terminal, map, run } = await acme(t, { links: ['git-credential-acme'] });
  map({ 'git.acme.example': {} });
  writeFileSync(terminal.manifest, `${readFileSync(terminal.manifest, 'utf8')}[variables]\ntoken = ["ACME_TOKEN"]\n`);
  const get = (name) => run('git-credential-acme', ['get'], { input: `protocol=https\nhost=${name}\n\n`, env: { ACME_TOKEN: 'given' } });
  assert.deepEqual(await get('git.acme.example'), { code: 0, stdout: 'username=oauth2\npassword=given\n', stderr: '' });
  assert.deepEqual(await get('evil.example'), { code: 0, stdout: '', stderr: '' });

  // kubectl says which server gets the token, whatever the kubeconfig names.
  const kubectl = (server) => {
    const info = { apiVersion: V1, kind: 'ExecCredential', spec: { cluster: { server }, interactive: false } };
    return run('acme', ['credential', 'kubectl', 'git.acme.example'], { env: { ACME_TOKEN: 'given', KUBERNETES_EXEC_INFO: JSON.stringify(info) } });
  };
  assert.equal(JSON.parse((await kubectl('https://git.acme.example/')).stdout).status.token, 'given');
  const foreign = await kubectl('https://k8s.evil.example');
  assert.deepEqual([foreign.code, foreign.stdout], [2, '']);
  assert.match(foreign.stderr, /^error: kubectl asks for `https:\/\/k8s\.evil\.example`, and `git\.acme\.example` is what its kubeconfig names\n$/);
});
