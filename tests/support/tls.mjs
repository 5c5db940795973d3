// An issuer behind TLS, whose certificate an authority of its own has signed, and a proxy that counts.
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { createServer, request as ask } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import { connect } from 'node:net';
import { join } from 'node:path';
import { cleanUp, folder } from './process.mjs';

/** What the machine must have to make certificates. */
export function opensslMissing() {
  try {
    execFileSync('openssl', ['version'], { stdio: 'ignore' });
    return undefined;
  } catch {
    return 'openssl';
  }
}

/** Listens at a free port until the test ends; gives the port. */
async function listen(t, server) {
  const sockets = new Set();
  server.on('connection', (socket) => sockets.add(socket).size && socket.once('close', () => sockets.delete(socket)));
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  cleanUp(t, () => new Promise((resolve) => {
    for (const socket of sockets) socket.destroy();
    server.close(resolve);
  }));
  return server.address().port;
}

/** A certificate for `localhost` and the authority that signed it. */
function certify(t) {
  const place = folder(t, 'tls');
  const at = (name) => join(place, name);
  const openssl = (...args) => execFileSync('openssl', args, { stdio: ['ignore', 'ignore', 'pipe'] });
  const fresh = (name) => ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', at(`${name}.key`)];
  openssl('req', '-x509', ...fresh('ca'), '-out', at('ca.pem'), '-days', '2', '-subj', '/CN=Acme test CA');
  openssl('req', ...fresh('host'), '-out', at('host.csr'), '-subj', '/CN=localhost');
  writeFileSync(at('host.ext'), 'subjectAltName=DNS:localhost\n');
  openssl('x509', '-req', '-in', at('host.csr'), '-CA', at('ca.pem'), '-CAkey', at('ca.key'), '-CAcreateserial', '-out', at('host.pem'), '-days', '2', '-extfile', at('host.ext'));
  return { ca: at('ca.pem'), place, key: readFileSync(at('host.key')), cert: readFileSync(at('host.pem')) };
}

/** An issuer that has metadata and nothing else: enough for a login to say where to go. */
export async function startSecureIssuer(t) {
  const { key, cert, ca, place } = certify(t);
  let issuer;
  const server = createSecureServer({ key, cert }, (_request, response) => {
    const of = (path) => `${issuer}${path}`;
    response.setHeader('content-type', 'application/json');
    response.end(JSON.stringify({ issuer, authorization_endpoint: of('/authorize'), token_endpoint: of('/token'), jwks_uri: of('/jwks') }));
  });
  issuer = `https://localhost:${await listen(t, server)}`;
  return { issuer, ca, place };
}

/** TLS before a server, as an operator's proxy: everything goes to `front.target`, but for pages of the test's own. */
export async function startSecureFront(t, pages = {}) {
  const { key, cert, ca } = certify(t);
  const front = { ca };
  const server = createSecureServer({ key, cert }, (request, response) => {
    if (Object.hasOwn(pages, request.url)) return response.setHeader('content-type', 'text/html').end(pages[request.url]);
    const { hostname, port } = new URL(front.target);
    const forward = ask({ hostname, port, method: request.method, path: request.url, headers: request.headers });
    forward.on('response', (answer) => {
      response.writeHead(answer.statusCode, answer.headers);
      answer.pipe(response);
    });
    forward.on('error', () => response.destroy());
    request.pipe(forward);
  });
  front.port = await listen(t, server);
  front.origin = `https://localhost:${front.port}`;
  return front;
}

/** A proxy that lets everything through and remembers for whom. */
export async function startProxy(t) {
  const asked = [];
  const server = createServer();
  server.on('connect', (request, socket) => {
    asked.push({ for: request.url, credentials: request.headers['proxy-authorization'] });
    const [host, port] = request.url.split(':');
    const through = connect(Number(port), host === 'localhost' ? '127.0.0.1' : host, () => {
      socket.write('HTTP/1.1 200 OK\r\n\r\n');
      through.pipe(socket).pipe(through);
    });
    for (const end of [socket, through]) end.on('error', () => { socket.destroy(); through.destroy(); });
  });
  return { port: await listen(t, server), asked };
}
