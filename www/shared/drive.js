// The shell's whole part in a transaction: do what it says, answer, until it is done. It runs to its end whoever still
// waits for it.

import { now } from "./clock.js";
import { GatepassError } from "./errors.js";
import { send } from "./http.js";
import { take } from "./lock.js";
import { ERASED, FAILED, JUDGED, KEPT, LATE, LOADED, LOCKED, LOST, MADE, MOVED, SAVED, SENT, SIGNED, TAKEN, UNLOCKED } from "./said.js";
import { make, sign } from "./sign.js";
import { verify } from "./verify.js";

/** @typedef {import("./store.js").Store} Store */
/** @typedef {[said: number, text?: string, bytes?: Uint8Array, number?: number]} Answer */
/** @typedef {{do: string, [rest: string]: any}} Effect */
/** @typedef {(effect: Effect, answer: Answer) => void} Heard what was done, and what came of it */

const NOTHING = new Uint8Array();

/**
 * Takes a step: what became of the last effect against the next one.
 * @param {any} transaction
 * @param {WebAssembly.Memory} memory where it lies
 * @param {Answer} answer
 * @returns {Effect}
 */
export function step(transaction, memory, [said, text, bytes = NOTHING, number = NaN]) {
  const at = transaction.step(now(), said, new TextEncoder().encode(text), bytes, number);
  const effect = JSON.parse(new TextDecoder().decode(new Uint8Array(memory.buffer, at, transaction.length())));
  if (effect.do === "fail") throw new GatepassError(effect.code, effect);
  return effect;
}

/**
 * Drives a transaction to its end and gives its result.
 * @param {any} transaction a new one
 * @param {WebAssembly.Memory} memory
 * @param {Store} store
 * @param {string} session
 * @param {Answer} answer what is wanted; what else is said to it: crates/web/src/transaction.rs
 * @param {Heard} [heard]
 * @returns {Promise<any>}
 */
export async function drive(transaction, memory, store, session, answer, heard) {
  /** @type {(() => void) | undefined} */
  let release;
  /** Those of the session last loaded, as long as no login brings its own. @type {import("./store.js").Keys} */
  let keys = {};
  let brought = false;

  /** @type {Record<string, (effect: any) => Promise<Answer> | Answer>} */
  const effects = {
    async load({ whole }) {
      const found = await store.load(session, whole);
      if (found && !brought) ({ keys } = found);
      return [LOADED, found && [found.access, found.rest].filter(Boolean).join("\n")];
    },
    async lock() {
      release = await take(`gatepass:${session}`);
      return [release ? LOCKED : LATE];
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
      return [SENT, headers.get("dpop-nonce") ?? "", body, status];
    },
    save: async (record) => [(await store.save(session, record, keys)) ? SAVED : MOVED],
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
      const found = await store.take(`${session} ${digest}`);
      keys = { key: found?.key };
      brought = true;
      return [TAKEN, found?.pending];
    },
    verify: async (check) => [JUDGED, , , Number(await verify(check))],
  };

  try {
    for (;;) {
      const effect = step(transaction, memory, answer);
      if (effect.do === "done") return effect;
      try {
        answer = await effects[effect.do](effect);
      } catch (error) {
        // WebCrypto fails only over keys.
        answer = [FAILED, error instanceof GatepassError ? error.code : "key_lost"];
      }
      heard?.(effect, answer);
    }
  } finally {
    // The lock goes on every path out of here.
    release?.();
    transaction.free();
  }
}
