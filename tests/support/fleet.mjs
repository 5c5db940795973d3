// Many processes that ask for a token at once when it has expired, with some of them killed.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { signIn, startAuthority } from './authority.mjs';
import { Program, cleanUp, eventually, folder } from './process.mjs';
import { startProvider } from './provider.mjs';
import { Terminal } from './terminal.mjs';
import { GATEPASS } from './tree.mjs';
import { Visitor, navigate } from './visitor.mjs';

/** Waits for a line, so that all start at once, and becomes the command. */
const GATE = 'read -r _; exec "$@" </dev/null';
/** By so many seconds every access token has expired. */
const EXPIRED = 3601;
/** What a process says whose session is over. */
const OVER = ['session_ended', 'session_lost', 'not_signed_in'];

/** Our own authority: whoever holds the session's key gets an answer that was lost once more. */
export async function forgivingHouse(t, { keyring = false } = {}) {
  const authority = await startAuthority(t);
  const terminal = new Terminal(t, { issuer: authority.issuer, storage: 'file' });
  if (keyring) await terminal.withKeyring();
  return {
    issuer: authority.issuer,
    terminal,
    forgives: true,
    // Its refresh tokens can be used for a year.
    roundsPerSignIn: 5000,
    visit: (url) => signIn(authority, new Visitor(), url),
    later: (seconds) => {
      authority.later(seconds);
      terminal.later(seconds);
    },
    // By the server's own log, whatever the answer was.
    sent: () => authority.count('POST /oauth/token ', ''),
    settled: async () => {
      await settled(authority.issuer);
      // The log is one pipe: when the line of this request has come, those before it have come too.
      const before = authority.count('GET /healthz ', 200);
      await navigate(`${authority.issuer}/healthz`);
      await eventually(() => authority.count('GET /healthz ', 200) > before);
    },
  };
}

/** npm oidc-provider without bound tokens: a refresh token works once, and a second use ends the session. */
export async function strictHouse(t, { keyring = false } = {}) {
  const clock = moveClock(t);
  const { issuer, provider } = await startProvider(t, { dpop: false });
  const terminal = new Terminal(t, { issuer, client_id: 'cli', id_token_signed_response_alg: 'RS256', scope: 'openid offline_access', storage: 'file' });
  if (keyring) await terminal.withKeyring();
  let sent = 0;
  for (const event of ['grant.success', 'grant.error']) {
    provider.on(event, (context) => {
      if (context.oidc.params?.grant_type === 'refresh_token') sent += 1;
    });
  }
  return {
    issuer,
    terminal,
    forgives: false,
    // The provider's grants are good for a day.
    roundsPerSignIn: 20,
    visit: async (url) => {
      const visitor = new Visitor();
      await visitor.open(url);
      await visitor.submit({ login: 'user-1', password: 'x' });
      return visitor.submit({});
    },
    later: (seconds) => {
      clock.move(seconds);
      terminal.later(seconds);
    },
    sent: () => sent,
    settled: () => settled(issuer),
  };
}

/** One session, and the processes that use it. */
export class Fleet {
  constructor(t, house, { processes = 64 } = {}) {
    this.house = house;
    this.processes = processes;
    this.place = folder(t, 'fleet');
    this.running = new Set();
    this.offset = 0;
    this.rounds = 0;
    /** How long the slowest process of the last quiet round lived, in milliseconds. */
    this.span = 0;
    /** Whether an answer may have gone to nobody in the round before. */
    this.orphaned = false;
    cleanUp(t, async () => {
      for (const program of this.running) program.kill('SIGKILL');
      await Promise.all([...this.running].map((program) => program.ended));
    });
  }

  async signIn() {
    const { terminal, visit } = this.house;
    await terminal.json('logout');
    const { program, url } = await terminal.login();
    const { html } = await visit(url);
    const { code } = await program.ended;
    if (code !== 0 || !/You are signed in/.test(html)) throw new Error(`the sign-in failed:\n${program.stderr}`);
    this.rounds = 0;
    this.orphaned = false;
  }

  /** Lets the token expire, starts everybody at once, kills every third one if there are dice, and judges what became of it. */
  async round(dice) {
    if (this.rounds === this.house.roundsPerSignIn) await this.signIn();
    this.rounds += 1;
    this.offset += EXPIRED;
    this.house.later(this.offset);
    const before = this.house.sent();
    // In some rounds kills come early, where the one who asks the server is found. In others the victims, two of three
    // then, are those who hold an answer and have not saved it; the rest comes when the first of them has got so far.
    const kind = dice === undefined ? 'quiet' : ['hooked', 'early', 'any', 'any'][Math.floor(dice() * 4)];
    const instant = () => (kind === 'early' ? dice() * dice() : dice()) * this.span;
    const [gate, secondGate] = [newGate(), newGate()];
    const crew = Array.from({ length: this.processes }, (_, at) => {
      const victim = kind !== 'quiet' && (at % 3 === 0) !== (kind === 'hooked');
      if (kind !== 'hooked') return this.#start(gate.opened, victim ? { killAfter: instant() } : {});
      return victim ? this.#startStopping(gate.opened, at, { dice, stopped: secondGate.open }) : this.#start(secondGate.opened);
    });
    const start = performance.now();
    gate.open();
    // Nobody stops where the session is over already.
    if (kind === 'hooked') Promise.all(crew.filter((_, at) => at % 3 !== 0)).then(secondGate.open);
    const members = await Promise.all(crew);
    const probe = await this.#start();
    const seconds = (performance.now() - start) / 1000;
    await this.house.settled();
    const round = { hooked: kind === 'hooked', members: [...members, probe], sent: this.house.sent() - before, seconds };
    if (kind === 'quiet') this.span = Math.max(...members.map(({ life }) => life));
    const result = judge(round, this.house.forgives, this.orphaned);
    this.orphaned = result.killed > 0 && result.sent > 1;
    if (result.lost) await this.signIn();
    return result;
  }

  /** Runs one process from the opening of its gate to its end, or kills it after so many milliseconds. */
  async #start(gate, { killAfter, env } = {}, begun = () => {}) {
    const program = new Program('sh', ['-c', GATE, 'sh', GATEPASS, '--json', 'token'], { env: { ...this.house.terminal.env, ...env }, keys: true });
    this.running.add(program);
    begun(program);
    await gate;
    program.type('\n');
    const start = performance.now();
    const timer = killAfter === undefined ? undefined : setTimeout(() => program.kill('SIGKILL'), killAfter);
    const { code, signal } = await program.ended;
    clearTimeout(timer);
    this.running.delete(program);
    return { code, killed: signal === 'SIGKILL', life: performance.now() - start, ...said(program) };
  }

  /** Runs one process that stops before a save, if it comes to one, and is killed there. */
  async #startStopping(gate, at, { dice, stopped }) {
    const file = join(this.place, `stopped-${this.offset}-${at}`);
    // The first save of a strict server's session is the mark that a refresh has begun.
    const passes = this.house.forgives ? 0 : Math.floor(dice() * 2);
    const env = { GATEPASS_TEST_STOP_BEFORE_SAVE: file, GATEPASS_TEST_STOP_AFTER: String(passes) };
    let watch;
    const member = await this.#start(gate, { env }, (program) => {
      watch = setInterval(() => {
        if (!existsSync(file)) return;
        program.kill('SIGKILL');
        stopped();
      }, 2);
    });
    clearInterval(watch);
    return { ...member, stopped: existsSync(file) };
  }
}

/** What many wait for, to start at once. */
function newGate() {
  let open;
  const opened = new Promise((resolve) => { open = resolve; });
  return { open, opened };
}

/** Dice that fall the same way for the same seed and round (mulberry32: small, and nothing here is secret). */
export function seeded(seed, round) {
  let state = (Math.imul(seed, 0x9e3779b1) ^ Math.imul(round + 1, 0x85ebca6b)) >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Holds a round against what is promised; throws what was broken. */
export function judge({ hooked, members, sent, seconds }, forgives, orphaned) {
  const alive = members.filter(({ killed }) => !killed);
  const killed = members.length - alive.length;
  const stopped = members.filter((member) => member.stopped).length;
  const over = alive.filter(({ error }) => OVER.includes(error));
  const strange = alive.filter(({ code, saved, error }) => !OVER.includes(error) && (code !== 0 || saved !== true));
  const tokens = new Set(alive.map(({ access_token: token }) => token).filter(Boolean));
  const refreshed = alive.filter((member) => member.refreshed).length;
  const lost = over.length > 0;
  const facts = `${killed} killed, ${stopped} of them between answer and save, ${sent} token requests, ${refreshed} refreshed, ${tokens.size} tokens, ${over.length} signed out`;
  const must = (holds, what) => {
    if (!holds) throw new Error(`${what} (${facts})`);
  };
  must(strange.length === 0, `a process failed: ${JSON.stringify(strange[0])}`);
  must(tokens.size <= 1, 'not everybody has the same token');
  must(refreshed <= 1, 'two who lived refreshed');
  // A kill at random may or may not have hit a sender; those that stopped before a save surely were that far.
  const senders = hooked ? stopped : killed;
  if (lost) {
    must(!forgives, 'a session was lost');
    must(tokens.size === 0, 'some have a token and others are signed out');
    must((killed > 0 && sent > 1) || orphaned, 'a session was lost and no answer went to a dead process');
    // The one more is the one that was told.
    must(sent <= 1 + senders + 1, 'too many requests');
  } else {
    must(tokens.size === 1, 'nobody has a token');
    must(sent >= 1, 'nobody asked the server');
    must(sent <= 1 + senders, 'more requests than one and one for each sender killed');
  }
  return { killed, stopped, sent, lost, seconds };
}

function said({ stdout, stderr }) {
  try {
    return JSON.parse(stdout);
  } catch {
    // A process that was killed has said nothing, or half of it.
    return { stderr };
  }
}

/** Waits until a server of this machine has no connection any more: what was under way is done or given up. */
async function settled(issuer) {
  const port = Number(new URL(issuer).port).toString(16).toUpperCase().padStart(4, '0');
  const LISTENING = '0A';
  const GONE = '06';
  const open = () => {
    const lines = readFileSync('/proc/net/tcp', 'utf8').trim().split('\n').slice(1);
    return lines.map((line) => line.trim().split(/\s+/)).some(([, local, , state]) => local.endsWith(`:${port}`) && ![LISTENING, GONE].includes(state));
  };
  if (existsSync('/proc/net/tcp')) await eventually(() => !open());
}

/** Lets time pass for this process, and so for a server inside it. */
function moveClock(t) {
  const now = Date.now;
  let offset = 0;
  Date.now = () => now() + offset;
  cleanUp(t, () => {
    Date.now = now;
  });
  return { move: (seconds) => { offset = seconds * 1000; } };
}
