/**
 * The bundled worker against the test data centre, one process per account as on a host: `npm run
 * bench:worker [SECONDS]`. Prints start, memory, idle load and
 * throughput beside their targets, then the load scenarios, each for SECONDS (60). The data centre
 * runs in this process, on the same cores.
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Behaviour, ModelSettings, Script } from '../hostside/protocol/behaviour.ts';
import { formatTable } from '../src/cli/render/table.ts';
import { type DataCentre, type LoginCredentials, startDataCentre } from '../test/dc/server.ts';
import { buildRelease, keyId, WorkerProcess } from '../test/hostside/worker/worker-process.ts';
import { startModelServer } from '../test/model-server/model-server.ts';
import { loadNote } from './measure.ts';

const scenarioSeconds = Number(process.argv[2] ?? 60);
const idleSeconds = 30;
const manyMessages = 30_000;
/** What a day has at 30 questions a minute, one after the other without the pauses between them. */
const dayMessages = 24 * 60 * 30;
/** Between two looks at the memory. */
const lookMessages = 1_000;
/** A worker has its garbage collected within 10 s. */
const collectMs = 12_000;
const fastMessages = 5_000;
const inFlight = 20;
const peopleCount = 2_000;
const groupCount = 10;
const people = Array.from({ length: peopleCount }, (_, index) => String(500_000 + index));

/** Node's own settings in the unit, which decide about memory. */
const unitFlags =
  /FLEET_NODE_FLAGS=([^"\n]*)/.exec(
    readFileSync('templates/units/fleet-account@.service', 'utf8'),
  )?.[1] ?? '';

const script: Script = {
  name: 'bench',
  rules: [
    {
      name: 'answer',
      trigger: { kind: 'keyword', words: ['price'] },
      conditions: { chats: [], senders: [], languages: [], probability: 1 },
      answer: { kind: 'text', texts: ['It is free, {{first_name}}.'] },
    },
  ],
  hours: null,
  delay: { leastMs: 0, mostMs: 0, isTyping: false },
  optOut: { words: ['stop'], backWords: ['start'], answer: null },
  disclosure: null,
  handover: null,
  ...{ answersBots: false, answersFleet: false, staleAfterMs: 300_000 },
};

const modelAt = (baseUrl: string): ModelSettings => ({
  ...{
    baseUrl,
    model: 'tiny',
    systemPrompt: 'You help.',
    contextMessages: 10,
    contextTokens: 1_000,
    answerTokens: 100,
    temperature: null,
  },
  ...{
    timeoutMs: 30_000,
    retries: 2,
    concurrency: 8,
    budgetTokens: null,
    budgetMoney: null,
    priceIn: 1,
    priceOut: 1,
  },
  ...{ fallback: null, isModerated: false },
});

/** `model`: every question is put to it. */
const behaviourIn = (
  userId: string,
  chats: readonly string[],
  model: ModelSettings | null,
): Behaviour => ({
  ...{ format: 1, account: `account-${userId}`, isPaused: false, fleetUserIds: [userId], model },
  script:
    model === null
      ? script
      : { ...script, rules: script.rules.map((rule) => ({ ...rule, answer: askModel })) },
  chats: chats.map((id) => ({
    id,
    name: null,
    slotMs: 20_000,
    colleagues: [{ keyId, userId, username: null }],
  })),
  limits: { perAccount: null, perChat: null, perUser: null, ceiling: Number.MAX_SAFE_INTEGER },
});

const askModel = { kind: 'model', instructions: null, allowsLinks: false } as const;

/** An account in groups of its own, online. */
interface Online {
  readonly worker: WorkerProcess;
  readonly login: LoginCredentials;
  readonly chats: readonly string[];
  readonly startMs: number;
}

/** Told about every answer that reaches the data centre. */
let answered = (): void => {};

const release = await buildRelease();
const dc: DataCentre = await startDataCentre({
  onEvent: ({ event, detail }) => {
    if (event === 'request' && detail === 'messages.sendMessage') answered();
  },
});
for (const userId of people) dc.people.addPerson({ userId, firstName: `Person ${userId}` });

async function bringOnline(
  userId: string,
  model: ModelSettings | null = null,
  more: NodeJS.ProcessEnv = {},
): Promise<Online> {
  const login = dc.addAccount({ userId, firstName: 'Ann' });
  const chats = Array.from({ length: groupCount }, () =>
    dc.people.addGroup({ kind: 'supergroup', members: [userId, ...people] }),
  );
  const behaviour = behaviourIn(userId, chats, model);
  const env = model === null ? more : { ...more, TEST_ALSO: new URL(model.baseUrl).port };
  const config = { healthIntervalMs: 60_000, logLevel: 'warn' };
  const worker = new WorkerProcess({
    release,
    dc,
    login,
    behaviour,
    config,
    env,
    nodeFlags: unitFlags,
  });
  return { worker, login, chats, startMs: await worker.reaches('online', 60_000) };
}

async function end({ worker }: Online): Promise<void> {
  await worker.end();
  worker.remove();
}

const ask = ({ chats }: Online, count: number): void =>
  void dc.people.say({
    chatId: chats[count % groupCount] ?? '',
    from: people[count % peopleCount] ?? '',
    text: `message ${count}: what is the price of this, please?`,
  });

/**
 * Processor time of a process so far, ms: fields 14 and 15 of /proc/PID/stat, in hundredths of a
 * second.
 */
function cpuMs({ worker }: Online): number {
  const fields = readFileSync(`/proc/${worker.pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
  return 10 * (Number(fields[11]) + Number(fields[12]));
}

const mean = (values: readonly number[]): number =>
  values.reduce((sum, value) => sum + value, 0) / values.length;
const megabytes = (bytes: number): string => `${(bytes / 2 ** 20).toFixed(1)} MB`;
const quantile = (sorted: readonly number[], share: number): number =>
  sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? Number.NaN;

/** Questions, always so many under way, until `total` are answered. */
async function converse(
  online: Online,
  total: number,
): Promise<{ readonly perSecond: number; readonly cpuEachMs: number }> {
  const [startedMs, cpuBefore] = [performance.now(), cpuMs(online)];
  let [said, heard] = [0, 0];
  await new Promise<void>((resolve, reject) => {
    const limit = setTimeout(
      () =>
        reject(
          new Error(`${heard} of ${total} answers came within 15 minutes: ${online.worker.output}`),
        ),
      900_000,
    );
    answered = () => {
      heard += 1;
      if (said < total) setImmediate(() => ask(online, said++));
      if (heard < total) return;
      clearTimeout(limit);
      resolve();
    };
    while (said < Math.min(inFlight, total)) ask(online, said++);
  });
  answered = () => {};
  const seconds = (performance.now() - startedMs) / 1000;
  return { perSecond: total / seconds, cpuEachMs: (cpuMs(online) - cpuBefore) / total };
}

async function measureOne(): Promise<void> {
  const starts: number[] = [];
  for (let round = 0; round < 4; round += 1) {
    const trial = await bringOnline(`10${round}`);
    starts.push(trial.startMs);
    await end(trial);
  }
  const online = await bringOnline('7');
  starts.push(online.startMs);
  // The worker has its heap tidied once after the start.
  await sleep(15_000);
  const atRest = online.worker.privateBytes;
  const before = cpuMs(online);
  await sleep(idleSeconds * 1000);
  const idleRatio = (cpuMs(online) - before) / (idleSeconds * 1000);
  const fast = await converse(online, fastMessages);
  const levels: number[] = [];
  let later = Number.NaN;
  for (let done = fastMessages + lookMessages; done <= dayMessages; done += lookMessages) {
    await converse(online, lookMessages);
    levels.push(online.worker.privateBytes);
    if (done !== manyMessages) continue;
    await sleep(collectMs);
    later = online.worker.privateBytes;
  }
  const quarter = Math.floor(levels.length / 4);
  const growth = mean(levels.slice(-quarter)) / mean(levels.slice(quarter, 2 * quarter)) - 1;
  await end(online);
  starts.sort((a, b) => a - b);
  const rows = [
    [
      'start of the process to online, median of 5',
      `${quantile(starts, 0.5).toFixed(0)} ms`,
      '<= 500 ms',
    ],
    ['private memory, online', megabytes(atRest), '<= 24 MB'],
    [`private memory after ${manyMessages} messages`, megabytes(later), '<= 40 MB'],
    [`at most, in the middle of ${dayMessages} messages`, megabytes(Math.max(...levels)), ''],
    [
      `growth in a day of ${dayMessages} messages, last quarter over second`,
      `${(100 * growth).toFixed(1)} %`,
      '<= 10 %',
    ],
    [`idle load over ${idleSeconds} s`, `${(100 * idleRatio).toFixed(2)} % of a core`, '<= 0.15 %'],
    [
      `received and answered, ${inFlight} under way`,
      `${fast.perSecond.toFixed(0)} a second`,
      '>= 250',
    ],
    ['processor time of each', `${fast.cpuEachMs.toFixed(2)} ms`, '<= 2.5 ms'],
  ];
  console.log(formatTable(['ONE ACCOUNT', 'MEASURED', 'TARGET'], rows, ''));
}

/** A certificate of this machine's own, in a folder. */
function makeCertificate(): string {
  const folder = mkdtempSync(join(tmpdir(), 'fleet-model-'));
  const files = ['-keyout', join(folder, 'key.pem'), '-out', join(folder, 'cert.pem')];
  const about = ['-subj', '/CN=model', '-addext', 'subjectAltName=IP:127.0.0.1', '-days', '2'];
  execFileSync('openssl', ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', ...files, ...about], {
    stdio: 'pipe',
  });
  return folder;
}

/**
 * Every message is a question to a model, over TLS as to servers of others, which answers at once.
 */
async function measureModel(): Promise<void> {
  const folder = makeCertificate();
  const [key, cert] = ['key.pem', 'cert.pem'].map((name) =>
    readFileSync(join(folder, name), 'utf8'),
  ) as [string, string];
  const server = await startModelServer('127.0.0.1', { key, cert });
  server.otherwise = {
    act: 'answer',
    text: 'It depends on what you need. Most people take the small one.',
  };
  const online = await bringOnline('8', modelAt(server.url), {
    NODE_EXTRA_CA_CERTS: join(folder, 'cert.pem'),
  });
  const levels: number[] = [];
  let fast = { perSecond: Number.NaN, cpuEachMs: Number.NaN };
  for (let done = lookMessages; done <= manyMessages; done += lookMessages) {
    fast = await converse(online, lookMessages);
    levels.push(online.worker.privateBytes);
    (server.requests as unknown[]).length = 0;
  }
  await sleep(collectMs);
  const rows = [
    [
      `private memory after ${manyMessages} messages`,
      megabytes(online.worker.privateBytes),
      '<= 40 MB',
    ],
    ['at most, in the middle of them', megabytes(Math.max(...levels)), ''],
    ['received and answered', `${fast.perSecond.toFixed(0)} a second`, ''],
    ['processor time of each', `${fast.cpuEachMs.toFixed(2)} ms`, ''],
  ];
  await end(online);
  await server.stop();
  rmSync(folder, { recursive: true });
  console.log(formatTable(['ONE ACCOUNT WITH A MODEL', 'MEASURED', 'TARGET'], rows, ''));
}

interface Scenario {
  readonly accounts: number;
  /** Messages per minute and account. */
  readonly perMinute: number;
  readonly target: string;
}

const scenarios: readonly Scenario[] = [
  { accounts: 1, perMinute: 10, target: 'CPU < 20 %, memory < 512 MB' },
  { accounts: 5, perMinute: 50, target: 'CPU < 80 %, memory < 4 GB, no error' },
  { accounts: 5, perMinute: 100, target: 'reply < 5 s; P95 <= 2 s' },
];

/** Steady questions to all accounts; what they cost and how soon each was answered. */
async function play({ accounts, perMinute, target }: Scenario): Promise<readonly string[]> {
  const fleet = await Promise.all(
    Array.from({ length: accounts }, (_, index) => bringOnline(`${accounts}${perMinute}${index}`)),
  );
  const firstRef = Math.max(0, ...dc.people.said().map(({ ref }) => ref));
  const cpuBefore = fleet.reduce((sum, online) => sum + cpuMs(online), 0);
  const perAccount = Math.max(1, Math.round((perMinute * scenarioSeconds) / 60));
  for (let count = 0; count < perAccount; count += 1) {
    for (const online of fleet) ask(online, count);
    await sleep(60_000 / perMinute);
  }
  await sleep(2_000);
  const cpuRatio =
    (fleet.reduce((sum, online) => sum + cpuMs(online), 0) - cpuBefore) / (scenarioSeconds * 1000);
  const memory = fleet.reduce((sum, { worker }) => sum + worker.privateBytes, 0);
  await Promise.all(fleet.map(end));
  const said = dc.people.said({ afterRef: firstRef });
  const askedAt = new Map(said.map(({ ref, at }) => [ref, at]));
  const times = said.flatMap(({ keyId: key, replyTo, at }) =>
    key === null || replyTo === null ? [] : [at - (askedAt.get(replyTo) ?? at)],
  );
  times.sort((a, b) => a - b);
  const replies = [0.5, 0.95, 0.99]
    .map((share) => `${quantile(times, share).toFixed(0)}`)
    .join(' / ');
  const asked = perAccount * accounts;
  return [
    `${accounts} x ${perMinute} a minute`,
    `${times.length} of ${asked}`,
    `${replies} ms`,
    `${(100 * cpuRatio).toFixed(1)} %`,
    megabytes(memory),
    target,
  ];
}

try {
  console.log(loadNote());
  // As on a host: what accounts share of the program's file is nobody's own. Alone it would count
  // as private, 5 MB.
  const neighbour = await bringOnline('6');
  await measureOne();
  await measureModel();
  const rows: (readonly string[])[] = [];
  await end(neighbour);
  for (const scenario of scenarios) rows.push(await play(scenario));
  console.log(
    formatTable(['SCENARIO', 'ANSWERED', 'P50 / P95 / P99', 'CPU', 'MEMORY', 'TARGET'], rows, ''),
  );
} finally {
  await dc.stop();
  rmSync(release, { recursive: true });
}
process.exit(0);
