import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test, vi } from 'vitest';
import type { HostSpec } from '../../src/model/inventory.ts';
import { type Fence, openFence } from '../../src/workflows/fence.ts';

async function makeFence(
  off: readonly string[],
  verify: readonly string[],
  timeoutMs = 20_000,
): Promise<{ fence: Fence; host: HostSpec; directory: string }> {
  const directory = await mkdtemp(join(tmpdir(), 'fleet-fence-'));
  onTestFinished(() => rm(directory, { recursive: true, force: true }));
  const host = {
    name: 'h1',
    ssh: { address: '192.0.2.7' },
    fence: { off, verify, timeoutMs },
  } as unknown as HostSpec;
  return {
    fence: openFence({ path: join(directory, 'inventory.yaml') }, new AbortController().signal),
    host,
    directory,
  };
}

const sh = (script: string, ...args: string[]): string[] => ['sh', '-c', script, 'sh', ...args];

test('is off once the second program has confirmed it, not when the first one has said so', async () => {
  const { fence, host, directory } = await makeFence(
    sh('echo "$1 $2" > asked', '{host}', '{address}'),
    sh('echo >> polls; test $(wc -l < polls) -ge 2'),
  );
  await fence.switchOff(host);
  expect(await readFile(join(directory, 'asked'), 'utf8')).toBe('h1 192.0.2.7\n');
  expect(await readFile(join(directory, 'polls'), 'utf8')).toBe('\n\n');
  expect(await fence.isOff(host)).toBe(true);
});

test.each(['none', 'no-exec'])(
  'runs nothing where the inventory is not trusted: FLEET_SECRETS=%s',
  async (mode) => {
    const { fence, host, directory } = await makeFence(['touch', 'ran'], ['touch', 'ran']);
    vi.stubEnv('FLEET_SECRETS', mode);
    onTestFinished(() => void vi.unstubAllEnvs());
    await expect(fence.switchOff(host)).rejects.toMatchObject({ code: 'secret' });
    await expect(fence.isOff(host)).rejects.toMatchObject({ code: 'secret' });
    expect(await readdir(directory)).toEqual([]);
  },
);

test.each([
  [
    'the first program fails',
    sh('echo warming up >&2; echo no such machine >&2; exit 4'),
    ['true'],
    'h1 is not known to be off: sh ended with 4: no such machine',
  ],
  [
    'nobody confirms it',
    ['true'],
    ['false'],
    'h1 is not known to be off: false did not confirm it within 1 s',
  ],
  [
    'a program is missing',
    ['fleet-no-such-program'],
    ['true'],
    'h1 is not known to be off: fleet-no-such-program cannot be run (ENOENT)',
  ],
  [
    'a program does not end',
    sh('exec sleep 60'),
    ['true'],
    'h1 is not known to be off: sh was ended by SIGKILL after 1 s',
  ],
])('is not believed: %s', async (_, off, verify, message) => {
  const { fence, host } = await makeFence(off, verify, 1000);
  await expect(fence.switchOff(host)).rejects.toMatchObject({ code: 'fence', message });
});

test('arguments are never a shell', async () => {
  const { fence, host, directory } = await makeFence(
    sh('printf %s "$1" > asked', '$(touch hacked); {host}'),
    ['true'],
  );
  await fence.switchOff(host);
  expect(await readFile(join(directory, 'asked'), 'utf8')).toBe('$(touch hacked); h1');
});

test('a host without a fence', async () => {
  const { fence, host } = await makeFence([], []);
  await expect(fence.isOff({ ...host, fence: null })).rejects.toMatchObject({ code: 'usage' });
});
