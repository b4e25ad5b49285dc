import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { HostSpec } from '../../../src/model/inventory.ts';
import { createSshContext, type SshContext } from '../../../src/remote/config/ssh-context.ts';
import type { Remote } from '../../../src/remote/remote.ts';
import { createSshRemote } from '../../../src/remote/ssh/ssh-remote.ts';
import { type HostInitOutcome, type InitEvent, runInit } from '../../../src/workflows/init/init.ts';
import {
  type InitMaterials,
  loadInitMaterials,
} from '../../../src/workflows/init/init-materials.ts';
import { type InitOptions, planInit } from '../../../src/workflows/init/init-plan.ts';
import { connectLab, type Lab } from '../../lab/lab.ts';
import { suiteFacts, suiteOfRun } from '../../lab/suites.ts';
import { hold, hostSpec, packageDirectory } from './init-fixture.ts';

const whole: InitOptions = { check: false, diff: false, upgrade: false, only: [], skip: [] };
let lab: Lab;
let materials: InitMaterials;

beforeAll(async () => {
  lab = await connectLab();
  materials = await loadInitMaterials({
    root: packageDirectory,
    profiles: ['account-host'],
    runtimeMirror: null,
  });
});

afterAll(() => lab.wipe(1));

const theHost = (user = 'root'): HostSpec => {
  const [host] = lab.hosts;
  if (host === undefined) throw new Error('the lab has no host');
  return hostSpec('h1', {
    ssh: {
      address: host.address,
      user,
      identityFiles: [lab.keyFile],
      hostKeys: [host.fingerprint],
    },
  });
};

const context = (): SshContext =>
  createSshContext({
    homeDirectory: '/nonexistent',
    localUser: 'test',
    agentSocket: null,
    knownHosts: lab.knownHostsFile,
    configFiles: [],
    readSecret: async () => '',
  });

interface Run {
  readonly outcome: HostInitOutcome;
  readonly events: readonly InitEvent[];
  /** Commands that were run on the host, fresh connections included. */
  readonly execs: number;
}

async function init(
  options: Partial<InitOptions> = {},
  host = theHost(),
  from = materials,
): Promise<Run> {
  const around = context();
  const events: InitEvent[] = [];
  let execs = 0;
  const counted = (remote: Remote): Remote => ({
    host: remote.host,
    connect: () => remote.connect(),
    run: (command) => {
      execs += 1;
      return remote.run(command);
    },
    upload: (...args) => remote.upload(...args),
    download: (...args) => remote.download(...args),
    get: (...args) => remote.get(...args),
    close: () => remote.close(),
  });
  const remote = counted(createSshRemote(host, around));
  const plans = planInit({ fleet: 'test', hold, hosts: [host] }, from, { ...whole, ...options });
  const [outcome] = await runInit(plans, {
    remoteFor: () => remote,
    freshRemote: () => counted(createSshRemote(host, around)),
    openBlob: from.openBlob,
    onEvent: (event) => events.push(event),
    concurrency: 1,
  });
  await remote.close();
  if (outcome === undefined) throw new Error('no outcome');
  return { outcome, events, execs };
}

const onHost = async (command: string): Promise<string> =>
  (await lab.ssh(1, command)).stdout.trim();
/**
 * Everything below the places that init changes, with sizes and times; left out is what systemd,
 * fail2ban and the agent, which run, write by themselves.
 */
const traces = async (): Promise<ReadonlySet<string>> => {
  const list =
    'find /etc /opt /usr /var/lib /var/backups -newermt @0 -printf "%p %s %T@ %m %u\\n" ' +
    '2>/dev/null | grep -v -e /var/lib/systemd -e /var/lib/fail2ban/fail2ban.sqlite3 -e ' +
    '"^/var/lib/fleet-agent[ /]"';
  return new Set((await onHost(list)).split('\n'));
};
const touchedSince = async (before: ReadonlySet<string>): Promise<string[]> => {
  const after = await traces();
  return [
    ...[...before].filter((line) => !after.has(line)),
    ...[...after].filter((line) => !before.has(line)),
  ].sort();
};
const states = ({ steps }: HostInitOutcome): string[] =>
  steps.filter(({ state }) => state !== 'ok').map(({ id, state }) => `${id} ${state}`);

/** Wrong logins from another host shut that one out, by a rule of the kernel; nobody else. */
const expectBan = async (): Promise<void> => {
  const address = lab.hosts[0]?.address ?? '';
  const logIn =
    'ssh -o BatchMode=yes -o StrictHostKeyChecking=no -o ConnectTimeout=5 ' +
    `nobody-here@${address} true 2>&1`;
  const knock = async (times: number): Promise<string> =>
    (await lab.ssh(2, `for i in $(seq ${times}); do ${logIn}; done`)).stdout;
  // Where sshd does not bring the client along (OpenSSH 10.1 and later in Debian).
  await lab.ssh(2, 'command -v ssh || apt-get -qq install -y openssh-client');
  expect(await knock(6)).toContain('Permission denied');
  // fail2ban may still be about to read. Seldom enough for sshd's own penalties (OpenSSH 9.8 and
  // later), which would hide it.
  await expect
    .poll(() => knock(1), { timeout: 90_000, interval: 3000 })
    .toMatch(/refused|timed out/);
  const kernel = 'iptables -S; command -v nft >/dev/null && nft list ruleset';
  const other = lab.hosts[1]?.address ?? 'none';
  expect(await onHost(kernel)).toContain(other);
  await onHost(`fail2ban-client set sshd unbanip ${other}`);
  await expect
    .poll(() => knock(1), { timeout: 30_000, interval: 1000 })
    .toContain('Permission denied');
};

describe('fleet init on a real host', () => {
  it('looks without changing anything', async () => {
    await lab.wipe(1);
    const before = await traces();
    const { outcome, execs } = await init({ check: true, diff: true });
    expect(outcome.error).toBeNull();
    expect(outcome.state).toBe('pending');
    expect(states(outcome)).toContain('packages pending');
    expect(outcome.diffs.map(({ path }) => path)).toEqual(
      expect.arrayContaining([
        '/etc/sysctl.d/90-fleet.conf',
        '/etc/fleet/host.json',
        '/etc/systemd/system/fleet-account@.service',
      ]),
    );
    expect(outcome.uploads).toEqual([]);
    expect(execs).toBe(1);
    expect(await touchedSince(before)).toEqual([]);
  });

  it('makes a bare host ready as a user with sudo, and everything that it enables runs', async () => {
    // What the operator says of other jails stays as it was.
    await lab.ssh(
      1,
      'mkdir -p /etc/fail2ban; touch /var/log/own.log; printf ' +
        '"[nginx-http-auth]\\nenabled = true\\nlogpath = /var/log/own.log\\n" ' +
        '>/etc/fail2ban/jail.local',
    );
    const { outcome } = await init({}, theHost('ubuntu'));
    expect(outcome.error).toBeNull();
    expect(outcome.state).toBe('changed');
    expect(outcome.facts).toMatchObject({
      os: 'debian',
      osVersion: suiteFacts(suiteOfRun()).version,
      sshPort: 22,
      release: '',
    });
    expect(
      await onHost(
        'systemctl is-active fleet-agent fleet-hold fail2ban ufw systemd-journald | sort -u',
      ),
    ).toBe('active');
    expect(await onHost('systemctl is-enabled fleet-agent fleet-hold fail2ban ufw | sort -u')).toBe(
      'enabled',
    );
    expect(await onHost('fail2ban-client status sshd')).toContain('Journal matches');
    expect(await onHost('fail2ban-client get nginx-http-auth logpath')).toContain(
      '/var/log/own.log',
    );
    await expectBan();
    expect(await onHost('ufw status')).toMatch(/Status: active[\s\S]*22\/tcp +ALLOW/);
    expect(
      await onHost(
        'curl -s -o /dev/null -w "%{http_code}" --unix-socket /run/fleet/agent.sock ' +
          'http://x/sample',
      ),
    ).toBe('200');
    expect(await onHost('systemctl list-timers --all | grep -c fleet-revert')).toBe('0');
    expect(await onHost('cat /proc/sys/net/core/somaxconn; readlink /etc/localtime')).toBe(
      '65535\n/usr/share/zoneinfo/Etc/UTC',
    );
    expect(await onHost('ss -Hltn | grep -v :22')).toBe('');
    // What the kernel of a container does not let change is named, not hidden.
    expect(outcome.warnings.join('\n')).toContain('vm.swappiness');
  });

  it('finds nothing to do the second time: one exec, no upload, nothing touched', async () => {
    const before = await traces();
    const { outcome, execs } = await init();
    expect(states(outcome)).toEqual([]);
    expect(outcome.state).toBe('ready');
    expect(outcome.uploads).toEqual([]);
    expect(execs).toBe(1);
    expect(await touchedSince(before)).toEqual([]);
    expect(outcome.facts?.release).toBe(materials.bundle.release.id);
    expect(outcome.facts?.instanceId).toMatch(/^[0-9a-f]{32}$/);
  });

  it('puts back what somebody changed, and keeps a copy of it', async () => {
    await lab.ssh(
      1,
      'echo "# mine" >>/etc/sysctl.d/90-fleet.conf; sysctl -qw net.core.somaxconn=128; ' +
        'systemctl disable -q --now fail2ban; chmod 777 /etc/fleet/host.json',
    );
    await lab.ssh(1, 'echo >>/opt/fleet/current/lib/gate.cjs');
    const { outcome } = await init();
    expect(outcome.error).toBeNull();
    expect(states(outcome)).toEqual([
      'sysctl changed',
      'release changed',
      'host-config changed',
      'services changed',
    ]);
    expect(outcome.steps.find(({ id }) => id === 'services')?.what).toEqual([
      'enable fail2ban.service',
      'start fail2ban.service (now inactive)',
    ]);
    expect(
      await onHost(
        'cat /proc/sys/net/core/somaxconn; systemctl is-active fail2ban; stat -c %a ' +
          '/etc/fleet/host.json',
      ),
    ).toBe('65535\nactive\n644');
    expect(await onHost('tail -n 1 /var/backups/fleet/etc/sysctl.d/90-fleet.conf.*')).toBe(
      '# mine',
    );
    expect((await init()).outcome.state).toBe('ready');
  });

  it('goes back to the former release when the agent of the new one does not come up', async () => {
    const broken = await brokenAgent(materials);
    const { outcome } = await init({}, theHost(), broken);
    expect(outcome.error).toMatchObject({
      code: 'host-step',
      hint: expect.stringContaining('rolled back to release') as unknown,
    });
    expect(outcome.error?.message).toContain('broken on purpose');
    expect(await onHost('readlink /opt/fleet/current')).toBe(
      `releases/${materials.bundle.release.id}`,
    );
    expect(await onHost('systemctl is-active fleet-agent')).toBe('active');
    expect((await init()).outcome.state).toBe('ready');
  });

  it('keeps an operator’s own firewall rules', async () => {
    await lab.ssh(
      1,
      'ufw delete allow 22/tcp; ufw allow from 10.0.0.0/8 to any port 22 proto tcp; ufw ' +
        'allow 8080/tcp',
    );
    const rules = await onHost('ufw status');
    const { outcome } = await init();
    expect(outcome.state).toBe('ready');
    expect(await onHost('ufw status')).toBe(rules);
  });
});

describe('fleet init refuses or waits', () => {
  beforeAll(() => lab.wipe(1));
  const failure = async (options: Partial<InitOptions> = {}): Promise<unknown> => {
    const { outcome } = await init({ check: true, ...options });
    return { code: outcome.error?.code, message: outcome.error?.message };
  };
  const says = (text: string): unknown => expect.stringContaining(text);

  it('a system that is not supported', async () => {
    await lab.ssh(1, 'cp /etc/os-release /root/kept; sed -i s/^ID=.*/ID=plan9/ /etc/os-release');
    const refused = await init({ check: true }, { ...theHost(), allowUnsupportedOs: false });
    expect(refused.outcome.error).toMatchObject({
      code: 'host-unsupported',
      message: says('is not supported'),
    });
    const { outcome } = await init({ check: true }, { ...theHost(), allowUnsupportedOs: true });
    expect(outcome.state).toBe('pending');
    expect(outcome.warnings.join()).toContain('not a supported system');
    await lab.ssh(1, 'cat /root/kept >/etc/os-release');
  });

  it('a host without space', async () => {
    await lab.fill(1, 100_000);
    expect(await failure()).toEqual({ code: 'host-space', message: says('MB are free') });
    await lab.unfill(1);
  });

  it('a foreign /opt/fleet', async () => {
    await lab.ssh(1, 'mkdir -p /opt/fleet/trucks');
    expect(await failure()).toEqual({ code: 'host-foreign', message: says('trucks') });
    await lab.ssh(1, 'rm -r /opt/fleet');
  });

  it.each([
    '/etc/fleet/other.yml',
    '/var/lib/fleet/data/x',
    '/etc/systemd/system/fleet-agent.service',
  ])('a foreign %s', async (path) => {
    await lab.ssh(1, `mkdir -p ${path.replace(/\/[^/]*$/, '')}; echo mine >${path}`);
    expect(await failure()).toEqual({
      code: 'host-foreign',
      message: says(path.replace(/\/x$/, '')),
    });
    await lab.ssh(1, `rm -r ${path} /etc/fleet /var/lib/fleet`);
  });

  it('a user of the same name', async () => {
    await lab.ssh(1, 'useradd -m _fleet');
    expect(await failure({ only: ['user'] })).toEqual({
      code: 'host-foreign',
      message: says('the user _fleet'),
    });
    await lab.ssh(1, 'userdel -r _fleet');
  });

  it('a host that obeys another ledger', async () => {
    const record =
      '{"format":1,"id":"11111111-2222-4333-8444-555555555555","serial":7,"nonce":"x"}';
    await lab.ssh(
      1,
      'mkdir -p /opt/fleet/releases/x /var/lib/fleet; ln -s releases/x /opt/fleet/current; ' +
        `echo '${record}' >/var/lib/fleet/authority.json`,
    );
    const caller = {
      act: 'init',
      by: 'anna@laptop',
      ledger: '99999999-2222-4333-8444-555555555555',
    };
    expect(await failure({ caller })).toEqual({
      code: 'host-foreign',
      message: says('obeys another ledger'),
    });
    await lab.ssh(1, 'rm -r /opt/fleet /var/lib/fleet');
  });

  it('an inactive ufw whose rules would shut this peer out; with rules for others it lets this peer in', async () => {
    await lab.wipe(1, 'equipped');
    await lab.ssh(1, 'ufw deny from 10.77.0.0/24');
    expect(await failure({ only: ['firewall'] })).toEqual({
      code: 'host-step',
      message: says('it would shut out 10.77.0.1'),
    });
    await lab.ssh(
      1,
      'ufw delete deny from 10.77.0.0/24; ufw allow from 192.0.2.1 to any port 22 proto tcp',
    );
    const { outcome } = await init({ only: ['firewall'] });
    expect(outcome.error).toBeNull();
    expect(await onHost('ufw show added')).toContain(
      'ufw allow from 10.77.0.1 to any port 22 proto tcp',
    );
    expect(await onHost('ufw status')).toContain('Status: active');
  });

  it('keeps iptables-persistent, which ufw would push out, and refuses a package that would push another out', async () => {
    await lab.wipe(1, 'equipped');
    await lab.ssh(
      1,
      'apt-get -q update; DEBIAN_FRONTEND=noninteractive apt-get -q -y install ' +
        'iptables-persistent; iptables -A INPUT -p tcp --dport 25 -j DROP; ' +
        'netfilter-persistent save',
      { timeoutMs: 120_000 },
    );
    const only = ['packages', 'firewall'];
    const { outcome } = await init({ only });
    expect([outcome.error, outcome.state]).toEqual([null, 'ready']);
    expect(outcome.warnings.join()).toContain('netfilter-persistent is this host');
    await lab.ssh(1, 'systemctl disable -q --now netfilter-persistent');
    const removal = {
      code: 'host-step',
      message: says('apt would remove iptables-persistent; netfilter-persistent'),
    };
    expect(await failure({ only })).toEqual(removal);
    expect(await failure({ only, check: false })).toEqual(removal);
    expect(await onHost('dpkg -s iptables-persistent | grep ^Status')).toBe(
      'Status: install ok installed',
    );
    await lab.wipe(1);
  });

  it('waits for apt’s lock and says who holds it', async () => {
    const hold =
      'import fcntl,time;f=open("/var/lib/dpkg/lock-frontend","w");fcntl.lockf(f,fcntl.LOCK_EX);time.sleep(12)';
    await lab.ssh(1, `setsid python3 -c '${hold}' >/dev/null 2>&1 </dev/null & sleep 1`);
    const { outcome, events } = await init({ only: ['packages'] });
    expect(outcome.error).toBeNull();
    expect(events.flatMap((event) => (event.t === 'note' ? [event.text] : [])).join()).toMatch(
      /held by python3 \(pid \d+\)/,
    );
  });

  it('switches the firewall off again when no fresh connection comes through', async () => {
    const host = theHost();
    const remote = createSshRemote(host, context());
    const plans = planInit({ fleet: 'test', hold, hosts: [host] }, materials, {
      ...whole,
      only: ['firewall'],
    });
    const locked = createSshRemote(
      { ...host, ssh: { ...host.ssh, port: 2, connectTimeoutMs: 2000 } },
      context(),
    );
    const [outcome] = await runInit(plans, {
      remoteFor: () => remote,
      freshRemote: () => locked,
      openBlob: materials.openBlob,
      onEvent: () => {},
      concurrency: 1,
    });
    await remote.close();
    expect(outcome?.error).toMatchObject({
      code: 'host-step',
      message: says('no fresh SSH connection came through'),
    });
    expect(await onHost('ufw status')).toBe('Status: inactive');
    expect(await onHost('systemctl list-timers --all | grep -c fleet-revert')).toBe('0');
  });

  it('the host opens itself when the operator is gone before the firewall was confirmed', async () => {
    await lab.ssh(1, 'ufw --force disable');
    const host = theHost();
    const remote = createSshRemote(host, context());
    const plans = planInit({ fleet: 'test', hold, hosts: [host] }, materials, {
      ...whole,
      only: ['firewall'],
    });
    const [outcome] = await runInit(plans, {
      remoteFor: () => remote,
      freshRemote: () => {
        void remote.close();
        return createSshRemote(
          { ...host, ssh: { ...host.ssh, port: 2, connectTimeoutMs: 1000 } },
          context(),
        );
      },
      openBlob: materials.openBlob,
      onEvent: () => {},
      concurrency: 1,
    });
    expect(outcome?.state).toBe('failed');
    await expect
      .poll(() => onHost('ufw status'), { timeout: 70_000, interval: 1000 })
      .toBe('Status: inactive');
  });
});

describe('fleet init on what looks like Ubuntu', () => {
  // Its packages cannot be had here; its name, and ssh as a socket that systemd holds on a port of
  // which sshd_config knows nothing, can.
  const ubuntu = `cat >/etc/os-release <<'END'
PRETTY_NAME="Ubuntu 24.04.1 LTS"
NAME="Ubuntu"
VERSION_ID="24.04"
VERSION_CODENAME=noble
ID=ubuntu
ID_LIKE=debian
END
mkdir -p /etc/systemd/system/ssh.socket.d
printf '[Socket]\\nListenStream=\\nListenStream=22\\nListenStream=2222\\n' >/etc/systemd/system/ssh.socket.d/port.conf
systemctl daemon-reload; systemctl disable -q ssh.service; systemctl enable -q ssh.socket
systemd-run -q --on-active=1 sh -c 'systemctl stop ssh.service; systemctl start ssh.socket'`;

  it('keeps the ports of the socket open, also the one that this connection does not use', async () => {
    await lab.wipe(1);
    await lab.ssh(1, ubuntu);
    await expect
      .poll(() => onHost('systemctl is-active ssh.socket'), { timeout: 60_000 })
      .toBe('active');
    const host = theHost('ubuntu');
    const { outcome } = await init({}, { ...host, ssh: { ...host.ssh, port: 2222 } });
    expect(outcome.error).toBeNull();
    expect(outcome.facts).toMatchObject({ os: 'ubuntu', osVersion: '24.04', sshPort: 2222 });
    const rules = await onHost('ufw status');
    expect(rules).toMatch(/Status: active/);
    expect(rules.match(/^\d+\/tcp +ALLOW/gm)?.sort()).toEqual([
      '22/tcp                     ALLOW',
      '2222/tcp                   ALLOW',
    ]);
    expect(await onHost('systemctl is-active fleet-agent fail2ban ufw ssh.socket | sort -u')).toBe(
      'active',
    );
    expect((await init()).outcome.state).toBe('ready');
  });
});

describe('fleet init that is killed', () => {
  it.each([300, 1200, 2500, 6000])(
    '%i ms after its start goes on where it stopped',
    async (afterMs) => {
      await lab.wipe(1);
      const program = fileURLToPath(new URL('./init-alone.ts', import.meta.url));
      const host = theHost();
      const child = spawn(process.execPath, [program, JSON.stringify(host), lab.knownHostsFile], {
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      await once(child.stdout, 'data');
      setTimeout(() => child.kill('SIGKILL'), afterMs);
      await once(child, 'exit');
      const { outcome } = await init();
      expect(outcome.error).toBeNull();
      expect(outcome.state).toBe('changed');
      expect((await init()).outcome.state).toBe('ready');
      expect(
        await onHost(
          'ls -d /run/fleet-init.* /opt/fleet/releases/.new; find / -xdev \\( -name ' +
            '"*.fleet-new" -o -name "*.part" \\)',
        ),
      ).toBe('');
      expect(await onHost('systemctl is-active fleet-agent fail2ban ufw | sort -u')).toBe('active');
    },
  );
});

/** The same materials with an agent that ends at once. */
async function brokenAgent(good: InitMaterials): Promise<InitMaterials> {
  const { createHash } = await import('node:crypto');
  const { gzipSync } = await import('node:zlib');
  const content = Buffer.from("console.error('broken on purpose'); process.exit(3);\n");
  const sha256 = createHash('sha256').update(content).digest('hex');
  const packed = gzipSync(content);
  const files = good.bundle.release.files.map((file) =>
    file.path === 'lib/agent.cjs' ? { ...file, sha256, bytes: content.length } : file,
  );
  const only = async function* (): AsyncGenerator<Uint8Array> {
    yield packed;
  };
  return {
    ...good,
    bundle: { ...good.bundle, release: { id: 'bad0bad0bad0bad0', files } },
    openBlob: async (wanted) =>
      wanted === sha256 ? { bytes: packed.length, chunks: only() } : good.openBlob(wanted),
  };
}
