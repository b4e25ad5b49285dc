import { existsSync, readFileSync } from 'node:fs';
import { chmod, mkdir, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parse } from 'yaml';
import { type AptSource, readMachineSources, sourcesOfRelease } from './apt-mirrors.ts';
import { aptProxyPort, cacheDirectory, labGateway, labRelease, shortHash } from './layout.ts';
import { runCommand } from './run-command.ts';

/** What a cloud image of Debian brings along, and nothing that fleet itself installs. */
const packages = [
  'systemd',
  'systemd-sysv',
  'libpam-systemd',
  'dbus',
  'openssh-server',
  'iproute2',
  'iputils-ping',
  'sudo',
  'procps',
  'python3',
  'ca-certificates',
];

const accountHost = fileURLToPath(new URL('../../templates/profiles/account-host.yaml', import.meta.url));

/** What `fleet init` installs on an account host. */
const equipment = (parse(readFileSync(accountHost, 'utf8')) as { packages: string[] }).packages;

/** The tree of hosts that have the packages of an account host already, beside the bare one: installing them anew costs 15 s of processor time a host. */
export const equippedTree = (goldenTree: string): string => `${goldenTree}-equipped`;

/** Background work that would make timings and package locks random, and consoles that a lab host does not have. */
const maskedUnits = [
  'apt-daily.timer',
  'apt-daily-upgrade.timer',
  'e2scrub_all.timer',
  'e2scrub_reap.service',
  'fstrim.timer',
  'dpkg-db-backup.timer',
  'getty@.service',
  'console-getty.service',
  'systemd-pstore.service',
];

const initProgram = readFileSync(fileURLToPath(new URL('./lab-init.sh', import.meta.url)), 'utf8');

interface TreeFile {
  readonly path: string;
  readonly text: string;
  readonly mode?: number;
}

/** Everything that is written into a bare tree to make it the image of a lab host. */
function imageFiles(sources: readonly AptSource[]): TreeFile[] {
  const sourceLines = sources.map(
    ({ uri, suite, components }) => `deb ${uri.replace(/^https:/, 'http:')} ${suite} ${components.join(' ')}\n`,
  );
  return [
    { path: 'etc/sudoers.d/ubuntu', text: 'ubuntu ALL=(ALL) NOPASSWD:ALL\n', mode: 0o440 },
    {
      path: 'etc/ssh/sshd_config.d/lab.conf',
      text: 'UseDNS no\nPermitRootLogin prohibit-password\nHostKey /etc/ssh/ssh_host_ed25519_key\n',
    },
    { path: 'etc/apt/sources.list', text: sourceLines.join('') },
    {
      path: 'etc/apt/apt.conf.d/00lab',
      text: `Acquire::http::Proxy "http://${labGateway}:${aptProxyPort}";\nAcquire::Languages "none";\n`,
    },
    { path: 'etc/resolv.conf', text: `nameserver ${labGateway}\n` },
    { path: 'etc/machine-id', text: '' },
    { path: 'sbin/lab-init', text: initProgram, mode: 0o755 },
  ];
}

/** The machine's own sources of the lab's release; an error that says what to do where there are none. */
export async function labSources(): Promise<AptSource[]> {
  const sources = sourcesOfRelease(await readMachineSources(), labRelease);
  if (sources.length === 0) {
    throw new Error(
      `the package sources of this machine have no http mirror of Debian ${labRelease}: add one under /etc/apt/sources.list.d`,
    );
  }
  return sources;
}

function goldenTree(sources: readonly AptSource[]): string {
  const recipe = JSON.stringify([packages, equipment, maskedUnits, imageFiles(sources), process.arch]);
  return join(cacheDirectory(), `tree-${shortHash(recipe)}`);
}

/** The tree, when it has been built from today's recipe and sources. */
export async function findGoldenTree(): Promise<string | undefined> {
  const tree = goldenTree(await labSources());
  return existsSync(tree) ? tree : undefined;
}

/**
 * The read-only tree under every lab host, and its {@link equippedTree}; built when absent (about a minute and a half, needs the mirror), else found at once. Two builders at a time
 * are kept apart by a lock; a build that was interrupted leaves nothing that is mistaken for a tree.
 */
export async function ensureGoldenTree(say: (line: string) => void): Promise<string> {
  const found = await findGoldenTree();
  if (found !== undefined) return found;
  say('building the tree of the lab hosts (once, about a minute and a half) ...');
  await mkdir(cacheDirectory(), { recursive: true });
  const program = fileURLToPath(new URL('./build-golden-tree.ts', import.meta.url));
  await runCommand(['flock', join(cacheDirectory(), 'lock'), process.execPath, program], { timeoutMs: 900_000 });
  return goldenTree(await labSources());
}

/** Builds the tree. Only under the lock that {@link ensureGoldenTree} takes. */
export async function buildGoldenTree(): Promise<void> {
  const sources = await labSources();
  const tree = goldenTree(sources);
  if (existsSync(tree)) return;
  const draft = `${tree}.draft`;
  const equippedDraft = `${draft}-equipped`;
  const debs = join(cacheDirectory(), 'debs');
  for (const each of [draft, equippedDraft]) await rm(each, { recursive: true, force: true });
  await mkdir(debs, { recursive: true });
  const mirror = sources[0]?.uri ?? '';
  const proxy = (await runCommand(['apt-config', 'shell', 'proxy', 'Acquire::http::Proxy'])).match(/'(.*)'/)?.[1];
  const env = { DEBIAN_FRONTEND: 'noninteractive', ...(proxy === undefined ? {} : { http_proxy: proxy }) };
  await runCommand(
    ['debootstrap', '--variant=minbase', `--include=${packages.join(',')}`, `--cache-dir=${debs}`, labRelease, draft, mirror],
    { timeoutMs: 840_000, env },
  );
  await runCommand(['cp', '-a', draft, equippedDraft]);
  await runCommand(['chroot', equippedDraft, 'apt-get', '-q', 'update'], { timeoutMs: 120_000, env });
  await runCommand(['chroot', equippedDraft, 'apt-get', '-q', '-y', 'install', ...equipment], { timeoutMs: 600_000, env });
  for (const each of [draft, equippedDraft]) await finishTree(each, sources);
  await rename(equippedDraft, equippedTree(tree));
  await rename(draft, tree);
}

async function finishTree(tree: string, sources: readonly AptSource[]): Promise<void> {
  await runCommand(['chroot', tree, 'useradd', '--create-home', '--shell', '/bin/bash', '--groups', 'sudo', 'ubuntu']);
  for (const file of imageFiles(sources)) {
    await rm(join(tree, file.path), { force: true });
    await writeFile(join(tree, file.path), file.text);
    await chmod(join(tree, file.path), file.mode ?? 0o644);
  }
  for (const unit of maskedUnits) {
    await rm(join(tree, 'etc/systemd/system', unit), { force: true });
    await symlink('/dev/null', join(tree, 'etc/systemd/system', unit));
  }
  // every host makes its own
  for (const kind of ['rsa', 'ecdsa', 'ed25519']) {
    for (const end of ['', '.pub']) await rm(join(tree, `etc/ssh/ssh_host_${kind}_key${end}`), { force: true });
  }
  await rm(join(tree, 'var/lib/dbus/machine-id'), { force: true });
  await runCommand(['chroot', tree, 'apt-get', 'clean']);
}
