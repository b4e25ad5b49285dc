import { spawn } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { missingSshd, startSshd } from '../sshd.ts';

const source = (path: string): string => JSON.stringify(join(process.cwd(), path));

test.skipIf(missingSshd !== null)(
  'the ssh of a fleet that was killed ends with what runs on the host, seconds later',
  async () => {
    const sshd = await startSshd();
    const { knownHosts } = await sshd.context();
    const file = join(sshd.directory, 'killed.ts');
    await writeFile(
      file,
      `import { createSshContext } from ${source('src/remote/config/ssh-context.ts')};
import { createSshRemote } from ${source('src/remote/ssh/ssh-remote.ts')};
import { surroundings } from ${source('test/remote/sshd.ts')};
const given = surroundings(${JSON.stringify(sshd.directory)}, ${JSON.stringify(knownHosts)});
const spec = ${JSON.stringify(sshd.spec({ transport: 'openssh' }))};
const onLine = (line) => console.log(line);
const command = 'while :; do echo tick; sleep 1; done';
createSshRemote(spec, createSshContext(given)).run({ command, onLine, timeoutMs: 100_000 });
`,
    );
    const child = spawn(process.execPath, [file], { stdio: ['ignore', 'pipe', 'inherit'] });
    await new Promise<void>((done) => child.stdout.once('data', () => done()));
    expect(sshd.sessions().length).toBe(1);
    child.kill('SIGKILL');
    await expect.poll(() => sshd.sessions().length, { timeout: 60_000 }).toBe(0);
    await sshd.stop();
  },
);
