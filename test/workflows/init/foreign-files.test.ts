/**
 * A folder that comes from somebody else: whatever stands in the place of a script, a profile or
 * what that names is refused without waiting and without reading on.
 */
import { spawnSync } from 'node:child_process';
import {
  mkdirSync,
  mkdtempSync,
  readFileSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readKnownHostsText } from '../../../src/remote/config/known-hosts-text.ts';
import { appendKnownHost } from '../../../src/remote/ssh/trust-host.ts';
import { readScript } from '../../../src/scripts/read-script.ts';
import { testScript } from '../../../src/workflows/answers/test-script.ts';
import { readProfile } from '../../../src/workflows/init/read-profile.ts';

const profile = `description: somebody's
files:
  theirs: { title: theirs, files: [{ path: /etc/theirs.conf, source: theirs.conf }] }
python:
  worker: { project: worker, run: worker.py }
`;

const folder = (): string => {
  const path = mkdtempSync(join(tmpdir(), 'fleet-foreign-'));
  for (const [name, text] of Object.entries({
    'profiles/x.yaml': profile,
    'theirs.conf': 'a = b\n',
    'worker/worker.py': 'print()\n',
    'scripts/desk.yaml': readFileSync('templates/scripts/welcome.yaml', 'utf8'),
  })) {
    mkdirSync(dirname(join(path, name)), { recursive: true });
    writeFileSync(join(path, name), text);
  }
  return path;
};

const wrong = {
  'a pipe': (path: string) => void spawnSync('mkfifo', ['-m', '600', path]),
  'a link to a device': (path: string) => symlinkSync('/dev/zero', path),
  'a file of the kernel that says it is empty and has no end': (path: string) =>
    symlinkSync('/proc/self/pagemap', path),
  'a gigabyte': (path: string) => {
    writeFileSync(path, '');
    truncateSync(path, 1024 ** 3);
  },
};

describe.each(Object.entries(wrong))('%s', (_, put) => {
  it.each(['profiles/x.yaml', 'theirs.conf', 'worker/worker.py'])(
    'in the place of %s',
    async (name) => {
      const path = folder();
      await readProfile([path], 'x');
      spawnSync('rm', [join(path, name)]);
      put(join(path, name));
      await expect(readProfile([path], 'x')).rejects.toMatchObject({
        code: 'inventory',
        message: expect.stringContaining(name.split('/').at(-1) ?? ''),
      });
    },
  );

  it('in the place of a list of host keys', async () => {
    const path = folder();
    put(join(path, 'known'));
    await expect(readKnownHostsText(join(path, 'known'))).rejects.toMatchObject({
      code: expect.stringMatching(/EFTYPE|EFBIG/),
    });
    await expect(appendKnownHost(join(path, 'known'), 'h1 ssh-ed25519 AAAA')).rejects.toThrow();
  });

  it('in the place of a transcript', async () => {
    const path = folder();
    put(join(path, 'x.transcript.yaml'));
    await expect(
      testScript(null, join(path, 'scripts/desk.yaml'), join(path, 'x.transcript.yaml'), []),
    ).rejects.toMatchObject({
      code: 'inventory',
      message: expect.stringContaining('cannot be read'),
    });
  });

  it('in the place of a script', async () => {
    const path = folder();
    spawnSync('rm', [join(path, 'scripts/desk.yaml')]);
    put(join(path, 'scripts/desk.yaml'));
    await expect(readScript([join(path, 'scripts')], 'desk')).rejects.toMatchObject({
      code: 'inventory',
      message: expect.stringContaining('cannot be read'),
    });
  });
});
