import {
  chmodSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { build } from 'esbuild';
import type { HostConfig } from '../../../hostside/protocol/host.ts';
import type { ActReply, HostRequest } from '../../../hostside/protocol/host-acts.ts';
import { hostPaths } from '../../../hostside/protocol/paths.ts';
import type { Lab } from '../../lab/lab.ts';

/**
 * What `fleet init` brings to a host as far as accounts need it, with a stub worker instead of the
 * Telegram one; hold and agent run then.
 */
export const installHost = async (
  lab: Lab,
  index: number,
  config: Partial<HostConfig> = {},
): Promise<void> => {
  const tree = mkdtempSync(join(tmpdir(), 'fleet-release-'));
  try {
    // The root of the archive becomes the root of the host.
    chmodSync(tree, 0o755);
    await writeTree(tree, config);
    const put = `id -u _fleet >/dev/null 2>&1 || useradd --system --user-group --no-create-home --home-dir /var/lib/fleet --shell /usr/sbin/nologin _fleet
      tar -xf - -C / && chown -R root:root /opt/fleet /etc/fleet && ln -sfnT releases/r1 /opt/fleet/current && install -d -m 751 -g _fleet /var/lib/fleet/claims
      mkdir -p /var/lib/fleet/init && printf 'tree\\t/opt/fleet/releases\\t-\\n' >/var/lib/fleet/init/manifest
      install -d -m 711 /var/lib/fleet/locks /var/lib/fleet/behaviour /var/lib/fleet-accounts
      install -d -m 700 /var/lib/fleet/accounts && systemctl daemon-reload && systemctl enable -q --now fleet-hold fleet-agent`;
    const tar =
      (await lab.exec(['sh', '-c', `tar -C ${tree} -cf ${tree}.tar .`])).code === 0
        ? readFileSync(`${tree}.tar`)
        : null;
    if (tar === null) throw new Error('the release could not be packed');
    const installed = await lab.ssh(index, put, { input: tar, timeoutMs: 240_000 });
    if (installed.code !== 0)
      throw new Error(`install ended with ${installed.code}: ${installed.stderr}`);
  } finally {
    rmSync(tree, { recursive: true });
    rmSync(`${tree}.tar`, { force: true });
  }
};

const writeTree = async (tree: string, config: Partial<HostConfig>): Promise<void> => {
  const release = join(tree, hostPaths.releases, 'r1');
  for (const path of [join(release, 'lib'), join(release, 'runtime/bin'), join(tree, 'etc/fleet')])
    mkdirSync(path, { recursive: true });
  cpSync(resolve('templates/bin'), join(release, 'bin'), { recursive: true });
  cpSync(resolve('templates/units'), join(tree, 'etc/systemd/system'), { recursive: true });
  cpSync(process.execPath, join(release, 'runtime/bin/node'));
  const entries = {
    host: 'hostside/helper/main.ts',
    gate: 'hostside/gate/main.ts',
    hold: 'hostside/hold/main.ts',
    agent: 'hostside/sampler/main.ts',
    worker: 'test/hostside/units/stub-worker.ts',
  };
  const options = {
    bundle: true,
    platform: 'node',
    format: 'cjs',
    target: 'node24',
    logLevel: 'error',
  } as const;
  await build({
    ...options,
    entryPoints: entries,
    outdir: join(release, 'lib'),
    outExtension: { '.js': '.cjs' },
  });
  const full: HostConfig = {
    ...{
      format: 1,
      fleet: 'lab',
      host: 'h',
      holdAfterMs: 600_000,
      requireClockSync: false,
      settleMs: 500,
      settleUncleanMs: 3_000,
    },
    ...config,
  };
  writeFileSync(join(tree, 'etc/fleet/host.json'), JSON.stringify(full));
};

/** One request to the helper on a host, as the operator's side makes it. */
export const askHelper = async (
  lab: Lab,
  index: number,
  request: HostRequest,
): Promise<{ code: number; replies: readonly ActReply[]; stderr: string }> => {
  const { code, stdout, stderr } = await lab.ssh(index, `${hostPaths.current}/bin/fleet-host`, {
    input: JSON.stringify(request),
    timeoutMs: 120_000,
  });
  const lines = stdout.split('\n').filter(Boolean);
  return {
    code,
    stderr,
    replies: lines.map((line) => JSON.parse(line)).filter((line) => 'index' in line),
  };
};
