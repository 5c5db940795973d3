// The page's part in a command line's sign-in: what it asks comes in the fragment and is judged here, by grammars on the
// text; no parser of addresses has a say in where anything is sent.

import { fromBase64url, toBase64url } from "./base64url.js";
import { GatepassError } from "./errors.js";
import { sealPsk } from "./hpke.js";
import { leave } from "./leave.js";
import { meant, phraseOf } from "./phrase.js";

/** @typedef {import("./gatepass.js").HandoffRequest} HandoffRequest */
/** @typedef {{enc: Uint8Array, sealed: Uint8Array}} Sealed */

/** What waits while the person signs in, in this tab's `sessionStorage`. */
const WAITING = "gatepass:handoff";
/** How long it waits, in milliseconds. */
const PATIENCE_FOR_IT = 10 * 60_000;
/** In bytes. */
const LONGEST = 4096;

const DIGEST = /^[\w-]{43}$/;
const TEXT = /^[!-~]([ -~]{0,510}[!-~])?$/;

/** Every parameter there is. A loopback address is a literal, a port and a path that only the program can know. */
const GRAMMAR = {
  v: /^1$/,
  iss: /^https?:\/\/[!-~]+$/,
  client_id: TEXT,
  response_type: /^code$/,
  scope: /^[!#-[\]-~]+( [!#-[\]-~]+)*$/,
  state: DIGEST,
  code_challenge: DIGEST,
  code_challenge_method: /^S256$/,
  // No controls, nothing that turns the writing around, and nothing that stands for what could not be read.
  device: /^[^\p{C}\p{Zl}\p{Zp}\ufffd]{1,64}$/u,
};
/** These may be missing. */
const OPTIONAL = {
  redirect_uri: /^http:\/\/127\.0\.0\.1:(?:102[4-9]|10[3-9]\d|1[1-9]\d\d|[2-9]\d{3}|[1-5]\d{4}|6[0-4]\d{3}|65[0-4]\d\d|655[0-2]\d|6553[0-5])\/gatepass\/[\w-]{22,64}$/,
  nonce: TEXT,
  dpop_jkt: DIGEST,
  audience: TEXT,
  resource: TEXT,
  organization: TEXT,
  // An uncompressed point begins with 4.
  hpke: /^B[\w-]{86}$/,
};

/** @param {string} [detail] */
const rejected = (detail) => new GatepassError("handoff_rejected", { detail });

/**
 * Reads a request; the whole of it is refused for any fault in it.
 * @param {string} text
 * @returns {Record<string, string>}
 */
export function readHandoff(text) {
  if (text.length > LONGEST || /[^!-~]/.test(text)) throw rejected("size");
  /** @type {Record<string, string>} */
  const form = {};
  const grammar = { ...GRAMMAR, ...OPTIONAL };
  for (const [name, value] of new URLSearchParams(text)) {
    if (!Object.hasOwn(grammar, name) || name in form) throw rejected(TEXT.test(name) ? name : "");
    if (!grammar[/** @type {keyof typeof grammar} */ (name)].test(value)) throw rejected(name);
    form[name] = value;
  }
  for (const name of Object.keys(GRAMMAR)) if (!(name in form)) throw rejected(name);
  return form;
}

/** Sends a form as the whole window. @type {(url: string, fields: Record<string, string>) => Promise<never>} */
const post = (url, fields) =>
  leave(() => {
    const form = Object.assign(document.createElement("form"), { method: "post", action: url, hidden: true });
    for (const [name, value] of Object.entries(fields)) {
      form.append(Object.assign(document.createElement("input"), { name, value }));
    }
    document.body.append(form);
    form.submit();
    // Whoever comes back finds the page as it was.
    form.remove();
  });

/**
 * @param {{issuer: string, clientId: string}} options
 * @param {string} id
 * @param {import("./memory.js").PageStore} store
 * @param {import("./session.js").Following} session
 * @param {import("./gatepass.js").Gatepass["fetch"]} ask
 * @param {import("./metadata.js").Endpoint} endpoint
 */
export function makeHandoff({ issuer, clientId }, id, store, session, ask, endpoint) {
  /** The forms of the requests that were given out. @type {WeakMap<HandoffRequest, Record<string, string>>} */
  const forms = new WeakMap();
  /** Sessions on their way, which are in no store any more. @type {WeakMap<HandoffRequest, Sealed>} */
  const moving = new WeakMap();

  /** @param {string} url */
  const found = (url) => {
    const text = url.slice((url.indexOf("#") + 1 || url.length + 1));
    // Also one that lacks its version: what it holds is no less of a request.
    if (!/(^|&)(v|code_challenge)=/.test(text)) {
      try {
        const [at, form] = /** @type {string} */ (sessionStorage.getItem(WAITING)).split(" ");
        return Math.abs(Date.now() - Number(at)) < PATIENCE_FOR_IT && readHandoff(form);
      } catch {
        // Nothing waits, or nothing that this module has written.
        return null;
      }
    }
    // Before anything else: neither the history nor a link that somebody copies shall have it.
    if (url === location.href) history.replaceState(history.state, "", location.pathname + location.search);
    const form = readHandoff(text);
    sessionStorage.setItem(WAITING, `${Date.now()} ${text}`);
    return form;
  };

  const over = () => sessionStorage.removeItem(WAITING);

  /** @type {import("./gatepass.js").Gatepass["parseHandoff"]} */
  const parseHandoff = async (url = location.href) => {
    const form = found(url);
    if (!form) return null;
    const { iss, client_id, redirect_uri, state } = form;
    if (iss !== issuer) throw rejected("iss");
    const moves = !(await endpoint("gatepass_handoff_endpoint"));
    // A session can be moved only to the same client, and sealed to a key.
    if (moves && (client_id !== clientId || !form.hpke || !redirect_uri)) throw rejected("hpke");
    /** @type {HandoffRequest} */
    const request = Object.freeze({
      clientId: client_id,
      issuer: iss,
      device: form.device,
      scopes: form.scope.split(" "),
      port: redirect_uri && Number(redirect_uri.split(/[:/]/)[4]) || undefined,
      phrase: await phraseOf(meant(form)),
      moves,
      async deny() {
        over();
        if (!redirect_uri) throw new GatepassError("cancelled");
        return post(redirect_uri, { error: "access_denied", state, iss });
      },
    });
    forms.set(request, form);
    return request;
  };

  /** @type {import("./gatepass.js").Gatepass["approveHandoff"]} */
  const approveHandoff = async (request, { scopes = request.scopes } = {}) => {
    const form = forms.get(request);
    if (!form) throw rejected("request");
    // Whoever frames a page chooses where the person clicks.
    if (top !== self) throw rejected("frame");
    // A script alone must not be able to give a session away.
    if (!navigator.userActivation?.isActive) throw rejected("user_activation");
    if (!scopes.length || !scopes.every((scope) => request.scopes.includes(scope))) throw rejected("scope");
    return request.moves ? move(request, form) : delegate({ ...form, scope: scopes.join(" ") });
  };

  /** @param {Record<string, string>} form */
  const delegate = async (form) => {
    const response = await ask(/** @type {string} */ (await endpoint("gatepass_handoff_endpoint")), {
      method: "POST",
      body: new URLSearchParams(form),
    });
    const { error = "server_error", handoff_uri } = await response.json().catch(() => ({}));
    if (response.status !== 201) throw new GatepassError(/^[a-z_]{1,64}$/.exec(error)?.[0] ?? "other", { fault: "server", retryable: response.status >= 500 });
    // Only a page of the issuer's may decide.
    if (!String(handoff_uri).startsWith(`${new URL(issuer).origin}/`)) throw rejected("handoff_uri");
    over();
    return leave(() => location.assign(handoff_uri));
  };

  /** @type {(request: HandoffRequest, form: Record<string, string>) => Promise<never>} */
  const move = async (request, form) => {
    const { redirect_uri, state, iss } = form;
    let sealed = moving.get(request);
    if (!sealed) {
      const found = await session.read();
      // A key cannot move.
      if (found?.bound) throw rejected("bound");
      /** @param {string} plaintext */
      const seal = (plaintext) =>
        sealPsk({ recipient: fromBase64url(form.hpke), psk: fromBase64url(state), pskId: "gatepass-handoff-v1", info: meant(form), aad: redirect_uri, plaintext });
      // Once for nothing: what is taken out of the store must not be lost over a key that is none.
      await seal("").catch(() => Promise.reject(rejected("hpke")));
      sealed = await seal(await store.move(id));
      moving.set(request, sealed);
      await session.look("signedOut");
    }
    over();
    return post(redirect_uri, { enc: toBase64url(sealed.enc), sealed: toBase64url(sealed.sealed), state, iss });
  };

  return { parseHandoff, approveHandoff };
}
