// Telling the issuer that the session is used, so that it does not end under somebody's hands; and telling the page when
// it is about to end. A page that is hidden, or that nobody touches, says nothing.

import { GatepassError } from "./errors.js";

/** In milliseconds, as everything here. How often the issuer is told, unless it forgets sooner. */
const BEAT = 5 * 60_000;
/** How long before the end the page is told. */
const WARNING = 5 * 60_000;
/** A timer that waited longer would be wrong after a sleep. */
const TICK = 60_000;

/**
 * @param {import("./session.js").Following} session
 * @param {import("./gatepass.js").Gatepass["fetch"]} ask
 * @param {import("./tokens.js").Tokens} tokens
 * @param {import("./metadata.js").Endpoint} endpoint
 * @param {import("./events.js").Events} events
 * @param {AbortSignal} signal ends it
 */
export function keepAlive(session, ask, tokens, endpoint, events, signal) {
  let [usedAt, toldAt, triedAt] = [0, 0, 0];
  let period = BEAT;
  /** When the session ends, and whether the page knows. */
  let [end, warned] = [0, false];
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;

  const life = new AbortController();
  const stop = () => life.abort();
  signal.addEventListener("abort", stop);

  /** @param {number} sessionExpiresAt */
  const endsAt = (sessionExpiresAt) => {
    if (sessionExpiresAt !== end) [end, warned] = [sessionExpiresAt, false];
  };

  /** @param {number} now */
  const beat = async (now) => {
    triedAt = now;
    const url = await endpoint("gatepass_heartbeat_endpoint");
    if (!url) return stop();
    const response = await ask(url, { method: "POST" });
    if (!response.ok) throw new GatepassError("server_error", { fault: "server", retryable: true });
    const { expires_at, idle_expires_at } = await response.json();
    toldAt = now;
    period = Math.min(BEAT, (idle_expires_at * 1000 - now) / 4);
    endsAt(Math.min(expires_at, idle_expires_at) * 1000);
    session.share(end);
  };

  const tick = async () => {
    if (life.signal.aborted) return;
    const now = Date.now();
    try {
      const due = usedAt > toldAt && now - toldAt >= period && now - triedAt >= Math.min(period, TICK);
      if (!session.shown()) endsAt(0);
      else if (due && document.visibilityState === "visible") await beat(now);
      if (end && now >= end) {
        // Whether it has ended, only the issuer knows; without an answer it is asked again.
        await tokens.get({ forceRefresh: true });
        endsAt(0);
      } else if (end && !warned && now >= end - WARNING) {
        warned = true;
        events.emit("expiring", { sessionExpiresAt: end });
      }
    } catch (error) {
      // That a session is over is told by another event.
      const unreachable = new GatepassError("unreachable", { fault: "world", retryable: true });
      if (session.shown()) events.emit("error", error instanceof GatepassError ? error : unreachable);
    }
    wait();
  };

  const wait = () => {
    clearTimeout(timer);
    const next = (warned ? end : end - WARNING) - Date.now();
    timer = setTimeout(tick, end && next > 0 ? Math.min(TICK, next) : TICK);
  };

  session.onShared(endsAt);
  const options = { signal: life.signal, passive: true, capture: true };
  // Not movements: browsers make those up when what lies under the pointer changes.
  for (const use of ["pointerdown", "keydown", "wheel"]) addEventListener(use, () => void (usedAt = Date.now()), options);
  for (const wake of ["visibilitychange", "pageshow", "online"]) addEventListener(wake, tick, options);
  wait();
}
