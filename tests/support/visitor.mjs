// A person with a browser that knows pages, forms and cookies, and nothing else.

import http from 'node:http';
import { text } from 'node:stream/consumers';

/** What a browser says of a navigation of its window; `fetch` would say that a page reads the answer. */
const NAVIGATION = { 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'document', 'user-agent': 'gatepass-tests' };

/** Goes to an address as the address bar does, and follows no redirect. */
export function navigate(url, { method = 'GET', headers, body } = {}) {
  return new Promise((resolve, reject) => {
    const request = http.request(url, { method, headers: { ...NAVIGATION, ...headers }, agent: false });
    request.on('error', reject);
    request.on('response', async (response) => {
      const received = new Headers();
      for (let at = 0; at < response.rawHeaders.length; at += 2) received.append(response.rawHeaders[at], response.rawHeaders[at + 1]);
      resolve({ status: response.statusCode, headers: received, html: await text(response) });
    });
    request.end(body);
  });
}

/** Gives the attribute of a tag's source. */
function attribute(tag, name) {
  const value = new RegExp(`\\s${name}="([^"]*)"`).exec(tag)?.[1];
  return value?.replaceAll('&amp;', '&').replaceAll('&#38;', '&').replaceAll('&quot;', '"').replaceAll('&#34;', '"').replaceAll('&#x2f;', '/').replaceAll('&#47;', '/');
}

/** The forms of a page with their fields. */
export function forms(html) {
  return [...html.matchAll(/<form\b[^>]*>[\s\S]*?<\/form>/g)].map(([source]) => {
    const tag = /^<form\b[^>]*>/.exec(source)[0];
    const fields = {};
    for (const [input] of source.matchAll(/<input\b[^>]*>/g)) {
      const name = attribute(input, 'name');
      if (name && attribute(input, 'type') !== 'submit') fields[name] = attribute(input, 'value') ?? '';
    }
    const buttons = [...source.matchAll(/<button\b[^>]*>/g)].map(([button]) => ({ name: attribute(button, 'name'), value: attribute(button, 'value') ?? '' }));
    return { action: attribute(tag, 'action') ?? '', method: (attribute(tag, 'method') ?? 'get').toUpperCase(), fields, buttons };
  });
}

/** A browser of its own: cookies, redirects, and an address bar. */
export class Visitor {
  #cookies = new Map();

  async #navigate(url, init) {
    const { origin } = new URL(url);
    const jar = this.#cookies.get(origin) ?? new Map();
    const cookie = [...jar].map(([name, value]) => `${name}=${value}`).join('; ');
    const response = await navigate(url, { ...init, headers: { ...init?.headers, ...(cookie && { cookie }) } });
    for (const line of response.headers.getSetCookie()) {
      const [pair, ...attributes] = line.split(';');
      const at = pair.indexOf('=');
      const gone = attributes.some((text) => /^\s*max-age=0\s*$/i.test(text) || /expires=Thu, 01 Jan 1970/i.test(text));
      if (gone) jar.delete(pair.slice(0, at).trim());
      else jar.set(pair.slice(0, at).trim(), pair.slice(at + 1).trim());
    }
    this.#cookies.set(origin, jar);
    return response;
  }

  /** Opens an address and follows redirects, up to `stop` (a predicate on addresses). */
  async open(url, { init, stop } = {}) {
    for (let hops = 0; hops < 20; hops += 1) {
      if (stop?.(url)) return { url, status: 0, html: '' };
      const response = await this.#navigate(url, init);
      const location = response.headers.get('location');
      if (!location || response.status < 300 || response.status > 399) {
        this.page = { url, ...response };
        return this.page;
      }
      url = new URL(location, url).href;
      init = undefined;
    }
    throw new Error('too many redirects');
  }

  /** Fills in and sends a form of the page that is open. */
  submit(values, { form = 0, button, stop } = {}) {
    const { url, html } = this.page;
    const found = forms(html)[form];
    if (!found) throw new Error(`no form ${form} on ${new URL(url).pathname}:\n${html}`);
    const body = new URLSearchParams({ ...found.fields, ...values });
    const pressed = button === undefined ? undefined : found.buttons.find(({ value }) => value === button);
    if (pressed?.name) body.set(pressed.name, pressed.value);
    const action = new URL(found.action, url);
    if (found.method === 'GET') return this.open(`${action}?${body}`, { stop });
    const headers = { 'content-type': 'application/x-www-form-urlencoded', origin: new URL(url).origin };
    return this.open(action.href, { init: { method: 'POST', headers, body: body.toString() }, stop });
  }
}
