/**
 * `npm run demo`: the main job end to end, on real hosts and a real data centre that both live on
 * this machine and end with this program. Bare Debian
 * servers become hosts, session files become accounts that are online, and every decision can be
 * explained.
 */
import { spawn } from 'node:child_process';
import { type LabDataCentre, startLabDataCentre } from '../e2e/lab-data-centre.ts';
import { logIn, makeOperator, type Operator } from '../e2e/operator.ts';
import { labAvailability } from '../lab/availability.ts';
import { type Lab, startLab } from '../lab/lab.ts';

const hostCount = 4;
const accountNames = [
  'anna',
  'ben',
  'carla',
  'dimitri',
  'elif',
  'farid',
  'greta',
  'hugo',
  'ines',
  'jonas',
  'kaja',
  'luca',
];
const started = performance.now();

const say = (text: string): void => console.log(`\n\u001b[1m# ${text}\u001b[0m`);

/** Runs one command as the operator would, on this terminal. */
function run(operator: Operator, line: string): Promise<number> {
  console.log(`\u001b[36m$ fleet ${line}\u001b[0m`);
  const [program = '', ...args] = operator.argv(line.split(' '));
  return new Promise((resolve, reject) => {
    const env = { ...process.env, ...operator.env, FORCE_COLOR: process.stdout.isTTY ? '1' : '0' };
    const child = spawn(program, args, {
      cwd: operator.directory,
      stdio: ['ignore', 'inherit', 'inherit'],
      env,
    });
    child.on('error', reject).on('exit', (code) => resolve(code ?? 1));
  });
}

async function mustRun(operator: Operator, line: string): Promise<void> {
  const code = await run(operator, line);
  if (code !== 0) throw new Error(`fleet ${line} ended with exit code ${code}`);
}

async function firstDay(operator: Operator, files: string): Promise<void> {
  say('Trust the servers: look at their host keys once, remember them');
  await mustRun(operator, 'hosts trust --yes');
  say('Bare Debian servers become hosts');
  await mustRun(operator, 'init');
  say('Again: nothing to do');
  await mustRun(operator, 'init --check');
  say('A folder of session files, six formats, into the encrypted vault');
  await mustRun(operator, 'vault create-key');
  await mustRun(operator, `accounts import ${files} --yes`);
  say(
    'Choose a host for each, ask every host that nobody runs it, start it, wait until it is online',
  );
  await mustRun(operator, 'allocate --all --yes');
}

async function explain(operator: Operator): Promise<void> {
  say('The fleet on one screen');
  await mustRun(operator, 'status --live');
  await mustRun(operator, 'rankings');
  say('Why is anna where she is, and why not somewhere else?');
  await mustRun(operator, 'why anna');
  await mustRun(operator, 'why-not anna h4');
  say('What does the worker itself say?');
  await mustRun(operator, 'accounts verify anna ben');
  await mustRun(operator, 'logs anna --lines 3');
}

/** What the data centre saw is the proof: every key on one connection, never on two. */
async function judge(dataCentre: LabDataCentre): Promise<void> {
  const { accounts, kills, violations } = await dataCentre.report();
  const live = accounts.filter(({ liveNow }) => liveNow === 1).length;
  const most = Math.max(...accounts.map(({ maxLive }) => maxLive));
  say(
    `Telegram's side: ${live} of ${accounts.length} keys live, at most ${most} connection ` +
      `per key ever, ${kills.length} keys destroyed, ${violations.length} protocol faults`,
  );
  if (live !== accounts.length || most !== 1 || kills.length > 0)
    throw new Error('the data centre saw what must not be');
}

async function demo(lab: Lab, dataCentre: LabDataCentre, operator: Operator): Promise<void> {
  const logins = await logIn(dataCentre, `${operator.directory}/sessions`, accountNames);
  console.log(
    `${hostCount} servers: ` +
      `${lab.hosts.map(({ name, address }) => `${name} ${address}`).join(', ')}; ` +
      `${logins.length} session files in ${new Set(logins.map(({ format }) => format)).size} ` +
      'formats',
  );
  await firstDay(operator, logins.map(({ path }) => path).join(' '));
  await explain(operator);
  await judge(dataCentre);
}

const able = await labAvailability();
if (!able.ok) {
  console.error(`The demo needs a machine that can run real hosts: ${able.reason}`);
  process.exit(2);
}
say(
  'Four bare Debian 12 servers with systemd and sshd, and a Telegram data centre, on this machine',
);
const lab = await startLab({ hosts: hostCount, say: console.log });
let operator: Operator | undefined;

async function tearDown(): Promise<void> {
  await lab.down();
  await operator?.remove();
}
for (const [signal, code] of [
  ['SIGINT', 130],
  ['SIGTERM', 143],
] as const) {
  process.once(signal, () => {
    say('Stopping: everything is torn down');
    void tearDown().finally(() => process.exit(code));
  });
}

try {
  const dataCentre = await startLabDataCentre(lab, true);
  operator = await makeOperator({ lab, hosts: [1, 2, 3, 4], isOutside: true });
  await demo(lab, dataCentre, operator);
  await dataCentre.stop();
  await tearDown();
  say(`Done in ${((performance.now() - started) / 1000).toFixed(0)} s. Everything is torn down.`);
  process.exit(0);
} catch (error) {
  console.error(`\nThe demo failed: ${error instanceof Error ? error.message : String(error)}`);
  await tearDown();
  process.exit(1);
}
