// The shell's whole part in a transaction: do what it says, answer, until it is done. It runs to its end whoever still
// waits for it.

import { now } from "./clock.js";
import { GatepassError } from "./errors.js";
import { send } from "./http.js";
import { take } from "./lock.js";
import { make, sign } from "./sign.js";
import { verify } from "./verify.js";

/** @typedef {import("./store.js").Store} Store */
/** @typedef {[said: string, one?: string | null, two?: string | null, bytes?: Uint8Array | null, number?: number]} Answer */

/**
 * Drives a transaction to its end and gives its result.
 * @param {any} transaction a new one
 * @param {Store} store
 * @param {string} session
 * @param {Answer} answer what is wanted; what else is said to it: crates/web/src/transaction.rs
 * @returns {Promise<any>}
 */
export async function drive(transaction, store, session, answer) {
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
      return ["loaded", found?.access, found?.rest];
    },
    async lock() {
      release = await take(`gatepass:${session}`);
      return [release ? "locked" : "late"];
    },
    unlock() {
      release?.();
      return ["unlocked"];
    },
    async sign({ input }) {
      if (!keys.key) throw new GatepassError("key_lost");
      return ["signed", , , await sign(keys.key, input)];
    },
    async send(request) {
      const response = await send(request);
      if (!response) return ["lost"];
      // Across origins only the headers that the server exposes are seen; the others are simply absent.
      const { status, headers, body } = response;
      return ["sent", headers.get("content-type"), headers.get("dpop-nonce"), body, status];
    },
    save: async (record) => [(await store.save(session, record, keys)) ? "saved" : "moved"],
    erase: async ({ expect }) => [(await store.erase(session, expect)) ? "erased" : "moved"],
    async make() {
      const { key, point } = await make();
      keys = { key };
      return ["made", , , point];
    },
    async keep({ digest, pending, begunAt }) {
      await store.keep(digest, pending, begunAt, keys.key);
      return ["kept"];
    },
    async take({ digest }) {
      const found = await store.take(digest);
      keys = { key: found?.key };
      brought = true;
      return ["taken", found?.pending];
    },
    verify: async (check) => ["judged", , , , Number(await verify(check))],
  };

  try {
    for (;;) {
      const effect = JSON.parse(transaction.step(now(), ...answer));
      if (effect.do === "done") return effect;
      try {
        answer = await effects[effect.do](effect);
      } catch (error) {
        // WebCrypto fails only over keys.
        answer = ["failed", error instanceof GatepassError ? error.code : "key_lost"];
      }
    }
  } finally {
    // The lock goes on every path out of here.
    release?.();
    transaction.free();
  }
}
