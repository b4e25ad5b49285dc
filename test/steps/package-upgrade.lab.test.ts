/**
 * `fleet init --upgrade`: a package whose new version needs a new one, as each new kernel does, is
 * not kept back; nothing is ever removed for it.
 */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { makeOperator, type Operator } from '../e2e/operator.ts';
import { connectLab, type Lab } from '../lab/lab.ts';

const index = 3;
let lab: Lab;
let operator: Operator;

/** A mirror in the host's own file system, with nothing in it but these. */
const makeMirror = `set -e
mkdir -p /srv/mirror && cd /srv/mirror
package() { # name version other fields
  rm -rf tree && mkdir -p tree/DEBIAN
  printf 'Package: %s\\nVersion: %s\\nArchitecture: all\\nMaintainer: lab <lab@example.com>\\n%bDescription: for a test\\n' "$1" "$2" "$3" >tree/DEBIAN/control
  dpkg-deb -b tree "$1_$2.deb" >/dev/null
}
list() {
  for file in *.deb; do
    dpkg-deb -f "$file"; printf 'Filename: ./%s\\nSize: %s\\nSHA256: %s\\n\\n' "$file" "$(stat -c %s "$file")" "$(sha256sum "$file" | cut -d' ' -f1)"
  done >Packages
  apt-get -q update
}
rm -rf /etc/apt/sources.list /etc/apt/sources.list.d/*
echo 'deb [trusted=yes] file:/srv/mirror ./' >/etc/apt/sources.list
`;
const onHost = async (command: string): Promise<string> => {
  const { code, stdout, stderr } = await lab.ssh(index, command);
  if (code !== 0) throw new Error(`${command}: ${stderr}`);
  return stdout.trim();
};

beforeAll(async () => {
  lab = await connectLab();
  await lab.wipe(index);
  operator = await makeOperator({ lab, hosts: [index] });
  await operator.fleet(['hosts', 'trust', '--yes']);
  await onHost(`${makeMirror}
    package kernel-6.1 1 ''; package kernel 1 'Depends: kernel-6.1\\n'; package other 1 ''
    list; apt-get -q -y install kernel other
    package kernel-6.2 1 ''; package kernel 2 'Depends: kernel-6.2\\n'
    list`);
});
afterAll(async () => {
  await operator?.remove();
  await lab.wipe(index);
});

const upgrade = ['init', '--upgrade', '--only', 'upgrade'];
const installed = () =>
  onHost(`dpkg-query -W -f '\${Package}=\${Version} ' kernel 'kernel-*' other`);

it('a new kernel comes with its new package, the old one stays', async () => {
  const check = await operator.fleet([...upgrade, '--check']);
  expect(check.code).toBe(4);
  expect(check.stdout).toContain('install what their new versions need: kernel-6.2');
  expect((await operator.fleet([...upgrade, '--yes'])).code).toBe(0);
  expect((await installed()).split(' ').toSorted()).toEqual([
    'kernel-6.1=1',
    'kernel-6.2=1',
    'kernel=2',
    'other=1',
  ]);
  expect((await operator.fleet([...upgrade, '--check'])).code).toBe(0);
});

it('an upgrade that would push another package out is left alone', async () => {
  await onHost(`${makeMirror}
    package kernel 3 'Depends: kernel-6.2\\nConflicts: other\\n'; list`);
  expect((await operator.fleet([...upgrade, '--yes'])).code).toBe(0);
  expect(await installed()).toContain('other=1');
});
