import { spawn } from 'node:child_process';
import { parseArgs } from 'node:util';
import { type Explored, Explorer } from './explore.ts';
import { shippedRules } from './rules.ts';
import { scopes } from './scopes.ts';

/** More worlds than fit into the memory of one process. */
const mostStates = 4_000_000;
/**
 * Of each of the two processes, MB: where one comes near it, its world is told as deep as it was
 * tried by then.
 */
const heapMb = 3_500;
const mostHeapBytes = 0.85 * heapMb * 1024 ** 2;

/**
 * `npm run explore [-- --minutes N] [--scope WORDS]`: every small world as deep as two cores get in
 * that time, with at most 8 GB of memory. Each world is told as
 * soon as its time is over. Ended by a signal it sums up those that were told. Fails when one of
 * them is wrong.
 */
const main = async (): Promise<void> => {
  const { values } = parseArgs({
    options: {
      minutes: { type: 'string', default: '10' },
      scope: { type: 'string', default: '' },
      alone: { type: 'string' },
    },
  });
  if (values.alone !== undefined) return explore(Number(values.alone), Number(values.minutes));
  const chosen = [...scopes.keys()].filter((index) => scopes[index]?.name.includes(values.scope));
  const minutesEach = (Number(values.minutes) * 2) / Math.max(2, chosen.length);
  const found: Explored[] = [];
  const work = async (): Promise<void> => {
    for (let index = chosen.shift(); index !== undefined; index = chosen.shift()) {
      const result = await inProcess(index, minutesEach);
      found.push(result);
      console.log(formatExplored(result));
    }
  };
  for (const signal of ['SIGINT', 'SIGTERM'] as const)
    process.once(signal, () => {
      sumUp(found);
      process.exit();
    });
  await Promise.all([work(), work()]);
  sumUp(found);
};

function sumUp(found: readonly Explored[]): void {
  const [states, events] = [
    sum(found.map((each) => each.states)),
    sum(found.map((each) => each.events)),
  ];
  const wrong = found.filter(({ violation }) => violation !== null).length;
  console.log(
    `${found.length} worlds, ${states} states, ${events} events; ${wrong} with a violation`,
  );
  process.exitCode = wrong === 0 ? 0 : 1;
}

const sum = (numbers: readonly number[]): number =>
  numbers.reduce((total, number) => total + number, 0);

function explore(index: number, minutes: number): void {
  const scope = scopes[index];
  if (scope === undefined) throw new Error(`no scope ${index}`);
  const result = new Explorer(shippedRules, scope).run({
    depth: 100,
    ms: minutes * 60_000,
    states: mostStates,
    heapBytes: mostHeapBytes,
  });
  console.log(JSON.stringify(result));
}

function inProcess(index: number, minutes: number): Promise<Explored> {
  const argv = [
    `--max-old-space-size=${heapMb}`,
    import.meta.filename,
    '--alone',
    String(index),
    '--minutes',
    String(minutes),
  ];
  const child = spawn(process.execPath, argv, { stdio: ['ignore', 'pipe', 'inherit'] });
  let text = '';
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    text += chunk;
  });
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code) => {
      if (code === 0) resolve(JSON.parse(text) as Explored);
      else reject(new Error(`${scopes[index]?.name}: the explorer ended with ${code}`));
    });
  });
}

function formatExplored({
  scope,
  depth,
  states,
  events,
  ms,
  isComplete,
  violation,
}: Explored): string {
  const extent = isComplete ? 'nothing left to try' : `all orders of ${depth} events`;
  const line = `${scope}: ${extent}, ${states} states, ${events} events, ${(ms / 60_000).toFixed(2)} min`;
  if (violation === null) return line;
  return [
    line,
    `  VIOLATION: ${violation.what}`,
    ...violation.trace.map((words, at) => `  ${at + 1}. ${words}`),
  ].join('\n');
}

await main();
