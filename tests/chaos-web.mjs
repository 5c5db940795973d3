// `cargo xtask chaos web`: rounds of many tabs with one expired token; the one that refreshes is frozen, closed, or left alone.
import { parseArgs } from 'node:util';
import { openBrowser } from './support/chromium.mjs';
import { seeded } from './support/fleet.mjs';
import { EXPIRED, holdTime, later, openTab, signIn, skip, startSite, token, who } from './support/site.mjs';
import { freeze, hurry, openTabs, thaw, waitsForLock } from './support/tabs.mjs';

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '20' },
    tabs: { type: 'string', default: '64' },
    dpop: { type: 'string', default: 'required' },
    seed: { type: 'string', default: String(Math.floor(Math.random() * 2 ** 32)) },
    round: { type: 'string' },
  },
});
const [rounds, count, seed] = [values.rounds, values.tabs, values.seed].map(Number);
const first = values.round === undefined ? 1 : Number(values.round);
const last = values.round === undefined ? rounds : first;
/** Tabs of a browser with so many others take their time. */
const LIMIT = 120_000;
const EMAIL = 'user@example.com';
/** A page's session lives for twelve hours, and each round takes one of them. */
const ROUNDS_PER_SIGN_IN = 4;

/** What the run has started; gone at its end, whatever that is. */
const scope = { works: [], after(work) { this.works.push(work); } };

function judge(right, what) {
  if (!right) throw new Error(what);
}

/** Tabs of one session, and what stands between them and the authority. */
class Crowd {
  offset = 0;
  rounds = 0;

  static async gather() {
    const crowd = new Crowd();
    Object.assign(crowd, await startSite(scope, { dpop: values.dpop }));
    const { context } = await openBrowser(scope);
    context.setDefaultTimeout(LIMIT);
    await holdTime(context);
    crowd.context = context;
    crowd.tabs = [await openTab(context, crowd.site)];
    await signIn(crowd.authority, crowd.tabs[0]);
    // A few at a time: a machine with two cores starts no 64 pages at once within any patience.
    while (crowd.tabs.length < count) crowd.tabs.push(...await openTabs(context, crowd.site, Math.min(8, count - crowd.tabs.length)));
    return crowd;
  }

  /** A new sign-in, by the first tab; all others learn of it. */
  async renew() {
    const [tab] = this.tabs;
    await tab.evaluate(() => globalThis.app.gatepass.signOut());
    this.offset += 1;
    await signIn(this.authority, tab, { prompt: 'login' });
    this.rounds = 0;
  }

  async round(dice) {
    if (this.rounds === ROUNDS_PER_SIGN_IN) await this.renew();
    this.rounds += 1;
    this.offset += EXPIRED;
    await later(this.authority, this.context, this.offset);
    const kind = ['quiet', 'frozen', 'closed'][Math.floor(dice() * 3)];
    const early = dice() < 0.5;
    const victim = this.tabs[Math.floor(dice() * this.tabs.length)];
    const before = this.gate.asked;
    const start = performance.now();
    const result = await this[kind](victim, this.tabs.filter((tab) => tab !== victim), early);
    const seconds = (performance.now() - start) / 1000;
    const all = await Promise.all(this.tabs.map((tab) => token(tab)));
    judge(all[0].value && new Set(all.map(({ value }) => value)).size === 1, 'not all tabs have the same token at the end');
    judge((await Promise.all(this.tabs.map(who))).every((email) => email === EMAIL), 'somebody was signed out');
    return { kind, requests: this.gate.asked - before, seconds, ...result };
  }

  async quiet() {
    const before = this.gate.asked;
    const tokens = await Promise.all(this.tabs.map((tab) => token(tab)));
    judge(tokens[0].value && new Set(tokens.map(({ value }) => value)).size === 1, 'not all tabs have the same token');
    judge(this.gate.asked - before === 1, `${this.gate.asked - before} requests where one is enough`);
  }

  /** One tab begins to refresh and is held up, before the server has heard it or after; all others ask too. */
  async hold(victim, others, early) {
    const held = this.gate.hold({ early });
    const own = token(victim).catch(() => undefined);
    await held.arrived;
    return { held, own };
  }

  async frozen(victim, others, early) {
    const before = this.gate.asked;
    const { held, own } = await this.hold(victim, others, early);
    const session = await freeze(victim);
    const waiting = others.map((tab) => token(tab));
    await waitsForLock(others[0], others.length);
    await Promise.all(others.map(hurry));
    const tokens = await Promise.all(waiting);
    if (values.dpop === 'off') {
      judge(tokens.every(({ error }) => error === 'busy'), 'a bare session was refreshed beside the one who holds the lock');
      judge(this.gate.asked - before === 1, 'a second request for a bare session');
    } else {
      judge(tokens.every(({ value }) => value), `somebody has no token: ${tokens.find(({ error }) => error)?.error}`);
      judge(this.gate.asked - before === 2, `${this.gate.asked - before} requests where two are enough`);
    }
    await thaw(session);
    held.release();
    judge((await own)?.value, 'the one who was frozen has no token afterwards');
  }

  async closed(victim, others, early) {
    const before = this.gate.asked;
    const { held, own } = await this.hold(victim, others, early);
    const waiting = others.map((tab) => token(tab));
    await waitsForLock(others[0], others.length);
    await victim.close();
    await own;
    const tokens = await Promise.all(waiting);
    held.release();
    judge(tokens[0].value && new Set(tokens.map(({ value }) => value)).size === 1, `not all have the same token: ${tokens.find(({ error }) => error)?.error}`);
    judge(this.gate.asked - before === 2, `${this.gate.asked - before} requests where two are enough`);
    this.tabs = [...others, await openTab(this.context, this.site)];
  }
}

async function play() {
  const gathering = performance.now();
  const crowd = await Crowd.gather();
  console.error(`${count} tabs after ${Math.round((performance.now() - gathering) / 1000)} s`);
  const sum = { rounds: 0, quiet: 0, frozen: 0, closed: 0, requests: 0, most: 0, slowest: 0 };
  const start = performance.now();
  for (let number = first; number <= last; number += 1) {
    const { kind, requests, seconds } = await crowd.round(seeded(seed, number)).catch((error) => {
      throw new Error(`round ${number}: ${error.message}\nreplay: cargo xtask chaos web --tabs ${count} --dpop ${values.dpop} --seed ${seed} --round ${number}`);
    });
    sum.rounds += 1;
    sum[kind] += 1;
    sum.requests += requests;
    sum.most = Math.max(sum.most, requests);
    sum.slowest = Math.max(sum.slowest, Math.round(seconds * 10) / 10);
    console.error(`${number}: ${kind}, ${requests} requests, ${seconds.toFixed(1)} s`);
  }
  console.log(JSON.stringify({ schema: 'gatepass/chaos-web/1', seed, tabs: count, dpop: values.dpop, ...sum, seconds: Math.round((performance.now() - start) / 1000) }));
}

if (!['required', 'off'].includes(values.dpop) || ![rounds, count, seed, first].every(Number.isInteger) || count < 2) {
  console.error('error: --dpop is required or off; the others are numbers, and tabs are at least two');
  process.exit(2);
}
if (skip) {
  console.error(`error: ${skip}`);
  process.exit(2);
}
console.error(`seed ${seed}`);
try {
  await play();
} catch (error) {
  console.error(`error: ${error.message}`);
  process.exitCode = 1;
} finally {
  while (scope.works.length > 0) await scope.works.pop()();
}
