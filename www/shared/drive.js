// The shell's whole part in a transaction: do what it says, answer, until it is done. It runs to its end whoever still
// waits for it.

import { now } from "./clock.js";
import { GatepassError } from "./errors.js";
import { send } from "./http.js";
import { take } from "./lock.js";
import { ACCESS, ERASED, FAILED, JUDGED, KEPT, LATE, LOADED, LOCKED, LOST, MADE, MOVED, REFRESH, SAVED, SENT, SIGNED, TAKEN, UNLOCKED } from "./said.js";
import { make, sign } from "./sign.js";
import { verify } from "./verify.js";

/** @typedef {import("./instance.js").Instances} Instances */
/** @typedef {Pick<import("./memory.js").PageStore, "load" | "save" | "erase" | "keep" | "take">} Store */
/** @typedef {[said: number, text?: string, bytes?: Uint8Array, number?: number]} Answer */
/** @typedef {{do: string, [rest: string]: any}} Effect */
/** @typedef {(effect: Effect, answer: Answer) => void} Heard what was done, and what came of it */

/** By how many seconds a clock may be wrong and pass for right: answers take their time, and are dated by the second. */
const ACCURATE = 30;
/** And by how many at most it is believed to be wrong: by a date from a far time no token would ever be fresh, or old. */
const BELIEVED = 2 * 86_400;

/** Options that the core knows by the names of the specifications. @type {Record<string, string>} */
const OPTIONS = { client_id: "clientId", redirect_uri: "redirectUri", id_token_signed_response_alg: "idTokenAlg" };

/**
 * Takes a step: what became of the last effect against the next one.
 * @param {ReturnType<Instances["take"]>} instance
 * @param {Answer} answer
 * @param {number} [skew] how far this machine's clock is behind the server's, in seconds
 * @returns {Effect}
 */
function step(instance, answer, skew = 0) {
  const effect = JSON.parse(instance.step(now() + skew, ...answer));
  if (effect.do === "fail") {
    throw new GatepassError(effect.code, { ...effect, detail: OPTIONS[effect.detail] ?? effect.detail });
  }
  return effect;
}

/**
 * Says what is wanted, and does nothing about it: throws if it is nothing that can be wanted.
 * @param {Instances} instances
 * @param {Answer} answer
 */
export function judge(instances, answer) {
  const instance = instances.take();
  try {
    step(instance, answer);
  } finally {
    instances.give(instance);
  }
}

/**
 * Drives a transaction to its end and gives its result.
 * @param {Instances} instances
 * @param {Store} store
 * @param {string} session
 * @param {Answer} wanted what else is said to it: crates/web/src/transaction.rs
 * @param {Heard} [heard]
 * @returns {Promise<any>}
 */
export async function drive(instances, store, session, wanted, heard) {
  /** @type {(() => void) | undefined} */
  let release;
  /** Those of the session last loaded, as long as no login brings its own. @type {import("./store.js").Keys} */
  let keys = {};
  /** The login that was taken, which a store gives back once. @type {Awaited<ReturnType<Store["take"]>>} */
  let taken;
  /** What a response has said of our clock. @type {number | undefined} */
  let skew;

  /** @type {Record<string, (effect: any) => Promise<Answer> | Answer>} */
  const effects = {
    async load({ whole }) {
      const found = await store.load(session, whole);
      if (found && !taken) ({ keys } = found);
      return [LOADED, found && [found.access, found.rest].filter(Boolean).join("\n")];
    },
    async lock() {
      const refresh = wanted[0] === ACCESS || wanted[0] === REFRESH;
      release = await take(`gatepass:${session}`, refresh);
      if (release) return [LOCKED];
      // Whoever has waited in vain for a frozen tab goes on all the same, but one after the other: the first refreshes, and
      // the others find what it has saved.
      if (refresh) release = await take(`gatepass:${session}:late`, refresh);
      return [LATE];
    },
    unlock() {
      release?.();
      return [UNLOCKED];
    },
    async sign({ input }) {
      if (!keys.key) throw new GatepassError("key_lost");
      return [SIGNED, , await sign(keys.key, input)];
    },
    async send(request) {
      const response = await send(request);
      if (!response) return [LOST];
      // Across origins only the headers that the server exposes are seen; the others are simply absent.
      const { status, headers, body } = response;
      // Nothing in between has kept the answer to a POST, so its date is of now.
      const away = Math.round(Date.parse(headers.get("date") ?? "") / 1000) - now();
      // Without a date it is `NaN`, and no comparison holds.
      if (request.method === "POST" && Math.abs(away) < BELIEVED) skew = Math.abs(away) > ACCURATE ? away : 0;
      return [SENT, headers.get("dpop-nonce") ?? "", body, status];
    },
    async save(record) {
      keys.skew = skew ?? keys.skew;
      return [(await store.save(session, record, keys)) ? SAVED : MOVED];
    },
    erase: async ({ expect }) => [(await store.erase(session, expect)) ? ERASED : MOVED],
    async make() {
      const { key, point } = await make();
      keys = { key };
      return [MADE, , point];
    },
    async keep({ digest, pending, begunAt }) {
      await store.keep(`${session} ${digest}`, pending, begunAt, keys.key);
      return [KEPT];
    },
    async take({ digest }) {
      taken ??= await store.take(`${session} ${digest}`);
      keys = { key: taken?.key };
      return [TAKEN, taken?.pending];
    },
    verify: async (check) => [JUDGED, , , Number(await verify(check))],
  };

  for (let again = false; ; again = true) {
    const instance = instances.take();
    const before = skew;
    try {
      for (let answer = wanted; ; ) {
        const effect = step(instance, answer, skew ?? keys.skew);
        if (effect.do === "done") return effect;
        try {
          answer = await effects[effect.do](effect);
        } catch (error) {
          // WebCrypto fails only over keys.
          answer = [FAILED, error instanceof GatepassError ? error.code : "key_lost"];
        }
        heard?.(effect, answer);
      }
    } catch (error) {
      // RFC 9449 section 4.3: a proof counts for a while around its `iat`. Now that the time is known, all of it once more.
      const late = /** @type {any} */ (error).code === "invalid_dpop_proof" && skew !== before;
      if (again || !late) throw error;
    } finally {
      // The lock goes on every path out of here.
      release?.();
      instances.give(instance);
    }
  }
}
