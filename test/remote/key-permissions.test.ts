import { chmod } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { FleetError } from '../../src/model/errors.ts';
import { createSshRemote } from '../../src/remote/ssh/ssh-remote.ts';
import { missingSshd, startSshd } from './sshd.ts';

test.skipIf(missingSshd !== null)(
  'a private key that others may read is not used, and the message says what to do',
  async () => {
    const sshd = await startSshd();
    try {
      const connect = async (): Promise<string> => {
        const remote = createSshRemote(sshd.spec(), await sshd.context());
        try {
          await remote.connect();
          return 'connected';
        } catch (error) {
          return (
            `${String(error)} ` +
            `${error instanceof FleetError ? `${error.problems.join('; ')} ${error.hint}` : ''}`
          );
        } finally {
          await remote.close();
        }
      };
      expect(await connect()).toBe('connected');
      for (const mode of [0o640, 0o604, 0o622]) {
        await chmod(sshd.userKey, mode);
        expect(await connect()).toContain(
          `${sshd.userKey} is open to others (mode ${mode.toString(8)})`,
        );
      }
    } finally {
      await sshd.stop();
    }
  },
);
