import { execFileSync, spawnSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { loadInitMaterials } from '../../../src/workflows/init/init-materials.ts';
import { type InitOptions, planInit } from '../../../src/workflows/init/init-plan.ts';
import { emptyBundle, hold, hostSpec, packageDirectory } from './init-fixture.ts';

const materials = await loadInitMaterials({
  root: packageDirectory,
  profiles: ['account-host', 'minimal'],
  runtimeMirror: null,
  bundle: emptyBundle,
});
const whole: InitOptions = { check: false, diff: false, upgrade: false, only: [], skip: [] };
const plan = (change: Partial<InitOptions> = {}, hosts = [hostSpec('h1')]) =>
  planInit({ fleet: 'test', hold, hosts }, materials, { ...whole, ...change });
const ids = (change: Partial<InitOptions> = {}): string[] =>
  plan(change).flatMap(({ steps }) => steps.map(({ id }) => id));

describe('plan of fleet init', () => {
  it('has every step, refusals first and what needs packages last', () => {
    expect(ids()).toEqual([
      ...[
        'host-support',
        'ledger',
        'identity',
        'space',
        'foreign',
        'memory',
        'log-rotation',
        'journal',
        'syslog',
        'fail2ban',
        'packages',
        'limits',
        'sysctl',
        'user',
        'directories',
      ],
      ...[
        'runtime',
        'release',
        'host-config',
        'units',
        'agent',
        'narrow-sudo',
        'former-user',
        'time-zone',
        'services',
        'firewall',
      ],
    ]);
  });

  it('the minimal profile installs no packages and leaves kernel and firewall alone', () => {
    const [first] = plan({}, [hostSpec('h1', { profile: 'minimal' })]);
    expect(first?.steps.map(({ id }) => id)).toEqual([
      ...[
        'host-support',
        'ledger',
        'identity',
        'space',
        'foreign',
        'memory',
        'user',
        'directories',
        'runtime',
        'release',
        'host-config',
        'units',
        'agent',
        'narrow-sudo',
        'former-user',
      ],
    ]);
  });

  it('takes some steps or leaves some out, never the refusals', () => {
    expect(ids({ only: ['sysctl'] })).toEqual([
      'host-support',
      'ledger',
      'identity',
      'space',
      'foreign',
      'memory',
      'sysctl',
    ]);
    expect(ids({ skip: ['firewall', 'space'] })).toEqual(ids().filter((id) => id !== 'firewall'));
    expect(ids({ upgrade: true })).toContain('upgrade');
    expect(() => plan({ only: ['frewall'] })).toThrow(/no step frewall/);
  });

  it.each([{}, { check: true, diff: true }, { only: ['agent'] }, { upgrade: true }])(
    'compiles to sound bash: %j',
    (change) => {
      for (const { program } of plan(change)) execFileSync('bash', ['-n'], { input: program });
    },
  );

  it.each(ids({ upgrade: true }))('step %s brings everything that its check uses', (id) => {
    const [one] = plan({ only: [id], upgrade: true, check: true });
    const alone =
      `${one?.program.replace(/^(settle_guard; gather; facts|step .*|finish)$/gm, '')}` +
      `\nARCH=x64 SSH_PORT=22 RELEASE_NOW=; declare -A OS=(); check_${id}`;
    // What this machine's packages are is none of the test's business, and asking takes long.
    const { stderr, stdout } = spawnSync(
      'bash',
      ['-c', `apt-get() { :; }\n${alone}\necho through >&3`],
      { encoding: 'utf8' },
    );
    expect(stderr).not.toMatch(/unbound|not found|syntax/);
    expect(stdout).toContain('through');
  });

  it('is the same text every time, and small enough for the first two flights of packets of a connection (10 and 20 of 1,460 bytes)', async () => {
    const { gzipSync } = await import('node:zlib');
    const [first] = plan();
    expect(plan()[0]?.program).toBe(first?.program);
    expect(gzipSync(first?.program ?? '', { level: 9 }).length).toBeLessThan(30_000);
  });

  it('quotes what comes from the inventory', () => {
    const [evil] = plan({}, [hostSpec('h1', { timeZone: `Etc/'; touch /tmp/pwned; '` })]);
    const shown = execFileSync(
      'bash',
      [
        '-c',
        `${evil?.program.replace(/^settle_guard; gather; facts$[\s\S]*/m, '')}\nprintf %s ` +
          `"\${F_TEXT[/etc/timezone]}" >&3`,
      ],
      { encoding: 'utf8' },
    );
    expect(shown).toBe(`Etc/'; touch /tmp/pwned; '\n`);
  });

  it('names a profile that does not exist, with those that do', async () => {
    await expect(
      loadInitMaterials({
        root: packageDirectory,
        profiles: ['acount'],
        runtimeMirror: null,
        bundle: emptyBundle,
      }),
    ).rejects.toMatchObject({
      code: 'inventory',
      hint: expect.stringContaining('account-host, minimal') as unknown,
    });
  });
});
