import { setTimeout as sleep } from 'node:timers/promises';
import { gateWorld, passGate, reportRefusal } from '../gate/pass-gate.ts';
import { behaviourPath } from '../machine/places.ts';
import { clockAheadCounter, workerExit } from '../protocol/worker.ts';
import { Answering } from './conversation/answering.ts';
import { readCredentials } from './lifecycle/credentials.ts';
import { collectGarbage } from './lifecycle/garbage.ts';
import { Journal } from './lifecycle/journal.ts';
import {
  enter,
  type Lifecycle,
  lifecycleRules,
  memoryWarningBytes,
  startLifecycle,
} from './lifecycle/lifecycle.ts';
import { heartbeatMs, notify } from './lifecycle/notify.ts';
import { runAccount } from './lifecycle/run-account.ts';
import { statusOf, writeStatus } from './lifecycle/status-file.ts';
import { TelegramClock } from './telegram/telegram-clock.ts';

/** `status.json` is renewed at least so often (worker contract). */
const statusAtLeastMs = 60_000;
/** Counters that changed are in the status file after this time at most. */
const countersEveryMs = 5_000;
/**
 * The contract gives a stopping worker 10 s; a socket that cannot be closed in this time is left to
 * the kernel, as an unclean end.
 */
const stopLimitMs = 9_000;
const settleLimitMs = 3_000;
/** Not in the worker contract, hence unclean: the gate waits longer before the next start. */
const exitUnclean = 1;

const journal = new Journal();

/**
 * What the world sees of this process: status.json, systemd's status text and watchdog, and one
 * line in the journal per change.
 */
class Face {
  #lifecycle: Lifecycle = startLifecycle(Date.now());
  #isStatusBroken = false;
  readonly #directory: string;
  readonly #gauges: () => Readonly<Record<string, number>>;
  /** Notices go out one after the other, so that systemd never ends up with an older text. */
  #told: Promise<unknown> = Promise.resolve();

  constructor(directory: string, gauges: () => Readonly<Record<string, number>>) {
    this.#directory = directory;
    this.#gauges = gauges;
  }

  show(lifecycle: Lifecycle): void {
    const before = this.#lifecycle;
    this.#lifecycle = lifecycle;
    this.#write();
    if (lifecycle.state === before.state && lifecycle.reason === before.reason) return;
    journal.say(
      lifecycle.state === 'online' || lifecycle.state.startsWith('stop') ? 'info' : 'warn',
      statusText(lifecycle),
    );
    this.tell({ status: statusText(lifecycle) });
  }

  tell(notice: Parameters<typeof notify>[0]): void {
    this.#told = this.#told.then(() => notify(notice));
  }

  /** Counters have changed. */
  refresh(): void {
    this.#write();
  }

  beat(): void {
    this.#write();
    this.tell({ isAlive: true });
  }

  /** Resolves when systemd has been told everything, or does not listen. */
  async settle(): Promise<void> {
    await Promise.race([this.#told, sleep(settleLimitMs)]);
  }

  #write(): void {
    const status = statusOf(this.#lifecycle, Date.now(), {
      ...this.#gauges(),
      memory_bytes: process.memoryUsage.rss(),
    });
    const isWritten = writeStatus(this.#directory, status);
    if (!isWritten && !this.#isStatusBroken)
      journal.say('error', 'status.json could not be written');
    this.#isStatusBroken = !isWritten;
  }
}

const statusText = ({ state, reason, userId }: Lifecycle): string =>
  reason === '' ? `${state}, user ${userId}` : reason;

const stopSignal = (): AbortSignal => {
  const controller = new AbortController();
  const stop = (): void => {
    controller.abort();
    setTimeout(() => process.exit(exitUnclean), stopLimitMs).unref();
  };
  process.once('SIGTERM', stop);
  process.once('SIGINT', stop);
  return controller.signal;
};

const main = async (): Promise<number> => {
  const stop = stopSignal();
  const world = gateWorld(process.env);
  stop.addEventListener('abort', endWaiting);
  const gate = await passGate(world);
  stop.removeEventListener('abort', endWaiting);
  if ('refusal' in gate) {
    reportRefusal(gate.refusal);
    return workerExit.gateRefused;
  }
  let answering: Answering | null = null;
  const clock = new TelegramClock();
  const face = new Face(world.runtimeDirectory, () => ({
    ...answering?.tally.counters(),
    ...clockGauge(clock),
  }));
  const credentials = readCredentials(process.env.CREDENTIALS_DIRECTORY);
  if ('fault' in credentials) {
    face.show(enter(startLifecycle(Date.now()), 'misconfigured', credentials.fault, Date.now()));
    await face.settle();
    gate.pass.end(true);
    return workerExit.misconfigured;
  }
  const { config, telegram } = credentials.value;
  journal.level = config.logLevel;
  // READY means "supervised", not "online": see ARCHITECTURE.md. From here on the watchdog counts.
  face.tell({ isReady: true });
  face.show(startLifecycle(Date.now()));
  const heartbeat = setInterval(() => face.beat(), heartbeatMs(process.env, statusAtLeastMs));
  const { keyId, places, stateDirectory, runtimeDirectory } = world;
  answering = new Answering(
    {
      keyId,
      behaviourPath: behaviourPath(places, keyId),
      stateDirectory,
      runtimeDirectory,
      modelKey: config.modelKey ?? null,
      now: clock.nowMs,
    },
    (level, text) => journal.say(level, text),
  );
  // However the process ends.
  process.once('exit', () => answering?.flush());
  const counters = refreshWhenChanged(answering.tally, face);
  const collecting = collectGarbage();
  // Loaded only now: it takes most of the start, and a refused start must not pay for it.
  const { gramJsTelegram } = await import('./telegram/gramjs-client.ts');
  const { exitCode, refusal, isConfirmed } = await runAccount(
    {
      telegram: gramJsTelegram(telegram, { clock, judgeTime: gate.pass.judgeTime }),
      user: answering.user,
      recheck: gate.pass.recheck,
      publish: (lifecycle, event) => {
        face.show(lifecycle);
        if (event === 'checked') watchMemory();
      },
      rules: { ...lifecycleRules, healthIntervalMs: config.healthIntervalMs },
      now: Date.now,
      random: Math.random,
      memoryBytes: process.memoryUsage.rss,
    },
    stop,
  );
  gate.pass.end(isConfirmed);
  clearInterval(heartbeat);
  clearInterval(counters);
  clearInterval(collecting);
  answering.end();
  await face.settle();
  if (refusal !== null) reportRefusal(refusal);
  return exitCode;
};

/**
 * How far this machine's clock is ahead, once Telegram has told its own: whole seconds, so that the
 * figure does not flicker.
 */
const clockGauge = ({ skewMs }: TelegramClock): Readonly<Record<string, number>> =>
  skewMs === null ? {} : { [clockAheadCounter]: Math.round(skewMs / 1000) };

const refreshWhenChanged = (tally: Answering['tally'], face: Face): NodeJS.Timeout => {
  let shown = tally.version;
  return setInterval(() => {
    if (tally.version !== shown) face.refresh();
    shown = tally.version;
  }, countersEveryMs);
};

/** While the gate waits nothing is connected, so there is nothing to close. */
const endWaiting = (): void => process.exit(workerExit.clean);

const watchMemory = (): void => {
  const bytes = process.memoryUsage.rss();
  if (bytes > memoryWarningBytes)
    journal.say('warn', `memory in use is ${Math.round(bytes / 1024 ** 2)} MB`);
};

/** Class and place of a fault. Not its text, which may be anything that a library had in hand. */
const describe = (error: unknown): string => {
  if (!(error instanceof Error)) return typeof error;
  const frames = (error.stack ?? '').split('\n').filter((line) => /^ {4}at /.test(line));
  const code = 'code' in error && typeof error.code === 'string' ? ` (${error.code})` : '';
  return [`${error.name}${code}`, ...frames.slice(0, 3)].join(' ');
};

const fail = (error: unknown): void => {
  journal.say('error', `the worker failed: ${describe(error)}`);
  process.exit(exitUnclean);
};

// The client library may leave promises behind that reject after its connection is gone: told, and
// no reason to end.
process.on('unhandledRejection', (error) =>
  journal.say('warn', `a promise was left behind: ${describe(error)}`),
);
process.on('uncaughtException', fail);
// A journal that goes away is no reason to end.
process.stdout.on('error', () => {});

main().then((exitCode) => process.exit(exitCode), fail);
