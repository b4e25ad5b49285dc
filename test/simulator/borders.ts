/**
 * The border between the shipped code and the simulation: everything that reads the kernel, waits
 * or draws by chance is answered by the model, and
 * nothing else is. Import this before anything of the product. Disks are those of model-disk.ts,
 * ledgers are SQLite in memory (model-ledger.ts).
 */
import { vi } from 'vitest';

vi.mock('node:fs', async (original) => {
  const real = await original<typeof import('node:fs')>();
  const { admitWrite, running } = await import('./model/model-process.ts');
  const { isModelDescriptor, isModelPath, modelDisk } = await import('./model/model-disk.ts');
  const bootIdPath = '/proc/sys/kernel/random/boot_id';
  // biome-ignore lint/suspicious/noExplicitAny: whatever the function takes is handed on
  type AnyFunction = (...args: any[]) => unknown;
  const changes = [
    'fsyncSync',
    'linkSync',
    'mkdirSync',
    'renameSync',
    'rmSync',
    'rmdirSync',
    'symlinkSync',
    'unlinkSync',
    'writeFileSync',
    'writeSync',
  ];
  const creates = real.constants.O_CREAT;
  const routed = Object.entries(modelDisk).map(([name, model]): [string, AnyFunction] => {
    const [onModel, onReal] = [
      model as AnyFunction,
      real[name as keyof typeof real] as unknown as AnyFunction,
    ];
    const isChange = changes.includes(name);
    return [
      name,
      (...args) => {
        // `mkdir -p` of what is there changes nothing, and needs no room.
        const isThere = name === 'mkdirSync' && modelDisk.existsSync(args[0] as string);
        const path = args[name === 'symlinkSync' ? 1 : 0];
        if (
          (isChange && !isThere) ||
          (name === 'openSync' && ((args[1] as number) & creates) !== 0)
        )
          admitWrite(isChange ? name : 'create', typeof path === 'string' ? path : '');
        return isModelPath(path) || isModelDescriptor(args[0]) ? onModel(...args) : onReal(...args);
      },
    ];
  });
  const functions = Object.fromEntries(routed);
  return {
    ...real,
    ...functions,
    openSync: (path: string, ...more: unknown[]) => {
      const process = path === bootIdPath ? running.getStore() : undefined;
      return functions.openSync?.(
        process === undefined ? path : `${process.machine.root}/proc/boot-id`,
        ...more,
      );
    },
    statfsSync: (path: string) => {
      const process = running.getStore();
      const isFull =
        process !== undefined && process.machine.diskFault(process, 'create', path) === 'ENOSPC';
      return { ...(functions.statfsSync?.(path) as object), ...(isFull ? { bavail: 0 } : {}) };
    },
    /** Descriptor 9 is the run lock, as `fleet-run` hands it over. */
    fstatSync: (descriptor: number) => {
      const lock = descriptor === 9 ? runLockOf(running.getStore()) : null;
      return lock === null ? functions.fstatSync?.(descriptor) : modelDisk.statSync(lock);
    },
  };
});

/** A worker's process is named `worker KEYID`. */
function runLockOf(
  process: import('./model/model-process.ts').ModelProcess | undefined,
): string | null {
  const keyId =
    process?.name.startsWith('worker ') === true ? process.name.slice('worker '.length) : null;
  return process === undefined || keyId === null
    ? null
    : `${process.machine.root}/var/lib/fleet/locks/${keyId}.lock`;
}

vi.mock('node:timers/promises', async (original) => {
  const real = await original<typeof import('node:timers/promises')>();
  const { running } = await import('./model/model-process.ts');
  return {
    ...real,
    setTimeout: (ms: number) => {
      const process = running.getStore();
      return process === undefined ? real.setTimeout(ms) : process.machine.sleep(process, ms);
    },
  };
});

vi.mock('node:os', async (original) => {
  const real = await original<typeof import('node:os')>();
  const { running } = await import('./model/model-process.ts');
  return {
    ...real,
    uptime: () => (running.getStore()?.machine.uptimeMs ?? real.uptime() * 1000) / 1000,
  };
});

vi.mock('../../hostside/machine/clocks.ts', async (original) => {
  const real = await original<typeof import('../../hostside/machine/clocks.ts')>();
  const { running } = await import('./model/model-process.ts');
  return {
    ...real,
    monotonicMs: () => running.getStore()?.machine.monotonicMs ?? real.monotonicMs(),
  };
});

vi.mock('node:crypto', async (original) => {
  const real = await original<typeof import('node:crypto')>();
  const { stage } = await import('./model/model-process.ts');
  return { ...real, randomUUID: () => stage.identity?.() ?? real.randomUUID() };
});

vi.mock('node:child_process', async (original) => {
  const real = await original<typeof import('node:child_process')>();
  const { running } = await import('./model/model-process.ts');
  return {
    ...real,
    spawnSync: (command: string, args: readonly string[]) => {
      const process = running.getStore();
      const machine = process?.machine;
      if (machine === undefined) return real.spawnSync(command, args);
      if (command === 'timedatectl')
        return { status: 0, stdout: machine.isClockSynchronized ? 'yes\n' : 'no\n' };
      if (command !== 'flock') return { status: 0, stdout: '' };
      // The gate names the descriptor of its own lock: what this very process holds is no conflict.
      const isOwn = args.at(-1) === '9';
      const path = (isOwn ? runLockOf(process) : args.at(-2)) ?? '';
      if (isOwn && process !== undefined)
        return {
          status: machine.isLocked(path) || machine.takeLock(process, path, false) ? 0 : 9,
          stdout: '',
        };
      const conflict = args.includes('--conflict-exit-code') ? 9 : 1;
      return { status: machine.isLocked(path) ? conflict : 0, stdout: '' };
    },
  };
});

vi.mock('../../hostside/machine/locks.ts', async (original) => {
  const real = await original<typeof import('../../hostside/machine/locks.ts')>();
  const { running } = await import('./model/model-process.ts');
  const takeLocks: typeof real.takeLocks = async (wishes, waitMs) => {
    const process = running.getStore();
    if (process === undefined) return real.takeLocks(wishes, waitMs);
    const { machine } = process;
    const taken: string[] = [];
    for (const { path, shared } of wishes) {
      let isOurs = machine.takeLock(process, path, shared);
      for (let waitedMs = 0; !isOurs && waitedMs < waitMs; waitedMs += 500) {
        await machine.sleep(process, 500);
        isOurs = machine.takeLock(process, path, shared);
      }
      if (!isOurs) {
        machine.freeLocks(process, taken);
        return null;
      }
      taken.push(path);
    }
    return { release: async () => machine.freeLocks(process, taken) };
  };
  return { ...real, takeLocks };
});

vi.mock('better-sqlite3', async (original) => {
  const { default: Database } = await original<{ default: typeof import('better-sqlite3') }>();
  const { openDatabase } = await import('./model/model-ledger.ts');
  // A class, because it is called with `new`; what it returns takes the place of what it makes.
  class ModelDatabase {
    constructor(path: string | Buffer, options?: import('better-sqlite3').Options) {
      // biome-ignore lint/correctness/noConstructorReturn: see above
      return openDatabase(Database, path, options) as never;
    }
  }
  return { default: ModelDatabase };
});

/**
 * `exportSession` writes with real, asynchronous I/O, which a simulated moment cannot wait for; the
 * file's format is tested elsewhere.
 */
vi.mock('../../src/vault/export-session.ts', async () => {
  const { writeFileSync } = await import('node:fs');
  return {
    exportSession: async (path: string, session: { keyId: string }) =>
      writeFileSync(path, session.keyId),
  };
});

/**
 * No other program runs on the model operator's machine; looking at the real one's would cost more
 * than all the rest of a schedule.
 */
vi.mock('../../src/vault/file-openers.ts', () => ({ findFileOpeners: () => [] }));

vi.mock('../../hostside/gate/decide.ts', async (original) => {
  const real = await original<typeof import('../../hostside/gate/decide.ts')>();
  const { isOff } = await import('./mutants.ts');
  const decideGate: typeof real.decideGate = (facts) => {
    if (isOff('gate')) return null;
    const { claim } = facts.reading;
    const forged = isOff('instance') && claim !== null && facts.instanceId !== null;
    return real.decideGate(
      forged
        ? {
            ...facts,
            reading: { ...facts.reading, claim: { ...claim, instanceId: facts.instanceId ?? '' } },
          }
        : facts,
    );
  };
  const settleWaitMs: typeof real.settleWaitMs = (...args) =>
    isOff('settle') ? 0 : real.settleWaitMs(...args);
  return { ...real, decideGate, settleWaitMs };
});

vi.mock('../../hostside/hold/decide.ts', async (original) => {
  const real = await original<typeof import('../../hostside/hold/decide.ts')>();
  const { isOff } = await import('./mutants.ts');
  const decideBoot: typeof real.decideBoot = (facts) => {
    if (isOff('hold-oneshot')) {
      const claims = facts.claims.map(({ keyId, epoch }) => ({ keyId, epoch, isHeld: false }));
      return { verdict: 'run', reasons: [], claims };
    }
    if (isOff('instance'))
      return real.decideBoot({
        ...facts,
        claims: facts.claims.map((claim) => ({ ...claim, instanceId: facts.instanceId })),
      });
    const own = isOff('hold-from-own-stamp') && facts.contact !== null;
    return real.decideBoot(
      own && facts.contact !== null
        ? { ...facts, contact: { ...facts.contact, bootId: 'before', wallMs: facts.wallMs } }
        : facts,
    );
  };
  return { ...real, decideBoot };
});

vi.mock('../../hostside/claims/authority.ts', async (original) => {
  const real = await original<typeof import('../../hostside/claims/authority.ts')>();
  const { isOff } = await import('./mutants.ts');
  const decideAuthority: typeof real.decideAuthority = (stored, stamp) => {
    const sameLedger = stored !== null && stored !== 'unreadable' && stored.id === stamp.id;
    return isOff('serial') && sameLedger
      ? { kind: 'accept', record: { ...stored, ...stampOf(stamp) }, changed: true }
      : real.decideAuthority(stored, stamp);
  };
  const stampOf = ({ serial, nonce }: { serial: number; nonce: string }) => ({ serial, nonce });
  return { ...real, decideAuthority };
});

vi.mock('../../hostside/claims/decide.ts', async (original) => {
  const real = await original<typeof import('../../hostside/claims/decide.ts')>();
  const { isOff } = await import('./mutants.ts');
  const decideRelease: typeof real.decideRelease = (standing, act, facts) => {
    const { claim } = standing;
    const forged = isOff('move-compare') && claim !== null && claim.state !== 'active';
    const decision = real.decideRelease(
      forged
        ? { ...standing, claim: { ...claim, moveId: act.moveId, successor: act.successor } }
        : standing,
      act,
      facts,
    );
    return isOff('gate-before-stop') && decision.kind === 'write'
      ? { kind: 'resume', claim: decision.next }
      : decision;
  };
  return { ...real, decideRelease };
});

vi.mock('../../src/ownership/evidence.ts', async (original) => {
  const real = await original<typeof import('../../src/ownership/evidence.ts')>();
  const { isOff } = await import('./mutants.ts');
  const judgeEvidence: typeof real.judgeEvidence = (intent, evidence) => {
    if (isOff('survey')) return { kind: 'clear' };
    const heard = isOff('unfenced-survey')
      ? evidence.map(({ host, survey }) => ({ host, survey }))
      : evidence;
    const verdict = real.judgeEvidence(intent, heard);
    return isOff('silent-hosts') && verdict.kind === 'incomplete' ? { kind: 'clear' } : verdict;
  };
  return { ...real, judgeEvidence };
});

vi.mock('../../src/ownership/safe-moment.ts', async (original) => {
  const real = await original<typeof import('../../src/ownership/safe-moment.ts')>();
  const { isOff } = await import('./mutants.ts');
  const safeMoment: typeof real.safeMoment = (...args) =>
    isOff('safe-moment') ? 0 : real.safeMoment(...args);
  return { ...real, safeMoment };
});

const realNow = Date.now;
const realPerformanceNow = performance.now.bind(performance);
const { running, stage } = await import('./model/model-process.ts');
Date.now = () => running.getStore()?.machine.wallMs ?? stage.nowMs?.() ?? realNow();
performance.now = () => running.getStore()?.machine.monotonicMs ?? realPerformanceNow();

/**
 * Files on a model disk have no rights, and the kernel would tell every thread of this process of
 * each change: a third of a schedule's time.
 */
for (const name of ['setgroups', 'setegid', 'seteuid'] as const) {
  const real: ((id: never) => void) | undefined = process[name];
  if (real !== undefined)
    process[name] = (id: unknown) => {
      if (running.getStore() === undefined) real(id as never);
    };
}
