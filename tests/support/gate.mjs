// What stands between a browser and a server: a proxy in which a test can hold answers up, or give its own.
import http from 'node:http';
import { buffer } from 'node:stream/consumers';
import { cleanUp } from './process.mjs';

/** Starts one; `gate.target` is set as soon as the server is known. */
export async function startGate(t) {
  const gate = new Gate();
  const server = http.createServer((request, response) => gate.pass(request, response));
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  cleanUp(t, () => new Promise((resolve) => {
    server.closeAllConnections();
    server.close(resolve);
  }));
  gate.origin = `http://127.0.0.1:${server.address().port}`;
  return gate;
}

class Gate {
  /** One request each: what is done about the next token requests. */
  #rules = [];
  /** How many token requests came, whoever answered them. */
  asked = 0;
  /** A request header that pages may send through here, whatever the server thinks of it. */
  allows = '';

  async pass(request, response) {
    const body = await buffer(request);
    const isToken = request.method === 'POST' && request.url === '/oauth/token';
    this.asked += isToken ? 1 : 0;
    const rule = isToken ? this.#rules.shift() : undefined;
    if (rule?.answer) {
      const { status, headers, body } = rule.answer;
      // A page reads an error of another origin only if it is let.
      const open = { 'access-control-allow-origin': request.headers.origin ?? '*', 'access-control-expose-headers': 'retry-after' };
      response.writeHead(status, { ...open, ...headers }).end(body);
      return;
    }
    if (rule?.early) {
      rule.answered();
      await rule.released;
      if (response.destroyed) return;
    }
    const answer = await this.#forward(request, body).catch(() => undefined);
    if (!answer) return void response.destroy();
    rule?.answered?.(answer);
    await rule?.released;
    // In the middle: without any byte of it, a browser would send the request again by itself.
    if (rule?.cut) return void response.writeHead(answer.status, answer.headers).write(answer.body.subarray(0, 1), () => response.destroy());
    if (response.destroyed) return;
    response.writeHead(answer.status, answer.headers).end(answer.body);
  }

  #forward({ method, url, headers }, body) {
    return new Promise((resolve, reject) => {
      const request = http.request(new URL(url, this.target), { method, headers, agent: false }, async (response) => {
        const headers = [];
        for (let at = 0; at < response.rawHeaders.length; at += 2) {
          const [name, value] = response.rawHeaders.slice(at, at + 2);
          headers.push([name, this.allows && /^access-control-allow-headers$/i.test(name) ? `${value}, ${this.allows}` : value]);
        }
        resolve({ status: response.statusCode, headers: headers.filter(([name]) => !/^(transfer-encoding|connection)$/i.test(name)).flat(), body: await buffer(response) });
      });
      request.on('error', reject);
      request.end(body);
    });
  }

  /**
   * Lets the server answer the next token request, and holds the answer up: `arrived` says that it is there, `release` lets it
   * go. Held up early, it is the request that the server does not see yet.
   */
  hold({ early = false } = {}) {
    const rule = { early };
    rule.arrived = new Promise((resolve) => void (rule.answered = resolve));
    rule.released = new Promise((resolve) => void (rule.release = resolve));
    this.#rules.push(rule);
    return rule;
  }

  /** Answers the next token requests in the server's place, so many times. */
  refuse(status, { headers = {}, body = '', times = 1 } = {}) {
    for (let time = 0; time < times; time += 1) this.#rules.push({ answer: { status, headers, body } });
  }

  /** Lets the server answer the next token request, and loses the answer. */
  cut() {
    this.#rules.push({ cut: true });
  }
}
