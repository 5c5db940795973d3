// The line to the program in the terminal (native messaging). Both are signed in by themselves; each may ask the other
// for a short and narrow token that is bound to the asker's key. Nothing is asked or given before a person has compared
// the same words on both sides.
//
// A port to a program keeps the worker alive. So it is opened where they are paired, or where somebody asks for it.

import { api } from "./api.js";
import { keyOf, signed } from "./keys.js";
import { loan } from "./loan.js";
import { GatepassError } from "../shared/errors.js";
import { phraseOf } from "../shared/phrase.js";

export const LINE_ALARM = "gatepass:native";
const LINE = "gatepass:native";
/** The longest pause between two tries to reach the program, in minutes. */
const LONGEST_PAUSE = 32;
/** How long the program may think, in milliseconds. */
const ANSWER_LIMIT = 30_000;

/** How long the person may think, in milliseconds; a little longer than the program waits. */
const PAIRING_LIMIT = 150_000;

/** @typedef {"absent" | "connecting" | "unpaired" | "pairing" | "paired" | "lost"} State */
/** @typedef {{state: State, program?: string, phrase?: string, expiresAt?: number}} Status */
/** @typedef {{id: number, type: string, [rest: string]: any}} Message */
/** @typedef {{scope: string, audience?: string, jkt: string}} Asked */

export class Native {
  #host;
  #mint;
  #tell;
  /** @type {any} */
  #port;
  #last = 0;
  /** By number and type of the answer. @type {Map<number, Map<string, {answer: (message: Message) => void, fail: (error: unknown) => void}>>} */
  #asked = new Map();
  #challenge = "";
  /** @type {Status} */
  #status = { state: "lost" };
  /** @type {Promise<void> | undefined} */
  #greeting;
  /** Whether a token is being made for the program; it gets one at a time. */
  #minting = false;

  /**
   * @param {string} host
   * @param {(asked: Asked) => Promise<object>} mint makes a token
   * @param {(status: Status) => void} tell
   */
  constructor(host, mint, tell) {
    this.#host = host;
    this.#mint = mint;
    this.#tell = tell;
  }

  /** Where the two were paired, they are connected again. */
  async resume() {
    if ((await this.#kept()).paired) await this.connect().catch(() => {});
  }

  /** Opens the line, once; fails with `unreachable`. */
  connect() {
    return (this.#greeting ??= this.#greet().catch((thrown) => {
      this.#greeting = undefined;
      throw thrown;
    }));
  }

  async status() {
    await this.connect().catch(() => {});
    // Meanwhile the person may have shut this extension out, or be another.
    if (this.#status.state === "paired") await this.#hello().then(({ paired }) => this.#agree(paired), () => {});
    return this.#status;
  }

  /** Until the person has said yes in the terminal. Meanwhile `status` has the words to compare. */
  async pair() {
    await this.connect();
    if ((await this.status()).state === "paired") return this.#status;
    if (this.#status.state === "pairing") throw new GatepassError("busy", { retryable: true });
    const id = this.#next();
    // Both answers are waited for from the beginning: the second may come right after the first.
    const paired = this.#answer(id, "paired", PAIRING_LIMIT);
    paired.catch(() => {});
    try {
      const { phrase, expires_in } = await this.#ask({ id, type: "pair" }, "pairing");
      // Both sides work it out for themselves: a program that shows other words speaks of another key.
      if (phrase !== (await this.#phrase()) || !(expires_in > 0)) throw new GatepassError("malformed");
      this.#set({ ...this.#status, state: "pairing", phrase, expiresAt: Date.now() + expires_in * 1000 });
      await paired;
      await this.#keep({ paired: true });
      this.#set({ state: "paired", program: this.#status.program });
    } catch (thrown) {
      if (this.#port) this.#set({ state: "unpaired", program: this.#status.program });
      throw thrown;
    }
    return this.#status;
  }

  /**
   * A token of the program's session, bound to this extension's key.
   * @param {{scope: string, audience?: string}} wanted
   */
  async token({ scope, audience }) {
    await this.connect();
    if (this.#status.state !== "paired") throw new GatepassError("not_paired");
    const [pairing, own] = await Promise.all([this.#pairing(), keyOf(`dpop ${this.#host}`)]);
    const question = { id: this.#next(), type: "token", scope, ...(audience && { audience }), jkt: own.thumbprint };
    const proof = await signed(pairing, { typ: "gatepass-link+jwt" }, { challenge: this.#challenge, ...question });
    const answer = await this.#ask({ ...question, proof }, "token").catch(async (thrown) => {
      if (thrown.code === "not_paired") await this.#agree(false);
      throw thrown;
    });
    const { access_token, expires_in } = loan(scope, answer);
    return { value: access_token, type: /** @type {const} */ ("DPoP"), expiresAt: Date.now() + expires_in * 1000, key: own };
  }

  /** The alarm rings: once more. */
  tick = () => void this.connect().catch(() => {});

  close() {
    this.#port?.disconnect();
    this.#lost();
  }

  // ---- the line

  async #greet() {
    this.#set({ state: "connecting" });
    const port = (this.#port = api().runtime.connectNative(this.#host));
    port.onMessage.addListener((/** @type {unknown} */ message) => this.#hear(message));
    port.onDisconnect.addListener((/** @type {any} */ closed) => {
      // Firefox says it at the port.
      const { message = "" } = api().runtime.lastError ?? closed?.error ?? {};
      if (port === this.#port) this.#lost(/not found|No such native application/.test(message));
    });
    const { program, challenge, paired } = await this.#hello();
    if (!/^[\w-]{43}$/.test(challenge) || typeof program !== "string") {
      port.disconnect();
      this.#lost();
      throw new GatepassError("malformed");
    }
    this.#challenge = challenge;
    api().alarms.clear(LINE_ALARM);
    await this.#agree(paired, program);
  }

  async #hello() {
    const { jwk } = await this.#pairing();
    return this.#ask({ id: this.#next(), type: "hello", version: 1, key: jwk, name: browserName() }, "hello");
  }

  /**
   * Both have to remember that they are paired: a program that only says so was never seen by anybody.
   * @param {unknown} said
   */
  async #agree(said, program = this.#status.program) {
    const paired = said === true && (await this.#kept()).paired;
    await this.#keep({ paired });
    const state = paired ? "paired" : "unpaired";
    if (state !== this.#status.state) this.#set({ state, program });
  }

  /** @param {boolean} [absent] whether there is no such program at all */
  #lost(absent = false) {
    this.#port = this.#greeting = undefined;
    for (const those of this.#asked.values()) for (const { fail } of those.values()) fail(unreachable());
    this.#set({ state: absent ? "absent" : "lost" });
    this.#later().catch(() => {});
  }

  /** Twice as long each time; the pauses outlive the worker. */
  async #later() {
    const { paired, pause = 0.5 } = await this.#kept();
    if (!paired) return;
    api().alarms.create(LINE_ALARM, { delayInMinutes: pause });
    await this.#keep({ paired, pause: Math.min(pause * 2, LONGEST_PAUSE) });
  }

  /** @param {any} message */
  #hear(message) {
    if (!Number.isSafeInteger(message?.id) || typeof message.type !== "string") return;
    // Each side counts its own questions, so a question may have the number of one of ours; but it brings no token.
    if (message.type === "token" && message.access_token === undefined) {
      this.#give(message).then(
        (answer) => this.#port?.postMessage({ id: message.id, type: "token", ...answer }),
        (thrown) => {
          const { code: own, detail } = GatepassError.from(thrown);
          const code = lineCode(own);
          // Which of the scopes that were asked for are none of the session's.
          const scope = code === "denied" && detail && { scope: detail };
          this.#port?.postMessage({ id: message.id, type: "error", code, message: new GatepassError(code).message, ...scope });
        },
      );
      return;
    }
    const those = this.#asked.get(message.id);
    if (message.type === "error") for (const { fail } of those?.values() ?? []) fail(new GatepassError(lineCode(message.code)));
    else those?.get(message.type)?.answer(message);
  }

  /** The program asks. @param {Message} message @returns {Promise<object>} */
  async #give({ scope, audience, jkt }) {
    if (this.#status.state !== "paired") throw new GatepassError("not_paired");
    const named = typeof scope === "string" && /^[\x21\x23-\x5b\x5d-\x7e]+( [\x21\x23-\x5b\x5d-\x7e]+)*$/.test(scope);
    const fits = named && typeof jkt === "string" && /^[\w-]{43}$/.test(jkt) && ["string", "undefined"].includes(typeof audience);
    if (!fits) throw new GatepassError("malformed");
    if (this.#minting) throw new GatepassError("busy", { retryable: true });
    this.#minting = true;
    try {
      return await this.#mint({ scope, audience, jkt });
    } finally {
      this.#minting = false;
    }
  }

  /** @param {Message} message @param {string} type what an answer is called */
  #ask(message, type) {
    const answer = this.#answer(message.id, type, ANSWER_LIMIT);
    this.#port.postMessage(message);
    return answer;
  }

  /** @param {number} id @param {string} type @param {number} limit @returns {Promise<Message>} */
  #answer(id, type, limit) {
    const those = this.#asked.get(id) ?? new Map();
    this.#asked.set(id, those);
    /** @type {ReturnType<typeof setTimeout>} */
    let timer;
    const given = new Promise((/** @type {(message: Message) => void} */ answer, fail) => {
      those.set(type, { answer, fail });
      // The port keeps the worker running, so this timer is not lost.
      timer = setTimeout(() => fail(unreachable()), limit);
    });
    return given.finally(() => {
      clearTimeout(timer);
      those.delete(type);
      if (those.size === 0) this.#asked.delete(id);
    });
  }

  #next = () => ++this.#last;

  #pairing = () => keyOf(`pairing ${this.#host}`);

  async #phrase() {
    const { runtime } = api();
    // As the browser names this extension to the program.
    const origin = runtime.getURL("").startsWith("chrome-extension:") ? runtime.getURL("") : runtime.id;
    const { thumbprint } = await this.#pairing();
    return phraseOf(`gatepass-pairing-v1\n${origin}\n${thumbprint}\n${this.#challenge}`);
  }

  /** @param {Status} status */
  #set(status) {
    this.#status = status;
    this.#tell(status);
  }

  /** @returns {Promise<{paired: boolean, pause?: number}>} */
  #kept = async () => (await api().storage.local.get(LINE))[LINE] ?? { paired: false };

  /** @param {{paired: boolean, pause?: number}} kept */
  #keep = (kept) => api().storage.local.set({ [LINE]: kept });
}

const unreachable = () => new GatepassError("unreachable", { fault: "machine", retryable: true });

/** The codes that the two may tell each other. @param {string} code */
const lineCode = (code) => {
  const codes = ["not_paired", "pairing_denied", "pairing_expired", "not_signed_in", "denied", "unsupported", "malformed", "busy", "unreachable"];
  if (["session_ended", "session_lost", "key_lost"].includes(code)) return "not_signed_in";
  return codes.includes(code) ? code : "unreachable";
};

/** How this browser calls itself, as `Chromium 156`. */
function browserName() {
  const { userAgentData, userAgent } = /** @type {any} */ (navigator);
  const brands = userAgentData?.brands.filter((/** @type {any} */ { brand }) => !/not.*brand/i.test(brand)) ?? [];
  const brand = brands.find((/** @type {any} */ { brand }) => brand !== "Chromium") ?? brands[0];
  if (brand) return `${brand.brand} ${brand.version}`;
  const [, name = "browser", version = ""] = /(Firefox|Safari)\/(\d+)/.exec(userAgent) ?? [];
  return `${name} ${version}`.trim();
}
