import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { makeFolder } from '../surroundings/make-folder.ts';
import { type OperatorClock, operatorClockIn } from './operator-clock.ts';

/**
 * The ledger's last serial, kept outside it: a ledger that was put back from a copy does not agree
 * with it (docs/exclusivity.md, rule R8). One that agrees
 * has begun every run itself, so it knows of every epoch that was ever begun.
 */
export interface SerialCopy {
  /** null: none is kept. */
  readonly read: (authorityId: string) => number | null;
  /** Best effort: what could not be kept counts as no agreement the next time. */
  readonly write: (authorityId: string, serial: number) => void;
  /** Absent: steps of this machine's clock are not told. */
  readonly clock?: OperatorClock;
}

/** For ledgers beside which nothing is kept: they never agree. */
export const noSerialCopy: SerialCopy = { read: () => null, write: () => undefined };

/**
 * One small file per ledger in the operator's own state folder, which is not part of a project, its
 * backup or its repository.
 */
export function serialCopyIn(env: NodeJS.ProcessEnv): SerialCopy {
  const base = env.XDG_STATE_HOME || (env.HOME ? join(env.HOME, '.local/state') : null);
  if (base === null) return noSerialCopy;
  const pathOf = (authorityId: string): string => join(base, 'fleet', `${authorityId}.serial`);
  return {
    clock: operatorClockIn((authorityId) => join(base, 'fleet', `${authorityId}.clock`)),
    read: (authorityId) => {
      try {
        const text = readFileSync(pathOf(authorityId), 'utf8').trim();
        return /^\d{1,15}$/.test(text) ? Number(text) : null;
      } catch {
        return null;
      }
    },
    write: (authorityId, serial) => {
      const path = pathOf(authorityId);
      try {
        makeFolder(dirname(path));
        writeFileSync(`${path}.new`, `${serial}\n`, { mode: 0o600 });
        renameSync(`${path}.new`, path);
      } catch {
        return;
      }
    },
  };
}
