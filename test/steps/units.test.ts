import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { expect, it } from 'vitest';
import { runLibrary, scratch } from './run-library.ts';

it('systemd is asked only for units that may be there; of the others it is known what it would say', async () => {
  const root = scratch();
  const places = {
    a: 'etc/systemd/system/a.service',
    b: 'usr/lib/systemd/system/b.socket',
    c: 'etc/init.d/c',
    d: 'run/systemd/generator.late/d.service',
  };
  for (const path of Object.values(places)) {
    mkdirSync(dirname(`${root}/${path}`), { recursive: true });
    writeFileSync(`${root}/${path}`, '');
  }
  mkdirSync(`${root}/run/systemd/units`, { recursive: true });
  symlinkSync('0123', `${root}/run/systemd/units/invocation:e.service`);
  symlinkSync('/nowhere', `${root}/etc/systemd/system/f.service`);
  const units = [
    'a.service',
    'b.socket',
    'c.service',
    'd.service',
    'e.service',
    'f.service',
    'of@one.service',
    'x.slice',
    'no.service',
    'a.timer',
  ];
  const script = `ROOT_=${root}; U[no.service.ActiveState]=active
systemctl() { printf '%s\n' "$@" | sed -n '/^--$/,$p' | tr '\n' ' ' >&3; printf 'Id=a.service\nLoadState=loaded\nActiveState=active\n'; }
gather_units ${units.join(' ')}
printf '%s ' "\${U[a.service.LoadState]}" "\${U[no.service.LoadState]}" "\${U[no.service.ActiveState]}" "\${U[a.timer.LoadState]}" >&3
U=(); gather_units no.service; printf '%s' "\${U[no.service.LoadState]}" >&3`;
  const { stdout } = await runLibrary(script, root);
  expect(stdout).toBe(
    '-- a.service b.socket c.service d.service e.service f.service of@one.service x.slice ' +
      'loaded not-found inactive not-found not-found',
  );
});
