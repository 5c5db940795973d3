// `cargo xtask bench web`: what our package weighs and how long it takes, beside others, all in one run.
import { arch, cpus, platform } from 'node:os';
import { parseArgs } from 'node:util';
import { chromiumMissing } from '../support/chromium.mjs';
import { sizes } from './sizes.mjs';
import { times } from './times.mjs';

const { values } = parseArgs({ options: { json: { type: 'boolean', default: false }, rounds: { type: 'string', default: '50' }, calls: { type: 'string', default: '200' } } });
const [rounds, calls] = [values.rounds, values.calls].map(Number);
if (![rounds, calls].every((number) => Number.isInteger(number) && number > 0)) {
  console.error('error: --rounds and --calls are numbers');
  process.exit(2);
}
if (chromiumMissing) {
  console.error(`error: ${chromiumMissing} is not installed`);
  process.exit(2);
}

/** What the run has started; gone at its end, whatever that is. */
const scope = { works: [], after(work) { this.works.push(work); } };

const table = (rows) => {
  const widths = rows[0].map((_, at) => Math.max(...rows.map((row) => String(row[at]).length)));
  return rows.map((row) => row.map((cell, at) => (at === 0 ? String(cell).padEnd(widths[at]) : String(cell).padStart(widths[at]))).join('  ').trimEnd()).join('\n');
};

function forPeople({ sizes, cached, cold, first, rounds, calls, machine }) {
  const weights = sizes.map(({ name, version, whole, typical }) => [name, ...[whole, typical].flatMap(({ raw, gzip, brotli }) => [raw, gzip, brotli]), version]);
  const took = cached.map(({ name, median_ms, ratio }, at) => [name, median_ms.toFixed(3), ratio.toFixed(2), ...[cold, first].flatMap((took) => [took[at].median_ms.toFixed(1), took[at].ratio.toFixed(2)])]);
  return [
    table([['package', 'all', 'gzip', 'brotli', 'typical', 'gzip', 'brotli', 'version'], ...weights]),
    'bytes, bundled and minified by esbuild in this run; ours is wasm and JavaScript, each compressed by itself',
    '',
    table([['library', 'cached ms', 'ours / theirs', 'cold ms', 'ours / theirs', 'first ms', 'ours / theirs'], ...took]),
    `medians of ${rounds} rounds of all in turn; cached: one call of ${calls} for a token that is there; cold: a new page, from the import to the session, its files kept by the browser; first: nothing kept`,
    `${machine.cores} cores, ${machine.os} ${machine.arch}, Chromium ${machine.chromium}`,
  ].join('\n');
}

try {
  const { chromium, ...took } = await times(scope, { rounds, calls });
  const machine = { cores: cpus().length, os: platform(), arch: arch(), chromium };
  const report = { schema: 'gatepass/bench-web/1', machine, sizes: await sizes(), rounds, calls, ...took };
  console.log(values.json ? JSON.stringify(report, null, 2) : forPeople(report));
} catch (error) {
  console.error(`error: ${error.stack ?? error}`);
  process.exitCode = 1;
} finally {
  while (scope.works.length > 0) await scope.works.pop()();
}
