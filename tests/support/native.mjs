// The program in the terminal, as far as an extension sees it: answers by the contract of native messaging.
import { createHash, createPublicKey, randomBytes, verify } from 'node:crypto';
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { cleanUp, folder } from './process.mjs';
import { inTree } from './tree.mjs';

export const HOST = 'dev.gatepass.gatepass';

const sha256 = (text) => createHash('sha256').update(text).digest();
export const thumbprint = ({ crv, kty, x, y }) => sha256(JSON.stringify({ crv, kty, x, y })).toString('base64url');

/** Three proquints (draft of D. S. Wilkerson): 16 bits are consonant, vowel, consonant, vowel, consonant. */
export function phraseOf(bytes) {
  const word = (at) => {
    const bits = bytes.readUInt16BE(at);
    const consonant = (shift) => 'bdfghjklmnprstvz'[(bits >> shift) & 15];
    const vowel = (shift) => 'aiou'[(bits >> shift) & 3];
    return consonant(12) + vowel(10) + consonant(6) + vowel(4) + consonant(0);
  };
  return [0, 2, 4].map(word).join('-');
}

/** The claims of a compact JWS, if the key signed it. */
export function claimsOf(jws, jwk) {
  const [header, payload, signature] = jws.split('.');
  const key = createPublicKey({ key: jwk, format: 'jwk' });
  const good = verify('sha256', Buffer.from(`${header}.${payload}`), { key, dsaEncoding: 'ieee-p1363' }, Buffer.from(signature, 'base64url'));
  const read = (part) => JSON.parse(Buffer.from(part, 'base64url'));
  return good ? { header: read(header), claims: read(payload) } : undefined;
}

/** Installs it for the browsers of a profile; what it does can be changed while it runs. */
export async function startTerminal(t, profile, origin) {
  const terminal = { installed: false, connections: 0, paired: new Set(), asked: [], decide: () => undefined, give: () => ({ code: 'not_signed_in' }) };
  const server = createServer((socket) => serve(terminal, socket));
  await new Promise((listening) => server.listen(0, '127.0.0.1', listening));
  const place = folder(t, 'host');
  const program = join(place, 'host');
  writeFileSync(program, `#!/bin/sh\nexec '${process.execPath}' '${inTree('tests/support/native-host.mjs')}' ${server.address().port} "$@"\n`);
  chmodSync(program, 0o755);
  terminal.install = () => {
    const hosts = join(profile, 'NativeMessagingHosts');
    mkdirSync(hosts, { recursive: true });
    writeFileSync(join(hosts, `${HOST}.json`), JSON.stringify({ name: HOST, description: 'Gatepass', path: program, type: 'stdio', allowed_origins: [origin] }));
  };
  /** Ends the program. */
  terminal.drop = () => terminal.socket.destroy();
  cleanUp(t, () => {
    terminal.socket?.destroy();
    server.close();
  });
  return terminal;
}

function serve(terminal, socket) {
  terminal.socket = socket;
  terminal.connections += 1;
  const challenge = randomBytes(32).toString('base64url');
  const say = (message) => socket.write(`${JSON.stringify(message)}\n`);
  const waiting = new Map();
  let origin;
  let key;
  let last = 0;
  socket.on('error', () => {});

  /** Asks the extension; gives its answer, whatever it is. */
  terminal.ask = (question) => {
    const id = (last += 1);
    say({ id, ...question });
    return new Promise((answer) => waiting.set(id, answer));
  };

  const answers = {
    hello({ id, version, key: own, name }) {
      key = own;
      terminal.hello = { version, key, name, origin };
      say({ id, type: 'hello', version: 1, program: 'gatepass', paired: terminal.paired.has(thumbprint(key)), challenge: terminal.challenge ?? challenge });
    },
    async pair({ id }) {
      const phrase = phraseOf(sha256(`gatepass-pairing-v1\n${origin}\n${thumbprint(key)}\n${challenge}`));
      terminal.phrase = phrase;
      say({ id, type: 'pairing', phrase: terminal.wrong ?? phrase, expires_in: 120 });
      const refused = await terminal.decide();
      if (refused) return say({ id, type: 'error', code: refused, message: 'no' });
      terminal.paired.add(thumbprint(key));
      say({ id, type: 'paired' });
    },
    token({ proof, ...question }) {
      const said = claimsOf(proof, key);
      terminal.asked.push({ question, said, challenge });
      const { code, ...token } = terminal.give(question);
      say(code ? { id: question.id, type: 'error', code, message: 'no' } : { id: question.id, type: 'token', ...token });
    },
  };

  createInterface({ input: socket }).on('line', (line) => {
    const message = JSON.parse(line);
    if (message.words) [origin] = message.words;
    else if (waiting.has(message.id) && (message.type === 'error' || message.access_token)) {
      waiting.get(message.id)(message);
      waiting.delete(message.id);
    } else answers[message.type]?.(message);
  });
}
