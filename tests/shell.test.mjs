// The JavaScript shell of the web client, module by module, in a real browser: IndexedDB, Web Locks, WebCrypto.
// The modules are served as they stand in www/shared; no wasm is needed.
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { chromiumMissing, openBrowser } from './support/chromium.mjs';
import { WWW } from './support/tree.mjs';

const SHARED = new URL('../www/shared/', import.meta.url);

/** Serves the modules on an origin of their own, an empty page, and what http.js has to cope with. */
async function serve(t) {
  const server = createServer((request, response) => {
    const name = request.url.slice(1);
    if (/^[a-z0-9]+\.js$/.test(name)) {
      response.writeHead(200, { 'content-type': 'text/javascript' }).end(readFileSync(fileURLToPath(new URL(name, SHARED))));
    } else if (name === 'gatepass_web_bg.wasm') {
      response.writeHead(200, { 'content-type': 'application/wasm' }).end(readFileSync(join(WWW, 'assets', readdirSync(join(WWW, 'assets'))[0], name)));
    } else if (name === 'elsewhere') {
      response.writeHead(307, { location: '/echo' }).end();
    } else if (name === 'large') {
      response.writeHead(200, { 'content-type': 'application/json' }).end(Buffer.alloc(1024 * 1024, 'x'));
    } else if (name === 'echo') {
      let body = '';
      request.on('data', (part) => (body += part));
      request.on('end', () => {
        const { cookie = null, referer = null } = request.headers;
        response.writeHead(201, { 'content-type': 'application/json', 'dpop-nonce': 'n1', 'set-cookie': 'a=b' });
        response.end(JSON.stringify({ cookie, referer, method: request.method, dpop: request.headers.dpop, body }));
      });
    } else {
      response.writeHead(200, { 'content-type': 'text/html' }).end('<!doctype html><title>shell</title>');
    }
  });
  await new Promise((ready) => server.listen(0, '127.0.0.1', ready));
  t.after(() => (server.closeAllConnections(), server.close()));
  return `http://127.0.0.1:${server.address().port}`;
}

describe('the shell in a browser', { skip: chromiumMissing && `${chromiumMissing} is missing`, timeout: 120_000 }, () => {
  let page;
  /** Runs a function in the page; modules come by `use`, and each test has a database of its own. */
  const run = (work, argument) => page.evaluate(`(${work})(${JSON.stringify(argument) ?? ''})`);

  // One server and one browser for all; they end after the last test, in reverse.
  const ends = [];
  after(async () => {
    for (const end of ends.reverse()) await end();
  });

  before(async () => {
    const suite = { after: (end) => ends.push(end) };
    const base = await serve(suite);
    const { context } = await openBrowser(suite);
    page = await context.newPage();
    await page.goto(`${base}/`);
    await page.evaluate(() => {
      globalThis.use = (name) => import(`/${name}.js`);
      globalThis.outcome = (promise) => promise.then((value) => ({ value }), (error) => ({ error: error instanceof DOMException ? error.name : error.code }));
      globalThis.record = (generation, expect) => ({ generation, expect, access: 'the-access-token', rest: 'the-refresh-token' });
      globalThis.signedInAt = (seconds, ...of) => ({ ...record(...of), access: JSON.stringify({ signed_in_at: seconds }) });
      /** Runs a function in a worker of its own; what it gives is sent back. */
      globalThis.inWorker = (work, ...given) => new Promise((resolve, reject) => {
        const text = `globalThis.use = (name) => import('${location.origin}/' + name + '.js'); postMessage(await (${work})(...${JSON.stringify(given)}));`;
        const address = URL.createObjectURL(new Blob([text], { type: 'text/javascript' }));
        const worker = new Worker(address, { type: 'module' });
        worker.onerror = ({ message }) => reject(new Error(message));
        worker.onmessage = ({ data }) => {
          worker.terminate();
          URL.revokeObjectURL(address);
          resolve(data);
        };
      });
      globalThis.database = () => `test-${crypto.randomUUID()}`;
      /** Reads a row as whoever opens the database sees it. */
      globalThis.row = (name, store, key) => new Promise((resolve, reject) => {
        const opening = indexedDB.open(name);
        opening.onerror = reject;
        opening.onsuccess = () => {
          const reading = opening.result.transaction(store).objectStore(store).get(key);
          reading.onsuccess = () => {
            opening.result.close();
            resolve(reading.result);
          };
        };
      });
    });
  });

  test('modules touch nothing when they are imported, on a server too', async () => {
    for (const name of ['clock', 'drive', 'errors', 'http', 'instance', 'lock', 'memory', 'said', 'seal', 'sign', 'store', 'transcript', 'verify']) {
      await import(new URL(`${name}.js`, SHARED));
    }
  });

  const staged = existsSync(join(WWW, 'assets')) && readdirSync(join(WWW, 'assets')).at(0);
  test('so does the facade with its glue', { skip: !staged && `${WWW} is not staged` }, async () => {
    const { createGatepass, GatepassError } = await import(pathToFileURL(join(WWW, 'assets', staged, 'gatepass.js')));
    await assert.rejects(createGatepass({}), GatepassError);
  });

  describe('store', () => {
    test('a session comes back as it was saved', async () => {
      const found = await run(async () => {
        const { Store } = await use('store');
        const store = new Store(database());
        const before = await store.load('s', true);
        const keys = {};
        const saved = await store.save('s', record(7), keys);
        const { keys: loaded, ...whole } = await store.load('s', true);
        return { before: before ?? null, saved, whole, seal: Boolean(loaded.seal && keys.seal), part: (await store.load('s')).rest ?? null, other: (await store.load('other')) ?? null };
      });
      assert.deepEqual(found, {
        before: null,
        saved: true,
        whole: { generation: 7, access: 'the-access-token', rest: 'the-refresh-token' },
        seal: true,
        part: null,
        other: null,
      });
    });

    test('changes compare before they write', async () => {
      const outcomes = await run(async () => {
        const { Store } = await use('store');
        const store = new Store(database());
        const outcomes = [];
        for (const [generation, expect] of [[1, 1], [1], [2], [2, 9], [2, 1]]) outcomes.push(await store.save('s', record(generation, expect), {}));
        outcomes.push(await store.erase('s', 1), (await store.load('s')).generation);
        outcomes.push(await store.erase('s', 2), await store.erase('s', 2), (await store.load('s')) ?? null);
        return outcomes;
      });
      assert.deepEqual(outcomes, [false, true, false, false, true, false, 2, true, false, null]);
    });

    test('of sixteen connections one wins', async () => {
      const { won, stored } = await run(async () => {
        const { Store } = await use('store');
        const name = database();
        const first = new Store(name);
        await first.save('s', record(1), {});
        const racers = Array.from({ length: 16 }, (_, at) => new Store(name).save('s', record(100 + at, 1), {}));
        return { won: await Promise.all(racers), stored: (await first.load('s')).generation };
      });
      assert.equal(won.filter(Boolean).length, 1);
      assert.equal(stored, 100 + won.indexOf(true));
    });

    test('a key survives, signs and cannot be read', async () => {
      const found = await run(async () => {
        const [{ Store }, { make, sign, ES256 }, { verify }] = [await use('store'), await use('sign'), await use('verify')];
        const name = database();
        const { key, point } = await make();
        await new Store(name).save('s', record(1), { key });
        const { keys } = await new Store(name).load('s');
        const public_ = await crypto.subtle.importKey('raw', point, ES256, true, ['verify']);
        const jwk = await crypto.subtle.exportKey('jwk', public_);
        const bytes = await sign(keys.key, 'message');
        const signature = btoa(String.fromCharCode(...bytes)).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '');
        const exported = await Promise.all([keys.key, keys.seal].map((secret) => outcome(crypto.subtle.exportKey('jwk', secret))));
        const store = new Store(name);
        await store.save('s', record(2, 1), { seal: keys.seal });
        return {
          length: bytes.length,
          point: point.length,
          good: await verify({ alg: 'ES256', key: jwk, signed: 'message', signature }),
          exported,
          keyAfterSaveWithout: (await store.load('s')).keys.key ?? null,
        };
      });
      assert.deepEqual(found, {
        length: 64,
        point: 65,
        good: true,
        exported: [{ error: 'InvalidAccessError' }, { error: 'InvalidAccessError' }],
        keyAfterSaveWithout: null,
      });
    });

    test('a pending login is given back once', async () => {
      const { taken, later } = await run(async () => {
        const [{ Store }, { make }] = [await use('store'), await use('sign')];
        const name = database();
        await new Store(name).keep('d', 'the-pending-login', 10_000, (await make()).key);
        const racers = Array.from({ length: 8 }, () => new Store(name).take('d'));
        const taken = (await Promise.all(racers)).filter(Boolean).map(({ pending, key }) => [pending, key.extractable]);
        return { taken, later: (await new Store(name).take('d')) ?? null };
      });
      assert.deepEqual({ taken, later }, { taken: [['the-pending-login', false]], later: null });
    });

    test('abandoned logins are forgotten after an hour', async () => {
      const found = await run(async () => {
        const { Store } = await use('store');
        const store = new Store(database());
        for (const [digest, begunAt] of [['old', 1_000], ['recent', 3_000], ['new', 4_601]]) await store.keep(digest, digest, begunAt);
        const found = [];
        for (const digest of ['old', 'recent', 'new']) found.push((await store.take(digest))?.pending ?? null);
        return found;
      });
      assert.deepEqual(found, [null, 'recent', 'new']);
    });

    test('a lost connection is opened again', async () => {
      const found = await run(async () => {
        const { Store } = await use('store');
        const name = database();
        const store = new Store(name);
        await store.save('s', record(1), {});
        // Another tab deletes the database: ours has to let go, and then starts anew.
        await new Promise((resolve, reject) => {
          const deleting = indexedDB.deleteDatabase(name);
          deleting.onsuccess = resolve;
          deleting.onblocked = reject;
        });
        return [(await store.load('s')) ?? null, await store.save('s', record(1), {})];
      });
      assert.deepEqual(found, [null, true]);
    });

    test('a browser that does not answer is asked once more, on a new connection', async () => {
      const found = await run(async () => {
        const { Store } = await use('store');
        const store = new Store(database());
        await store.save('s', record(1), {});
        const { timeout } = AbortSignal;
        const { get } = IDBObjectStore.prototype;
        let silent = 1;
        try {
          AbortSignal.timeout = () => timeout.call(AbortSignal, 200);
          IDBObjectStore.prototype.get = function (...given) {
            return silent-- > 0 ? {} : get.apply(this, given);
          };
          const first = (await store.load('s')).generation;
          silent = 2;
          return [first, await outcome(store.load('s')), (await store.load('s')).generation];
        } finally {
          AbortSignal.timeout = timeout;
          IDBObjectStore.prototype.get = get;
        }
      });
      assert.deepEqual(found, [1, { error: 'store_unavailable' }, 1]);
    });

    test('a login that was taken is given, although the first try said so too late', async () => {
      const found = await run(async () => {
        const { Store } = await use('store');
        const store = new Store(database());
        await store.keep('d', 'the-pending-login', 10_000);
        const { timeout } = AbortSignal;
        const { transaction } = IDBDatabase.prototype;
        let mute = 1;
        try {
          AbortSignal.timeout = () => timeout.call(AbortSignal, 200);
          IDBDatabase.prototype.transaction = function (...given) {
            const made = transaction.apply(this, given);
            return mute-- > 0 ? Object.defineProperty(made, 'oncomplete', { set() {} }) : made;
          };
          return [(await store.take('d'))?.pending ?? null, (await store.take('d')) ?? null];
        } finally {
          AbortSignal.timeout = timeout;
          IDBDatabase.prototype.transaction = transaction;
        }
      });
      assert.deepEqual(found, ['the-pending-login', null]);
    });

    test('connections that close or break are opened again', async () => {
      const found = await run(async () => {
        const { Store } = await use('store');
        const store = new Store(database());
        const { open } = indexedDB;
        const connections = [];
        const { transaction } = IDBDatabase.prototype;
        let broken = 0;
        try {
          IDBDatabase.prototype.transaction = function (...given) {
            connections.push(this);
            // What WebKit says of a connection whose process is gone.
            if (broken-- > 0) throw new DOMException('Connection to Indexed Database server lost', 'UnknownError');
            return transaction.apply(this, given);
          };
          await store.save('s', record(1), {});
          connections.at(-1).close();
          const closed = (await store.load('s')).generation;
          broken = 1;
          const lost = (await store.load('s')).generation;
          broken = 2;
          return [closed, lost, await outcome(store.load('s')), await store.save('s', record(2, 1), {}), open === indexedDB.open];
        } finally {
          IDBDatabase.prototype.transaction = transaction;
        }
      });
      assert.deepEqual(found, [1, 1, { error: 'store_unavailable' }, true, true]);
    });

    test('a browser without a store says so', async () => {
      const found = await run(async () => {
        const { Store } = await use('store');
        const open = IDBFactory.prototype.open;
        IDBFactory.prototype.open = () => {
          throw new DOMException('no', 'SecurityError');
        };
        try {
          return await outcome(new Store(database()).load('s'));
        } finally {
          IDBFactory.prototype.open = open;
        }
      });
      assert.deepEqual(found, { error: 'store_unavailable' });
    });
  });

  describe('seal', () => {
    test('no row holds a secret as text', async () => {
      const found = await run(async () => {
        const { Store } = await use('store');
        const name = database();
        const store = new Store(name);
        await store.save('s', record(1), {});
        await store.keep('d', 'the-pending-login', 10_000);
        /** Everything that is in a value, as one text; keys are opaque. */
        const bytes = (value) =>
          value instanceof CryptoKey ? '' :
          value instanceof ArrayBuffer || ArrayBuffer.isView(value) ? new TextDecoder('latin1').decode(value) :
          value && typeof value === 'object' ? Object.entries(value).flat().map(bytes).join('\n') : String(value);
        const session = await row(name, 'sessions', 's');
        const pending = await row(name, 'pending', 'd');
        return { session: Object.keys(session), pending: Object.keys(pending), bytes: bytes(session) + bytes(pending), ivs: [session.access.iv.length, session.rest.iv.length] };
      });
      assert.deepEqual(found.session, ['generation', 'access', 'rest', 'seal']);
      assert.deepEqual(found.pending, ['begunAt', 'pending', 'seal', 'key']);
      assert.deepEqual(found.ivs, [12, 12]);
      assert.ok(found.bytes.length > 100);
      for (const secret of ['the-access-token', 'the-refresh-token', 'the-pending-login', 'token', 'login']) {
        assert.ok(!found.bytes.includes(secret), secret);
      }
    });

    test('one key for one session, a fresh nonce for each save', async () => {
      const found = await run(async () => {
        const { Store } = await use('store');
        const name = database();
        const store = new Store(name);
        await store.save('s', record(1), {});
        const first = await row(name, 'sessions', 's');
        const { keys } = await store.load('s');
        await store.save('s', record(2, 1), keys);
        const second = await row(name, 'sessions', 's');
        const ivs = [first.access, first.rest, second.access, second.rest].map(({ iv }) => iv.join());
        // The old key opens what the new save wrote only if it is the same key.
        const { unseal } = await use('seal');
        const opened = await unseal(first.seal, ['sessions', 's', 2, 'access'], second.access);
        return [opened, new Set(ivs).size];
      });
      assert.deepEqual(found, ['the-access-token', 4]);
    });

    test('what was moved or changed does not open', async () => {
      const found = await run(async () => {
        const { Store } = await use('store');
        const change = async (edit) => {
          const name = database();
          const store = new Store(name);
          await store.save('s', record(1), {});
          const found = await row(name, 'sessions', 's');
          const key = edit(found) ?? 's';
          await new Promise((resolve) => {
            const opening = indexedDB.open(name);
            opening.onsuccess = () => {
              const writing = opening.result.transaction('sessions', 'readwrite');
              writing.objectStore('sessions').put(found, key);
              writing.oncomplete = () => {
                opening.result.close();
                resolve();
              };
            };
          });
          return (await outcome(store.load(key, true))).error ?? 'opened';
        };
        return [
          await change(() => {}),
          await change((found) => void (found.generation = 2)),
          await change((found) => void (found.access = found.rest)),
          await change((found) => void (found.access.iv[0] ^= 1)),
          await change((found) => void (found.rest = 'text')),
          await change((found) => void delete found.seal),
          await change(() => 'another-session'),
        ];
      });
      assert.deepEqual(found, ['opened', ...Array(6).fill('store_corrupt')]);
    });
  });

  describe('lock', () => {
    test('the second waits in vain, and is served after the release', async () => {
      const found = await run(async () => {
        const { take } = await use('lock');
        const timeout = AbortSignal.timeout;
        const limits = [];
        AbortSignal.timeout = () => {
          limits.push(new AbortController());
          return limits.at(-1).signal;
        };
        const first = await take('test-lock');
        const waits = take('test-lock');
        limits[1].abort();
        const late = await waits;
        const other = await take('test-other');
        first();
        const second = await take('test-lock');
        // Held longer than anybody was ready to wait: the time limit is for the waiting only.
        limits[3].abort();
        const held = (await navigator.locks.query()).held.some(({ name }) => name === 'test-lock');
        second();
        other();
        AbortSignal.timeout = timeout;
        return [typeof first, typeof late, typeof other, typeof second, held];
      });
      assert.deepEqual(found, ['function', 'undefined', 'function', 'function', true]);
    });

    test('waiters go one by one', async () => {
      const found = await run(async () => {
        const { take } = await use('lock');
        let inside = 0;
        let most = 0;
        await Promise.all(Array.from({ length: 8 }, async () => {
          const release = await take('test-queue', 5_000);
          most = Math.max(most, (inside += 1));
          await new Promise((resolve) => setTimeout(resolve, 5));
          inside -= 1;
          release();
        }));
        return [inside, most];
      });
      assert.deepEqual(found, [0, 1]);
    });
  });

  describe('verify', () => {
    test('ES256 and RS256 are judged', async () => {
      const found = await run(async () => {
        const [{ verify }, { ES256 }] = [await use('verify'), await use('sign')];
        const RS256 = { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256', modulusLength: 2048, publicExponent: new Uint8Array([1, 0, 1]) };
        const base64url = (bytes) => btoa(String.fromCharCode(...new Uint8Array(bytes))).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '');
        const verdicts = {};
        for (const [alg, algorithm, kind] of [['ES256', ES256, 'RS256'], ['RS256', RS256, 'ES256']]) {
          const pair = await crypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
          const other = await crypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
          const jwk = async ({ publicKey }) => {
            const { kty, crv, x, y, n, e } = await crypto.subtle.exportKey('jwk', publicKey);
            return { kty, crv, x, y, n, e };
          };
          const key = await jwk(pair);
          const signature = base64url(await crypto.subtle.sign(algorithm, pair.privateKey, new TextEncoder().encode('message')));
          verdicts[alg] = await Promise.all([
            verify({ alg, key, signed: 'message', signature }),
            verify({ alg, key, signed: 'massage', signature }),
            verify({ alg, key, signed: 'message', signature: signature.slice(4) }),
            verify({ alg, key, signed: 'message', signature: '' }),
            verify({ alg, key, signed: 'message', signature: '*' }),
            verify({ alg, key: await jwk(other), signed: 'message', signature }),
            verify({ alg: kind, key, signed: 'message', signature }),
            verify({ alg, key: { kty: 'EC', crv: 'P-256', x: 'AQ', y: 'AQ' }, signed: 'message', signature }),
          ]);
        }
        return verdicts;
      });
      const expected = [true, ...Array(7).fill(false)];
      assert.deepEqual(found, { ES256: expected, RS256: expected });
    });
  });

  describe('http', () => {
    test('sends what it is told and nothing of the browser', async () => {
      const found = await run(async () => {
        const { send } = await use('http');
        const request = { method: 'POST', url: `${location.origin}/echo`, headers: { dpop: 'proof' }, body: 'a=b' };
        await send(request);
        const { status, headers, body } = await send(request);
        return { status, nonce: headers.get('dpop-nonce'), ...JSON.parse(new TextDecoder().decode(body)) };
      });
      assert.deepEqual(found, { status: 201, nonce: 'n1', cookie: null, referer: null, method: 'POST', dpop: 'proof', body: 'a=b' });
    });

    test('what leaves this machine does so by https', async () => {
      const { isPrivate } = await import(new URL('http.js', SHARED));
      const good = ['https://i.example/', 'http://127.0.0.1:8080/a', 'http://localhost/', 'http://localhost:1', 'http://[::1]:2?a', 'http://localhost#a'];
      const bad = ['http://i.example/', 'http://localhost:1@evil.example/', 'http://localhost:@evil.example/', 'http://localhost@evil.example/', 'http://127.0.0.1.evil.example/', 'http://localhost:1\t@evil.example/', 'ftp://localhost/', 'http:localhost/'];
      assert.deepEqual([...good, ...bad].filter(isPrivate), good);
    });

    test('follows no redirect, and cuts what is too long', async () => {
      const found = await run(async () => {
        const { send } = await use('http');
        const get = (url) => send({ method: 'GET', url, headers: {} });
        const origin = location.origin;
        return [await get(`${origin}/elsewhere`), await get('http://127.0.0.1:1/'), (await get(`${origin}/large`)).body.length];
      });
      assert.deepEqual(found, [null, null, 256 * 1024 + 1]);
    });
  });

  describe('memory', () => {
    /** Runs a function with a store whose disk can be taken away: `disk(false)`; what was told of it is in `told`. */
    const stored = (work, storage = 'indexeddb') =>
      page.evaluate(`(async () => {
        const [{ PageStore }, { Store }] = [await use('memory'), await use('store')];
        const name = database();
        const told = [];
        const session = crypto.randomUUID();
        const { transaction } = IDBDatabase.prototype;
        const { put } = IDBObjectStore.prototype;
        const gone = () => { throw new DOMException('gone', 'UnknownError'); };
        const disk = (there) => { IDBDatabase.prototype.transaction = there ? transaction : gone; };
        const full = (is) => { IDBObjectStore.prototype.put = is ? () => { throw new DOMException('full', 'QuotaExceededError'); } : put; };
        const fresh = () => new PageStore(${JSON.stringify(storage)}, (reason) => told.push(reason), name);
        const bare = new Store(name);
        try {
          return await (${work})({ store: fresh(), fresh, bare, name, session, told, disk, full });
        } finally {
          disk(true);
          full(false);
        }
      })()`);

    test('a session is in this page alone, if that is wanted, and its login is not', async () => {
      const found = await stored(async ({ store, fresh, bare, session, told }) => {
        const { key } = await (await use('sign')).make();
        const saved = [await store.save(session, record(1), { key }), await store.save(session, record(2), {}), await store.save(session, record(2, 1), { key })];
        const { keys, ...row } = await fresh().load(session, true);
        await store.keep('d', 'p', 1, key);
        const [pending, volatile] = [(await fresh().take('d')).pending, store.volatile];
        const ended = [await store.erase(session, 1), await store.erase(session, 2), await store.erase(session, 2)];
        return { saved, generation: row.generation, key: keys.key === key, disk: (await bare.load(session)) ?? null, pending, volatile, ended, left: (await store.load(session)) ?? null, told };
      }, 'memory');
      assert.deepEqual(found, { saved: [true, false, true], generation: 2, key: true, disk: null, pending: 'p', volatile: false, ended: [false, true, false], left: null, told: [] });
    });

    test('where the browser keeps nothing, the page does', async () => {
      const found = await stored(async ({ store, fresh, session, told, disk }) => {
        disk(false);
        const nobody = (await store.load(session)) ?? null;
        await store.keep('d', 'p', 1);
        const [volatile, { pending }] = [store.volatile, await store.take('d')];
        const saved = await store.save(session, record(1), {});
        const { generation, rest } = await fresh().load(session, true);
        return { nobody, volatile, pending, saved, generation, rest, ended: await store.erase(session, 1), left: (await store.load(session)) ?? null, told };
      });
      const told = ['store_unavailable', 'store_unavailable', 'not_saved', 'store_unavailable'];
      assert.deepEqual(found, { nobody: null, volatile: true, pending: 'p', saved: true, generation: 1, rest: 'the-refresh-token', ended: true, left: null, told });
    });

    test('what a full disk refuses is held, and saved as soon as that can be', async () => {
      const found = await stored(async ({ store, fresh, bare, session, told, full }) => {
        await store.save(session, record(1), {});
        full(true);
        const saved = [await store.save(session, record(2, 1), {}), await store.save(session, record(9, 1), {}), await store.save(session, record(3, 2), {})];
        const held = [(await fresh().load(session)).generation, (await bare.load(session)).generation];
        full(false);
        const healed = [(await fresh().load(session)).generation, (await bare.load(session)).generation];
        return { saved, held, healed, told };
      });
      assert.deepEqual(found, { saved: [true, false, true], held: [3, 1], healed: [3, 3], told: ['not_saved', 'not_saved'] });
    });

    test('whoever was faster on the disk is right', async () => {
      const found = await stored(async ({ store, bare, session, full }) => {
        await store.save(session, record(1), {});
        full(true);
        await store.save(session, record(2, 1), {});
        full(false);
        await bare.save(session, { ...record(5, 1), access: 'theirs' }, {});
        const { generation, access } = await store.load(session);
        return [generation, access, await store.erase(session, 2), await store.erase(session, 5)];
      });
      assert.deepEqual(found, [5, 'theirs', false, true]);
    });

    test('a session that cannot be read now is not over', async () => {
      const found = await stored(async ({ store, session, told, disk }) => {
        await store.save(session, record(1), {});
        disk(false);
        const [unread, unended] = [await outcome(store.load(session)), await outcome(store.erase(session, 1))];
        disk(true);
        return { unread, unended, read: (await store.load(session)).generation, told };
      });
      assert.deepEqual(found, { unread: { error: 'store_unavailable' }, unended: { error: 'store_unavailable' }, read: 1, told: [] });
    });

    test('what has answered once is asked again, whoever clears its mark', async () => {
      const found = await stored(async ({ store, fresh, session, told, disk }) => {
        await store.save(session, record(1), {});
        localStorage.clear();
        disk(false);
        const lost = [await outcome(store.load(session)), await outcome(fresh().load(session)), await outcome(store.erase(session, 1))];
        disk(true);
        const found = (await store.load(session)).generation;
        return { lost, found, marked: localStorage.getItem(`gatepass:${session}`), told };
      });
      assert.deepEqual(found, { lost: Array(3).fill({ error: 'store_unavailable' }), found: 1, marked: '1', told: [] });
    });

    test('a worker, which has no marks, takes no silence for an answer', async () => {
      const found = await stored(({ name, session }) => inWorker(async (name, session) => {
        const { PageStore } = await use('memory');
        const told = [];
        const store = new PageStore('indexeddb', (reason) => told.push(reason), name);
        const { transaction } = IDBDatabase.prototype;
        IDBDatabase.prototype.transaction = () => {
          throw new DOMException('gone', 'UnknownError');
        };
        const lost = await store.load(session).catch(({ code }) => code);
        IDBDatabase.prototype.transaction = transaction;
        return { lost, found: (await store.load(session)) ?? null, told };
      }, name, session));
      assert.deepEqual(found, { lost: 'store_unavailable', found: null, told: [] });
    });

    test('whoever signed in last is signed in, whatever turns up on the disk', async () => {
      /** Somebody signs in where the disk cannot be read, and it holds one that signed in at this time. */
      const turnsUp = (seconds) => stored(`async ({ store, name, session, told, disk }) => {
        await inWorker(async (name, session, row) => {
          const { Store } = await use('store');
          return new Store(name).save(session, row, {});
        }, name, session, signedInAt(${seconds}, 1));
        disk(false);
        const nobody = (await store.load(session)) ?? null;
        const saved = await store.save(session, signedInAt(200, 50), {});
        const before = (await store.load(session)).generation;
        disk(true);
        const after = (await store.load(session)).generation;
        const [{ generation, seal }, { PageStore }] = [await row(name, 'sessions', session), await use('memory')];
        return { nobody, saved, before, after, disk: generation, sealed: Boolean(seal), ended: await store.erase(session, after), left: (await store.load(session)) ?? null };
      }`);
      const all = { nobody: null, saved: true, before: 50, sealed: true, ended: true, left: null };
      assert.deepEqual(await turnsUp(100), { ...all, after: 50, disk: 50 });
      assert.deepEqual(await turnsUp(300), { ...all, after: 1, disk: 1 });
    });

    test('what is held is ended by itself, and not by what others do meanwhile', async () => {
      const found = await stored(async ({ store, bare, session, full }) => {
        full(true);
        await store.save(session, signedInAt(100, 1), {});
        const ended = [await store.erase(session, 1), (await store.load(session)) ?? null];
        full(false);
        await store.save(session, signedInAt(100, 5), {});
        full(true);
        await store.save(session, signedInAt(200, 6, 5), {});
        full(false);
        await bare.save(session, signedInAt(100, 7, 5), {});
        const moved = [await store.erase(session, 6), (await store.load(session)).generation, await store.erase(session, 6), (await store.load(session)) ?? null];
        return { ended, moved };
      });
      assert.deepEqual(found, { ended: [true, null], moved: [false, 6, true, null] });
    });

    test('whoever signs in over somebody else does not become them again', async () => {
      const found = await stored(async ({ store, bare, session, full }) => {
        await store.save(session, record(1), {});
        full(true);
        const refused = [await outcome(store.save(session, record(50, 1), {})), (await store.load(session)).generation];
        // The disk has room for what is smaller than a session.
        const { put } = IDBObjectStore.prototype;
        full(false);
        const room = IDBObjectStore.prototype.put;
        IDBObjectStore.prototype.put = function (row, key) {
          return row.seal ? put.call(this, row, key) : room.call(this, row, key);
        };
        const saved = await store.save(session, record(50, 1), {});
        const there = [(await bare.load(session)) ?? null, (await store.load(session)).generation];
        full(false);
        return { refused, saved, there, healed: [(await store.load(session)).generation, (await bare.load(session)).generation] };
      });
      assert.deepEqual(found, { refused: [{ error: 'store_unavailable' }, 1], saved: true, there: [null, 50], healed: [50, 50] });
    });

    test('a save that was done and could not say so ends with its session', async () => {
      const found = await stored(async ({ store, fresh, bare, session }) => {
        const { timeout } = AbortSignal;
        const { transaction } = IDBDatabase.prototype;
        const outcomes = [];
        const late = async (work) => {
          AbortSignal.timeout = () => timeout.call(AbortSignal, 200);
          IDBDatabase.prototype.transaction = function (...given) {
            return Object.defineProperty(transaction.apply(this, given), 'oncomplete', { set() {} });
          };
          try {
            outcomes.push(await work());
          } finally {
            AbortSignal.timeout = timeout;
            IDBDatabase.prototype.transaction = transaction;
          }
        };
        await store.load(session);
        await late(() => store.save(session, record(1), {}));
        outcomes.push((await bare.load(session)).generation, await store.erase(session, 1), (await fresh().load(session)) ?? null);
        // And one that replaced another.
        await store.save(session, record(5), {});
        await late(() => store.save(session, record(6, 5), {}));
        outcomes.push((await bare.load(session)).generation, await store.erase(session, 6), (await fresh().load(session)) ?? null);
        return outcomes;
      });
      assert.deepEqual(found, [true, 1, true, null, true, 6, true, null]);
    });

    test('a session in memory is no other one\'s, and reaches no disk', async () => {
      const found = await stored(async ({ store, name, bare, session }) => {
        const { PageStore } = await use('memory');
        const other = new PageStore('indexeddb', () => {}, name);
        const elsewhere = new PageStore('memory', () => {}, database());
        await store.save(session, record(1), {});
        const others = [(await other.load(session)) ?? null, (await elsewhere.load(session)) ?? null];
        return { others, disk: (await bare.load(session)) ?? null, own: (await store.load(session)).generation };
      }, 'memory');
      assert.deepEqual(found, { others: [null, null], disk: null, own: 1 });
    });

    test('eviction is told from a sign-out, here or in a worker, and told once', async () => {
      const found = await stored(async ({ store, fresh, bare, name, session }) => {
        const asked = [];
        const { persist } = StorageManager.prototype;
        StorageManager.prototype.persist = async () => asked.push(1);
        const evict = () => new Promise((resolve, reject) => Object.assign(indexedDB.deleteDatabase(name), { onsuccess: resolve, onerror: reject }));
        try {
          const never = await store.evicted(session);
          await store.save(session, record(1), {});
          await store.save(session, record(2, 1), {});
          const there = await store.evicted(session);
          await bare.erase(session, 2);
          const ended = await store.evicted(session);
          await store.save(session, record(3), {});
          await evict();
          const gone = [(await fresh().load(session)) ?? null, await fresh().evicted(session), await fresh().evicted(session)];
          return { never, there, ended, gone, asked: asked.length };
        } finally {
          StorageManager.prototype.persist = persist;
        }
      });
      assert.deepEqual(found, { never: false, there: false, ended: false, gone: [null, true, false], asked: 1 });
    });

    test('a session that moves is here no more, and waits for a refresh', async () => {
      const found = await stored(async ({ store, fresh, session }) => {
        await store.save(session, record(1), {});
        const release = await (await use('lock')).take(`gatepass:${session}`);
        let moved = false;
        const moving = store.move(session).then((text) => ((moved = true), text));
        await fresh().load(session);
        const before = moved;
        await store.save(session, record(2, 1), {});
        release();
        return { before, text: await moving, left: (await store.load(session)) ?? null, again: await outcome(store.move(session)) };
      });
      assert.deepEqual(found, { before: false, text: 'the-access-token\nthe-refresh-token', left: null, again: { error: 'not_signed_in' } });
    });

    test('a session does not move while somebody may refresh it', async () => {
      const found = await stored(async ({ store, session }) => {
        await store.save(session, record(1), {});
        const release = await (await use('lock')).take(`gatepass:${session}`);
        const { timeout } = AbortSignal;
        AbortSignal.timeout = () => timeout.call(AbortSignal, 50);
        try {
          return [await outcome(store.move(session)), (await store.load(session)).generation];
        } finally {
          AbortSignal.timeout = timeout;
          release();
        }
      });
      assert.deepEqual(found, [{ error: 'busy' }, 1]);
    });
  });

  describe('instance', { skip: !staged && `${WWW} is not staged` }, () => {
    test('every transaction begins in a memory that nothing was in', async () => {
      const found = await page.evaluate(`(async () => {
        const [{ Instances }, { SIGN_IN, SENT }] = [await use('instance'), await use('said')];
        const memories = [];
        const Real = WebAssembly.Instance;
        WebAssembly.Instance = class extends Real {
          constructor(...given) {
            super(...given);
            memories.push(this.exports.memory);
          }
        };
        try {
          const response = await fetch('/gatepass_web_bg.wasm');
          const module = await WebAssembly.compile(await response.arrayBuffer());
          const instances = new Instances(module);
          const needle = 'b1946ac92492d2347c6235b4d2611184';
          const holds = (memory) => new TextDecoder('latin1').decode(memory.buffer).includes(needle);
          const settings = 'issuer=https%3A%2F%2Fi.example&client_id=' + needle + '&redirect_uri=https%3A%2F%2Fa.example%2F&scope=openid&id_token_alg=ES256&dpop=off';
          const sign = (instance) => instance.step(1, SIGN_IN, settings);
          const [one, two] = [instances.take(), instances.take()];
          const asked = [JSON.parse(sign(one)).url, JSON.parse(sign(two)).url];
          const before = memories.map(holds);
          instances.give(one);
          const between = memories.map(holds);
          instances.give(two);
          const after = memories.map(holds);
          const fresh = new Uint8Array(new Real(module, imports(module)).exports.memory.buffer);
          // As it was at first, but for where the transaction lies and the mark of the allocator.
          const differ = memories.map((memory) => new Uint8Array(memory.buffer).reduce((sum, byte, at) => sum + (byte !== fresh[at]), 0));
          // Again in the same memory, with the same outcome.
          const again = instances.take();
          const reused = [memories.length, JSON.parse(sign(again)).url];
          // More than all of its memory.
          let trapped;
          try {
            again.step(1, SENT, '', new Uint8Array(9 << 20));
          } catch (error) {
            trapped = error instanceof WebAssembly.RuntimeError;
          }
          instances.give(again);
          const third = [instances.take(), instances.take()].map(sign).map((text) => JSON.parse(text).do);
          return { asked, before, between, after, differ, reused, trapped, third, made: memories.length, left: memories.map(holds) };
        } finally {
          WebAssembly.Instance = Real;
        }
        function imports(module) {
          const imports = {};
          for (const { module: from, name } of WebAssembly.Module.imports(module)) (imports[from] ??= {})[name] = () => {};
          return imports;
        }
      })()`);
      const url = 'https://i.example/.well-known/openid-configuration';
      for (const bytes of found.differ) assert.ok(bytes < 64, `${bytes} bytes differ`);
      assert.deepEqual({ ...found, differ: null }, {
        asked: [url, url],
        before: [true, true],
        between: [false, true],
        after: [false, false],
        differ: null,
        reused: [2, url],
        trapped: true,
        third: ['send', 'send'],
        made: 3,
        // The two that are in use now; the one that trapped was wiped too.
        left: [true, false, true],
      });
    });
  });

  describe('transcript', { skip: !staged && `${WWW} is not staged` }, () => {
    /** What a page writes down is what the core would have written: these files play in crates/core/tests/core/reports.rs. */
    const written = (name) => readFileSync(new URL(`../crates/core/tests/core/transcripts/${name}.txt`, import.meta.url), 'utf8').split('\n\n')[1].trim();

    /** One call for a token: a token of this age, and what the server says to each request (null: nothing). */
    const call = (age, answers, { bound = false, force = false, scope } = {}) =>
      page.evaluate(`(async ({ age, answers, bound, force, scope }) => {
        const [{ drive }, { Instances }, { Store }, { transcribe }, { make }, said] = await Promise.all(['drive', 'instance', 'store', 'transcript', 'sign', 'said'].map(use));
        const response = await fetch('/gatepass_web_bg.wasm');
        const instances = new Instances(await WebAssembly.compile(await response.arrayBuffer()));
        const store = new Store(database());
        const at = 1800000000;
        const { key, point } = bound ? await make() : {};
        const text = (bytes) => btoa(String.fromCharCode(...bytes)).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '');
        const type = bound ? 'DPoP' : 'Bearer';
        const token = { access_token: 'a1', token_type: type, received_at: at - age, expires_at: at - age + 3600 };
        const head = { v: 2, generation: 7 };
        const access = { ...head, issuer: 'https://i.example', client_id: 'c', sub: 's', scope: 'openid email', signed_in_at: at - age, bound, refreshes: true, access_tokens: [token] };
        const jwk = bound && { key: { kty: 'EC', crv: 'P-256', x: text(point.slice(1, 33)), y: text(point.slice(33)) } };
        const rest = { ...head, refresh_token: 'r1', token_endpoint: 'https://i.example/token', forgives_replay: bound, ...jwk };
        await store.save('s', { generation: 7, access: JSON.stringify(access), rest: JSON.stringify(rest) }, { key });
        const [real, time] = [globalThis.fetch, Date.now];
        Date.now = () => at * 1000;
        globalThis.fetch = async () => {
          const [status, body, headers] = answers.shift() ?? [];
          if (!status) throw new TypeError('lost');
          return new Response(JSON.stringify({ ...body, ...(status === 200 && { token_type: type }) }), { status, headers });
        };
        try {
          const wanted = [force ? said.REFRESH : said.ACCESS, scope ? 'scope=' + scope : ''];
          const transcript = transcribe(wanted);
          return transcript.end(await drive(instances, store, 's', wanted, transcript.heard).catch((error) => error));
        } finally {
          [globalThis.fetch, Date.now] = [real, time];
        }
      })(${JSON.stringify({ age, answers, bound, force, scope })})`);

    const tokens = [200, { access_token: 'a2', expires_in: 3600, refresh_token: 'r2', scope: 'openid email' }];
    for (const [name, ...story] of [
      ['page-fresh', 60, []],
      ['page-refreshed', 3700, [[400, { error: 'use_dpop_nonce' }, { 'dpop-nonce': 'x' }], tokens], { bound: true }],
      ['page-answer-lost', 3700, [null, tokens]],
      ['page-refused', 3700, [[400, { error: 'invalid_grant' }]]],
      ['page-not-answered', 3590, [[503, {}]], { force: true }],
      ['page-fewer-scopes', 60, [tokens], { scope: 'openid' }],
    ]) {
      test(name, async () => {
        const text = await call(...story);
        if (process.env.GATEPASS_WRITE) writeFileSync(new URL(`../crates/core/tests/core/transcripts/${name}.txt`, import.meta.url), `# Written by a page (tests/shell.test.mjs).\n\n${text}\n`);
        assert.equal(text, written(name));
      });
    }
  });

  describe('drive', () => {
    /** A transaction that was written down: it asks for these effects and records what it is told. */
    const scripted = `(effects, said) => {
      const told = [];
      const step = (now, number) => {
        told.push(Object.keys(said).find((name) => said[name] === number));
        const next = effects[told.length - 1];
        if (next.throws) throw next.throws;
        return JSON.stringify(next);
      };
      return { told, given: 0, take: () => ({ step }), give() { this.given += 1; } };
    }`;

    test('answers every effect, and lets go of the lock on every way out', async () => {
      const found = await page.evaluate(`(async () => {
        const scripted = ${scripted};
        const [{ drive }, { Store }, said] = [await use('drive'), await use('store'), await use('said')];
        const store = new Store(database());
        const { take } = await use('lock');
        // The release of a lock takes a moment; a limit of half a second tells it from none.
        const held = async () => {
          const release = await take('gatepass:s', 500);
          release?.();
          return !release;
        };
        const results = [];
        for (const effects of [
          [{ do: 'lock' }, { do: 'load', whole: true }, { do: 'save', ...record(1) }, { do: 'save', ...record(2) }, { do: 'load' }, { do: 'erase', expect: 1 }, { do: 'unlock' }, { do: 'done', a: 1 }],
          [{ do: 'lock' }, { throws: 'text' }],
          [{ do: 'lock' }, { do: 'fail', code: 'busy', retryable: true, fault: 'world' }],
          [{ do: 'lock' }, { do: 'sign', input: 'x' }, { do: 'send', method: 'GET', url: 'http://127.0.0.1:1/', headers: {} }, { do: 'done' }],
          [{ do: 'make' }, { do: 'keep', digest: 'd', pending: 'p', begunAt: 1 }, { do: 'take', digest: 'd' }, { do: 'load' }, { do: 'sign', input: 'x' }, { do: 'take', digest: 'd' }, { do: 'done' }],
        ]) {
          const instances = scripted(effects, said);
          const result = await drive(instances, store, 's', [said.LOOK]).catch((error) => error.code ?? error);
          results.push([result, instances.told, instances.given, await held()]);
        }
        return results;
      })()`);
      assert.deepEqual(found, [
        [{ do: 'done', a: 1 }, ['LOOK', 'LOCKED', 'LOADED', 'SAVED', 'MOVED', 'LOADED', 'ERASED', 'UNLOCKED'], 1, false],
        ['text', ['LOOK', 'LOCKED'], 1, false],
        ['busy', ['LOOK', 'LOCKED'], 1, false],
        [{ do: 'done' }, ['LOOK', 'LOCKED', 'FAILED', 'LOST'], 1, false],
        [{ do: 'done' }, ['LOOK', 'MADE', 'KEPT', 'TAKEN', 'LOADED', 'SIGNED', 'TAKEN'], 1, false],
      ]);
    });
  });
});
