import { readFileSync } from 'node:fs';
import { connect, createServer, type Server, Socket, type SocketConnectOpts } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { connectLab, type Lab } from './lab.ts';
import { suiteFacts, suiteOfRun } from './suites.ts';

let lab: Lab;
beforeAll(async () => {
  lab = await connectLab();
  // Other test files may have had the hosts before.
  await Promise.all([lab.wipe(1), lab.wipe(2)]);
});

async function on(index: number, command: string): Promise<string> {
  const result = await lab.ssh(index, command);
  if (result.code !== 0) throw new Error(`${command}: code ${result.code}, ${result.stderr}`);
  return result.stdout.trim();
}

/** Code 255: the client got no connection. */
async function answers(index: number): Promise<boolean> {
  return (await lab.ssh(index, 'true')).code === 0;
}

/**
 * Milliseconds until an open, idle connection to the host's sshd is closed from the other end, or
 * `undefined` when that takes longer than the limit.
 */
async function closedAfter(
  options: SocketConnectOpts,
  limitMs: number,
  act: () => Promise<void>,
): Promise<number | undefined> {
  const socket = new Socket();
  socket.on('error', () => {}).resume();
  await new Promise<void>((resolve) => socket.connect(options, () => resolve()));
  const closed = new Promise<number>((resolve) =>
    socket.on('close', () => resolve(performance.now())),
  );
  const started = performance.now();
  await act();
  const limit = new Promise<undefined>((resolve) => setTimeout(() => resolve(undefined), limitMs));
  const ended = await Promise.race([closed, limit]);
  socket.destroy();
  return ended === undefined ? undefined : ended - started;
}

describe('hosts', () => {
  test('are of the suite that was asked for, with systemd up and nothing failed, for root and for ubuntu with sudo', async () => {
    for (const [offset, host] of lab.hosts.entries()) {
      expect(await on(offset + 1, 'hostname; . /etc/os-release; echo $ID $VERSION_ID')).toBe(
        `${host.name}\n${`debian ${suiteFacts(suiteOfRun()).version}`.trim()}`,
      );
    }
    expect(await on(1, 'systemctl is-system-running --wait')).toBe('running');
    const asUbuntu = await lab.ssh(1, 'id -un; sudo -n id -un', { user: 'ubuntu' });
    expect(asUbuntu.stdout).toBe('ubuntu\nroot\n');
  });

  test('have what a cloud image has and none of what fleet installs', async () => {
    expect(await on(1, 'command -v python3 ip ping sudo ps sshd | wc -l')).toBe('6');
    expect(
      await on(1, 'command -v ufw fail2ban-server git vim curl wget htop node || echo none'),
    ).toBe('none');
    expect(
      await on(1, 'systemctl is-enabled apt-daily.timer apt-daily-upgrade.timer || true'),
    ).toBe('masked\nmasked');
  });

  test('have an identity each: machine id, hardware address, host key', async () => {
    const identity = (index: number) =>
      on(
        index,
        'cat /etc/machine-id /sys/class/net/eth0/address /etc/ssh/ssh_host_ed25519_key.pub',
      );
    const [one, two] = [await identity(1), await identity(2)];
    for (const [line, other] of one.split('\n').map((text, at) => [text, two.split('\n')[at]]))
      expect(line).not.toBe(other);
    expect(one).toContain(lab.hosts[0]?.hostKey);
    const printed = await on(1, 'ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub');
    expect(printed).toContain(lab.hosts[0]?.fingerprint);
  });
});

describe('power', () => {
  const facts = 'cat /etc/machine-id /sys/class/net/eth0/address; cat /root/kept';
  const bootId = (index: number) => on(index, 'cat /proc/sys/kernel/random/boot_id');

  test('a reboot changes the boot id and keeps disk and identity', async () => {
    await on(1, 'echo kept > /root/kept; echo gone > /run/gone');
    const [boot, before] = [await bootId(1), await on(1, facts)];
    await lab.reboot(1);
    expect(await bootId(1)).not.toBe(boot);
    expect(await on(1, `${facts}; test ! -e /run/gone`)).toBe(before);
  });

  test('boot ids of hosts differ from each other and from the machine', async () => {
    const ids = [
      await bootId(1),
      await bootId(2),
      readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim(),
    ];
    expect(new Set(ids).size).toBe(3);
  });

  test('after a power loss peers see silence, and the disk is as it was', async () => {
    await on(2, 'echo kept > /root/kept; sync');
    const [boot, before] = [await bootId(2), await on(2, facts)];
    const target = { host: lab.hosts[1]?.address ?? '', port: 22 };
    expect(await closedAfter(target, 1500, () => lab.kill(2))).toBeUndefined();
    expect(await answers(2)).toBe(false);
    await lab.kill(2);
    await lab.start(2);
    await lab.start(2);
    expect(await bootId(2)).not.toBe(boot);
    expect(await on(2, facts)).toBe(before);
  });

  test('after a crash peers see their connections closed', async () => {
    const target = { host: lab.hosts[1]?.address ?? '', port: 22 };
    expect(await closedAfter(target, 5000, () => lab.crash(2))).toBeLessThan(5000);
    await lab.start(2);
    expect(await answers(2)).toBe(true);
  });

  test('a host that powers itself off stays off until it is started', async () => {
    await lab.ssh(2, 'systemctl poweroff');
    await expect.poll(() => lab.isOn(2), { timeout: 60_000 }).toBe(false);
    expect(await answers(2)).toBe(false);
    await lab.start(2);
    expect(await answers(2)).toBe(true);
  });

  test('a wiped host is a new machine at the old address', async () => {
    const before = { ...lab.hosts[1] };
    const id = await on(2, 'cat /etc/machine-id');
    await lab.wipe(2);
    expect(lab.hosts[1]?.address).toBe(before.address);
    expect(lab.hosts[1]?.fingerprint).not.toBe(before.fingerprint);
    expect(await on(2, 'cat /etc/machine-id; ls /root')).not.toContain(id);
  });

  test('a host may have the packages of an account host from the start, and nothing of fleet', async () => {
    const look =
      'dpkg-query -W ufw fail2ban >/dev/null 2>&1 && echo equipped || echo bare; ls -d ' +
      '/opt/fleet /etc/fleet 2>/dev/null; true';
    expect(await on(2, look)).toBe('bare');
    await lab.wipe(2, 'equipped');
    expect(await on(2, look)).toBe('equipped');
  });
});

describe('faults', () => {
  test.each(['link', 'drop', 'in', 'out'] as const)(
    'a host that is cut off (%s) is silent until it is healed',
    async (how) => {
      await lab.cut(1, how);
      expect(await answers(1)).toBe(false);
      expect(await answers(2)).toBe(true);
      await lab.heal(1);
      await expect.poll(() => answers(1), { timeout: 60_000 }).toBe(true);
    },
  );

  test('a cut is silence: a connection from before goes on after it', async () => {
    const target = { host: lab.hosts[0]?.address ?? '', port: 22 };
    const closed = await closedAfter(target, 1000, async () => {
      await lab.cut(1, 'drop');
      await lab.heal(1);
    });
    expect(closed).toBeUndefined();
  });

  test('a full disk says ENOSPC, and is free again', async () => {
    const write = 'dd if=/dev/zero of=/root/big bs=64k count=16 2>&1; rm -f /root/big';
    await lab.fill(1, 64);
    expect(await on(1, write)).toContain('No space left on device');
    await lab.unfill(1);
    expect(await on(1, write)).not.toContain('No space left');
  });

  test('a slow line is slow', async () => {
    const seconds = async () => {
      const started = performance.now();
      await lab.ssh(1, 'cat > /dev/null', { input: Buffer.alloc(400_000) });
      return (performance.now() - started) / 1000;
    };
    await lab.rate(1, 1000);
    const slow = await seconds();
    await lab.rate(1, 0);
    expect(slow).toBeGreaterThan(2.5);
    expect(await seconds()).toBeLessThan(slow);
  });

  test('a distant host answers late, and nothing is lost', async () => {
    const connectMs = async () => {
      const started = performance.now();
      await new Promise((resolve) => {
        const socket = connect(22, lab.hosts[0]?.address ?? '', () => resolve(socket.destroy()));
      });
      return performance.now() - started;
    };
    await lab.slow(1, 200);
    const distant = await connectMs();
    const sent = await lab.ssh(1, 'sha256sum; head -c 3000000 /dev/zero | sha256sum', {
      input: Buffer.alloc(3_000_000),
    });
    await lab.slow(1, 0);
    expect(distant).toBeGreaterThanOrEqual(200);
    expect(new Set(sent.stdout.trim().split('\n')).size).toBe(1);
    // On a busy machine one may take long without the line being slow.
    await expect.poll(connectMs, { timeout: 30_000 }).toBeLessThan(200);
  });
});

describe('network', () => {
  const servers: Server[] = [];
  afterAll(() => {
    for (const server of servers) server.close();
  });

  test('this test stands in the network of the lab, which has no way out', async () => {
    expect(readFileSync('/proc/net/dev', 'utf8')).toContain('lab0');
    const connected = await new Promise((resolve) => {
      const socket = new Socket()
        .on('error', () => resolve(false))
        .on('connect', () => resolve(true));
      socket.setTimeout(3000, () => resolve(false)).connect(443, '1.1.1.1');
    });
    expect(connected).toBe(false);
  });

  test('a host reaches nothing outside: no public address, not the gateway of the machine, no name', async () => {
    const gateway =
      /default via (\S+)/.exec(
        (await lab.exec(['nsenter', '--net=/proc/1/ns/net', 'ip', 'route'])).stdout,
      )?.[1] ?? '1.1.1.1';
    for (const target of ['1.1.1.1/443', '8.8.8.8/53', `${gateway}/53`, `${gateway}/80`]) {
      expect(
        await on(
          1,
          `timeout 3 bash -c 'exec 3<>/dev/tcp/${target}' 2>/dev/null && echo open || echo closed`,
        ),
        target,
      ).toBe('closed');
    }
    expect(await on(1, 'timeout 2 getent ahosts example.com || echo $?')).toBe('2');
  });

  test("what a host sends to Telegram arrives here, from the host's own address", async () => {
    const seen: string[] = [];
    const server = createServer((socket) => {
      seen.push(`${socket.remoteAddress} ${socket.localAddress}`);
      socket.end('hello');
    });
    servers.push(server);
    await new Promise<void>((resolve) => server.listen(443, '0.0.0.0', resolve));
    for (const address of ['149.154.167.50', '149.154.175.100', '91.108.56.165']) {
      expect(await on(2, `timeout 3 bash -c 'exec 3<>/dev/tcp/${address}/443; cat <&3'`)).toBe(
        'hello',
      );
    }
    const host = lab.hosts[1]?.address;
    expect(seen).toEqual([
      `${host} 149.154.167.50`,
      `${host} 149.154.175.100`,
      `${host} 91.108.56.165`,
    ]);
  });

  test('hosts update their package index and install through the proxy, which serves nothing else', async () => {
    expect(await on(1, 'apt-get -q update 2>&1')).not.toMatch(/^(W|E|Err):/m);
    await on(
      1,
      'DEBIAN_FRONTEND=noninteractive apt-get -q -y install --no-install-recommends tree ' +
        '>/dev/null 2>&1 && tree --version',
    );
    const request =
      'exec 3<>/dev/tcp/10.77.0.1/3142; printf "GET http://example.com/ ' +
      'HTTP/1.0\\r\\n\\r\\n" >&3; head -1 <&3';
    expect(await on(1, `bash -c '${request}'`)).toContain('403');
  });
});
