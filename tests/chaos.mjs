// `cargo xtask chaos cli`: rounds of many processes with one expired token, every third one killed.
import { parseArgs } from 'node:util';
import { Fleet, forgivingHouse, seeded, strictHouse } from './support/fleet.mjs';
import { keyringMissing } from './support/terminal.mjs';

const HOUSES = { own: forgivingHouse, strict: strictHouse };

const { values } = parseArgs({
  options: {
    server: { type: 'string', default: 'own' },
    storage: { type: 'string', default: 'file' },
    rounds: { type: 'string', default: '1000' },
    processes: { type: 'string', default: '64' },
    seed: { type: 'string', default: String(Math.floor(Math.random() * 2 ** 32)) },
    round: { type: 'string' },
  },
});
const [rounds, processes, seed] = [values.rounds, values.processes, values.seed].map(Number);
const first = values.round === undefined ? 1 : Number(values.round);
const last = values.round === undefined ? rounds : first;

/** What the run has started; gone at its end, whatever that is. */
const scope = { works: [], after(work) { this.works.push(work); } };

/** Plays all rounds, beginning with a quiet one that measures how long a process lives. */
async function play() {
  const house = await HOUSES[values.server](scope, { keyring: values.storage === 'keyring' });
  const fleet = new Fleet(scope, house, { processes });
  await fleet.signIn();
  const quiet = await fleet.round();
  const sum = { rounds: 0, kills: 0, stopped: 0, requests: 0, most: 0, lost: 0, slowest: 0 };
  const start = performance.now();
  for (let number = first; number <= last; number += 1) {
    const result = await fleet.round(seeded(seed, number)).catch((error) => {
      throw new Error(`round ${number}: ${error.message}\nreplay: cargo xtask chaos cli --server ${values.server} --storage ${values.storage} --processes ${processes} --seed ${seed} --round ${number}`);
    });
    sum.rounds += 1;
    sum.kills += result.killed;
    sum.stopped += result.stopped;
    sum.requests += result.sent;
    sum.most = Math.max(sum.most, result.sent);
    sum.lost += result.lost ? 1 : 0;
    sum.slowest = Math.max(sum.slowest, result.seconds);
    if (number % 50 === 0) console.error(`${number} rounds: ${JSON.stringify(sum)}`);
  }
  const seconds = Math.round((performance.now() - start) / 1000);
  console.log(JSON.stringify({ schema: 'gatepass/chaos/1', server: values.server, storage: values.storage, seed, processes, quiet_seconds: quiet.seconds, span_ms: Math.round(fleet.span), ...sum, seconds }));
}

if (!HOUSES[values.server] || !['file', 'keyring'].includes(values.storage) || ![rounds, processes, seed, first].every(Number.isInteger)) {
  console.error('error: --server is own or strict, --storage file or keyring; the others are numbers');
  process.exit(2);
}
const missing = values.storage === 'keyring' ? keyringMissing() : undefined;
if (missing) {
  console.error(`error: ${missing} is not installed`);
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
