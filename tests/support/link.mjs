// A browser that starts a native messaging host for an extension, and the extension at the other end of the line.
import { createHash, randomUUID, webcrypto } from 'node:crypto';
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { endianness } from 'node:os';
import { join } from 'node:path';
import { cleanUp } from './process.mjs';

/** Who asks. */
export const EXTENSION = 'abcdefghijklmnopabcdefghijklmnop';

const ES256 = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
const little = endianness() === 'LE';
const { subtle } = webcrypto;

const json = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');

/** A token signed by ES256. */
async function signed(key, header, claims) {
  const input = `${json({ alg: 'ES256', ...header })}.${json(claims)}`;
  return `${input}.${Buffer.from(await subtle.sign(ES256, key.privateKey, Buffer.from(input))).toString('base64url')}`;
}

async function publicJwk(key) {
  const { crv, kty, x, y } = await subtle.exportKey('jwk', key);
  return { crv, kty, x, y };
}

/** RFC 7638. */
export const thumbprint = async (key) => createHash('sha256').update(JSON.stringify(await publicJwk(key))).digest('base64url');

/** Reads where the host is, as a browser does, and starts it. */
export class Browser {
  static async of(t, folder, name) {
    const manifest = JSON.parse(readFileSync(join(folder, 'NativeMessagingHosts', `${name}.json`), 'utf8'));
    return new Browser(t, manifest.path);
  }

  constructor(t, path) {
    this.t = t;
    this.path = path;
  }

  /** A new line, of a new key unless one is given. Browsers give a host little of an environment. */
  async connect(key) {
    key ??= await subtle.generateKey(ES256, true, ['sign', 'verify']);
    const receiver = await subtle.generateKey(ES256, true, ['sign', 'verify']);
    const child = spawn(this.path, [`chrome-extension://${EXTENSION}/`], { env: { PATH: '/usr/bin:/bin', HOME: '/nonexistent' }, stdio: ['pipe', 'pipe', 'inherit'] });
    const line = new Line(child, key, receiver, await thumbprint(receiver.publicKey));
    cleanUp(this.t, () => line.close());
    return line;
  }
}

class Line {
  constructor(child, key, receiver, jkt) {
    Object.assign(this, { child, key, receiver, jkt, id: 100, waiting: new Map(), heard: [], gives: undefined });
    this.end = new Promise((resolve) => child.once('close', (code, signal) => resolve({ code, signal })));
    let bytes = Buffer.alloc(0);
    child.stdin.on('error', () => {});
    child.stdout.on('data', (part) => {
      bytes = Buffer.concat([bytes, part]);
      for (;;) {
        const length = bytes.length >= 4 ? (little ? bytes.readUInt32LE(0) : bytes.readUInt32BE(0)) : Infinity;
        if (bytes.length < 4 + length) return;
        this.arrived(JSON.parse(bytes.subarray(4, 4 + length)));
        bytes = bytes.subarray(4 + length);
      }
    });
  }

  arrived(message) {
    // A question of the terminal's.
    if (message.type === 'token' && !message.access_token) {
      this.heard.push(message);
      return this.write({ id: message.id, ...this.gives(message) });
    }
    const { queue, take } = this.place(message.id);
    if (take.length > 0) take.shift()(message);
    else queue.push(message);
  }

  place(id) {
    if (!this.waiting.has(id)) this.waiting.set(id, { queue: [], take: [] });
    return this.waiting.get(id);
  }

  raw(bytes) {
    this.child.stdin.write(bytes);
  }

  write(message) {
    const text = Buffer.from(JSON.stringify(message));
    const length = Buffer.alloc(4);
    if (little) length.writeUInt32LE(text.length);
    else length.writeUInt32BE(text.length);
    this.raw(Buffer.concat([length, text]));
  }

  /** The next message with this id. */
  answerTo(id) {
    const { queue, take } = this.place(id);
    if (queue.length > 0) return Promise.resolve(queue.shift());
    const gone = this.end.then(() => Promise.reject(new Error('the host has ended')));
    gone.catch(() => {});
    return Promise.race([new Promise((resolve) => take.push(resolve)), gone]);
  }

  send(message) {
    this.write(message);
    return this.answerTo(message.id);
  }

  ask(message) {
    return this.send({ id: (this.id += 1), ...message });
  }

  async hello() {
    const answer = await this.ask({ type: 'hello', version: 1, key: await publicJwk(this.key.publicKey), name: 'Chromium 156' });
    this.challenge = answer.challenge;
    return answer;
  }

  thumbprint() {
    return thumbprint(this.key.publicKey);
  }

  /** A request for a token, signed. */
  async request(wanted, key = this.key) {
    const message = { id: (this.id += 1), type: 'token', jkt: this.jkt, ...wanted };
    return { ...message, proof: await signed(key, { typ: 'gatepass-link+jwt' }, { challenge: this.challenge, ...message }) };
  }

  async token(wanted) {
    return this.send(await this.request(wanted));
  }

  /** RFC 9449, by the receiver's key. */
  async proof(htm, htu, token) {
    const claims = { jti: randomUUID(), htm, htu, iat: Math.floor(Date.now() / 1000), ath: createHash('sha256').update(token).digest('base64url') };
    return signed(this.receiver, { typ: 'dpop+jwt', jwk: await publicJwk(this.receiver.publicKey) }, claims);
  }

  ended() {
    return this.end;
  }

  async close() {
    this.child.stdin.end();
    return this.end;
  }
}
