import { existsSync, readFileSync } from 'node:fs';
import { chmod, copyFile, mkdir, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parse } from 'yaml';
import { aptProxyPort, cacheDirectory, labGateway, shortHash } from '../layout.ts';
import { type AptSource, readMachineSources } from '../packages/apt-mirrors.ts';
import { runCommand } from '../run-command.ts';
import { type Suite, sourcesOfSuite, suiteFacts, usualSuite } from '../suites.ts';

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

const accountHost = fileURLToPath(
  new URL('../../../templates/profiles/account-host.yaml', import.meta.url),
);

/** What `fleet init` installs on an account host. */
const equipment = (parse(readFileSync(accountHost, 'utf8')) as { packages: string[] }).packages;

/**
 * `equipped`: the packages of an account host are there, and nothing else of fleet's: installing
 * them anew costs 15 s of processor time a host.
 */
export type DiskContent = 'bare' | 'equipped';

/**
 * Background work that would make timings and package locks random, and consoles that a lab host
 * does not have.
 */
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

/**
 * They look for disks, consoles and old init scripts, of which a container has none, at every boot
 * and every daemon-reload: with all labs at work that is a
 * fifth of the processor time.
 */
const maskedGenerators = [
  'bless-boot',
  'cryptsetup',
  'debug',
  'fstab',
  'getty',
  'gpt-auto',
  'hibernate-resume',
  'integritysetup',
  'rc-local',
  'run',
  'system-update',
  'sysv',
  'veritysetup',
].map((name) => `systemd-${name}-generator`);

const initProgram = readFileSync(fileURLToPath(new URL('./lab-init.sh', import.meta.url)), 'utf8');

interface TreeFile {
  readonly path: string;
  readonly text: string;
  readonly mode?: number;
}

/** Everything that is written into a bare tree to make it the image of a lab host. */
function imageFiles(suite: Suite, sources: readonly AptSource[]): TreeFile[] {
  const sourceLines = sources.map(
    ({ uri, suite, components }) =>
      `deb ${uri.replace(/^https:/, 'http:')} ${suite} ${components.join(' ')}\n`,
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
      // What a host lacks without Recommends, it lacks on images that leave them out, too.
      text: `Acquire::http::Proxy "http://${labGateway}:${aptProxyPort}";\nAcquire::Languages "none";\nAPT::Install-Recommends "false";\n${suiteFacts(
        suite,
      )
        .aptSettings.map((line) => `${line}\n`)
        .join('')}`,
    },
    { path: 'etc/resolv.conf', text: `nameserver ${labGateway}\n` },
    { path: 'etc/machine-id', text: '' },
    { path: 'sbin/lab-init', text: initProgram, mode: 0o755 },
  ];
}

/**
 * The machine's own sources for hosts of the suite; an error that says what to do where there are
 * none.
 */
export async function labSources(suite: Suite = usualSuite): Promise<AptSource[]> {
  const sources = sourcesOfSuite(await readMachineSources(), suite);
  if (sources.length === 0) {
    throw new Error(
      `the package sources of this machine have no http mirror of Debian ${usualSuite}: ` +
        'add one under /etc/apt/sources.list.d',
    );
  }
  return sources;
}

/**
 * Where the read-only tree under hosts of the suite lies, or will lie. Another recipe has another
 * path.
 */
export async function goldenTree(suite: Suite, content: DiskContent): Promise<string> {
  const { packages: own, setUp } = suiteFacts(suite);
  const files = imageFiles(suite, await labSources(suite));
  const recipe = JSON.stringify([
    [...packages, ...own],
    maskedUnits,
    maskedGenerators,
    files,
    process.arch,
    ...(setUp === '' ? [] : [setUp]),
  ]);
  const bare = join(cacheDirectory(), `tree-${suite}-${shortHash(recipe)}`);
  return content === 'bare' ? bare : `${bare}-equipped-${shortHash(JSON.stringify(equipment))}`;
}

/**
 * Builds the trees that are absent: about a minute for a bare one, half a minute more for an
 * equipped one; both need the mirror. Else there is nothing
 * to do. Two builders at a time are kept apart by a lock; a build that was interrupted leaves
 * nothing that is mistaken for a tree.
 */
export async function ensureGoldenTree(
  suite: Suite,
  content: DiskContent,
  say: (line: string) => void,
): Promise<void> {
  for (const part of content === 'bare' ? (['bare'] as const) : (['bare', 'equipped'] as const)) {
    if (existsSync(await goldenTree(suite, part))) continue;
    say(
      `building the ${part} tree of lab hosts with ${suiteFacts(suite).name} (once, up to ` +
        'a minute) ...',
    );
    await mkdir(cacheDirectory(), { recursive: true });
    const program = fileURLToPath(new URL('./build-golden-tree.ts', import.meta.url));
    await runCommand(
      ['flock', join(cacheDirectory(), `lock-${suite}`), process.execPath, program, suite, part],
      { timeoutMs: 900_000 },
    );
  }
}

/**
 * Builds one tree; an equipped one needs the bare one. Only under the lock that {@link
 * ensureGoldenTree} takes.
 */
export async function buildGoldenTree(suite: Suite, content: DiskContent): Promise<void> {
  const tree = await goldenTree(suite, content);
  if (existsSync(tree)) return;
  const draft = `${tree}.draft`;
  await rm(draft, { recursive: true, force: true });
  const sources = await labSources(suite);
  if (content === 'bare') await buildBare(suite, sources, draft);
  else await buildEquipped(suite, draft);
  await finishTree(suite, draft, sources);
  await rename(draft, tree);
}

async function buildBare(
  suite: Suite,
  sources: readonly AptSource[],
  draft: string,
): Promise<void> {
  const debs = join(cacheDirectory(), 'debs', suite);
  await mkdir(debs, { recursive: true });
  const wanted = [...packages, ...suiteFacts(suite).packages].join(',');
  await runCommand(
    [
      'debootstrap',
      '--variant=minbase',
      `--include=${wanted}`,
      `--cache-dir=${debs}`,
      suite,
      draft,
      sources[0]?.uri ?? '',
    ],
    { timeoutMs: 840_000, env: await proxyOfMachine() },
  );
  await runCommand([
    'chroot',
    draft,
    'useradd',
    '--create-home',
    '--shell',
    '/bin/bash',
    '--groups',
    'sudo',
    'ubuntu',
  ]);
  const { setUp } = suiteFacts(suite);
  if (setUp !== '') await runCommand(['chroot', draft, 'sh', '-c', setUp]);
}

async function proxyOfMachine(): Promise<Record<string, string>> {
  const proxy = (await runCommand(['apt-config', 'shell', 'proxy', 'Acquire::http::Proxy'])).match(
    /'(.*)'/,
  )?.[1];
  return proxy === undefined ? {} : { http_proxy: proxy };
}

async function buildEquipped(suite: Suite, draft: string): Promise<void> {
  await runCommand(['cp', '-a', await goldenTree(suite, 'bare'), draft]);
  // the lab's own proxy and names are not there yet
  const inTree = [
    'chroot',
    draft,
    'env',
    'APT_CONFIG=/tmp/apt.conf',
    'DEBIAN_FRONTEND=noninteractive',
    'apt-get',
    '-q',
  ];
  const { http_proxy: proxy } = await proxyOfMachine();
  const settings = [
    'Dir::Etc::parts "-";',
    ...(proxy === undefined ? [] : [`Acquire::http::Proxy "${proxy}";`]),
    ...suiteFacts(suite).aptSettings,
  ];
  await writeFile(join(draft, 'tmp/apt.conf'), settings.map((line) => `${line}\n`).join(''));
  await copyFile('/etc/resolv.conf', join(draft, 'etc/resolv.conf'));
  await runCommand([...inTree, 'update'], { timeoutMs: 120_000 });
  await runCommand(
    [...inTree, '-y', '-o', 'APT::Install-Recommends=false', 'install', ...equipment],
    { timeoutMs: 600_000 },
  );
  await rm(join(draft, 'tmp/apt.conf'));
}

async function finishTree(
  suite: Suite,
  tree: string,
  sources: readonly AptSource[],
): Promise<void> {
  for (const file of imageFiles(suite, sources)) {
    await rm(join(tree, file.path), { force: true });
    await writeFile(join(tree, file.path), file.text);
    await chmod(join(tree, file.path), file.mode ?? 0o644);
  }
  for (const unit of maskedUnits) {
    await rm(join(tree, 'etc/systemd/system', unit), { force: true });
    await symlink('/dev/null', join(tree, 'etc/systemd/system', unit));
  }
  const generators = join(tree, 'etc/systemd/system-generators');
  await mkdir(generators, { recursive: true });
  for (const generator of maskedGenerators) {
    await rm(join(generators, generator), { force: true });
    await symlink('/dev/null', join(generators, generator));
  }
  // every host makes its own
  for (const kind of ['rsa', 'ecdsa', 'ed25519']) {
    for (const end of ['', '.pub'])
      await rm(join(tree, `etc/ssh/ssh_host_${kind}_key${end}`), { force: true });
  }
  await rm(join(tree, 'var/lib/dbus/machine-id'), { force: true });
  await runCommand(['chroot', tree, 'apt-get', 'clean']);
}
