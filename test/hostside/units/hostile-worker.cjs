// What runs in a worker that has fallen, once it is through the gate. /opt/fallen.mode says what it
// does.
const { execFile, spawnSync } = require('node:child_process');
const fs = require('node:fs');
const net = require('node:net');
const { join } = require('node:path');

const [mode, other = ''] = fs.readFileSync('/opt/fallen.mode', 'utf8').trim().split(' ');
const { FLEET_STATE_DIR: state } = process.env;
const say = (...words) => execFile('systemd-notify', words, () => undefined);
const attempt = (act) => {
  try {
    return act();
  } catch (error) {
    return error.code ?? String(error);
  }
};

/** Ignores SIGTERM and asks for another minute, every second, for ever. */
const stubborn = () => {
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'])
    process.removeAllListeners(signal).on(signal, () => undefined);
  setInterval(() => say('EXTEND_TIMEOUT_USEC=60000000'), 1_000);
};

/**
 * Directories and files of its state change places with links to another account's, all the time.
 */
const swap = () => {
  const targets = [
    `/var/lib/fleet/accounts/${other}/epochs/1`,
    `/var/lib/private/fleet-accounts/${other}`,
  ];
  fs.mkdirSync(join(state, 'd'), { recursive: true });
  for (const name of ['session', 'seen.txt', 'd/session', 'd/seen.txt'])
    fs.writeFileSync(join(state, name), 'own');
  const round = () => {
    for (let turn = 0; turn < 200; turn += 1) {
      const target = targets[turn % 2];
      for (const [name, to] of [
        ['d', target],
        ['session', join(target, 'session')],
        ['seen.txt', join(target, 'seen.txt')],
      ]) {
        attempt(() => fs.renameSync(join(state, name), join(state, `${name}.away`)));
        attempt(() => fs.symlinkSync(to, join(state, name)));
        attempt(() => fs.unlinkSync(join(state, name)));
        attempt(() => fs.renameSync(join(state, `${name}.away`), join(state, name)));
      }
    }
    setImmediate(round);
  };
  round();
};

const flood = () => {
  for (let line = 0; line < 20_000; line += 1) console.log(`flood ${line} ${'x'.repeat(200)}`);
};

const connects = (path) =>
  new Promise((resolve) => {
    const socket = net.connect(path, () => {
      socket.destroy();
      resolve('connected');
    });
    socket.on('error', (error) => resolve(error.code));
  });

/**
 * What all of a host share, and the kernel counts for root or for nobody: tried once, and queued
 * signals as often as it gets.
 */
const takeShared = () => {
  const numbers =
    process.arch === 'arm64'
      ? { inotify: 26, semaphores: 190, memory: 194, queue: 186, uring: 425, send: 138 }
      : { inotify: 294, semaphores: 64, memory: 29, queue: 68, uring: 425, send: 129 };
  const program = `use POSIX; my %n = @ARGV; my $room = chr(0) x 120; my @said;
    my %tries = (inotify => [0], semaphores => [0, 1, 0600], memory => [0, 1, 0600],
      queue => [0, 0600], uring => [8, $room]);
    for my $what (keys %tries) { my $got = syscall($n{$what}, @{$tries{$what}});
      push @said, qq("$what":") . ($got < 0 ? $! + 0 : 'made') . qq(") }
    push @said, '"terminal":"' . (open(my $t, '+<', '/dev/ptmx') ? 'made' : $! + 0) . '"';
    sigprocmask(SIG_BLOCK, POSIX::SigSet->new(40)); my $queued = 0;
    my $signal = pack('iiii x112', 40, 0, -1, 0);
    $queued++ while $queued < 3000 && syscall($n{send}, $$ + 0, 40, $signal) == 0;
    print '{', join(',', @said, qq("signals":$queued)), '}'`;
  const argv = Object.entries(numbers).flat().map(String);
  return JSON.parse(spawnSync('perl', ['-e', program, ...argv]).stdout.toString());
};

/** Looks for the other account wherever a host tells of one. */
const look = async () => {
  const names = (path) => attempt(() => fs.readdirSync(path).join(' '));
  const text = (path) => attempt(() => fs.readFileSync(path, 'utf8'));
  const lists = [
    '/var/lib/fleet/claims',
    '/var/lib/fleet/locks',
    '/var/lib/fleet/behaviour',
    '/var/lib/fleet-accounts',
    '/run/fleet-accounts',
  ];
  lists.push(
    '/run/systemd/units',
    '/run/systemd/dynamic-uid',
    '/run/credentials',
    '/run/fleet-users',
    '/etc/systemd/system',
    '/sys/fs/cgroup',
  );
  const report = Object.fromEntries(lists.map((path) => [path, names(path)]));
  report.processes = fs
    .readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .join(' ');
  report.mounts = text('/proc/self/mountinfo').includes(other) ? 'named in mountinfo' : 'not named';
  report.ownLock = attempt(() =>
    fs.openSync(`/var/lib/fleet/locks/${process.env.FLEET_KEY_ID}.lock`, 'r'),
  );
  report.otherLock = attempt(() => fs.openSync(`/var/lib/fleet/locks/${other}.lock`, 'r'));
  report.agent = await connects('/run/fleet/agent.sock');
  report.bus = await connects('/run/dbus/system_bus_socket');
  report.large = attempt(
    () => fs.ftruncateSync(fs.openSync(join(state, 'holes'), 'w'), 2 ** 50) ?? 'made',
  );
  report.users = spawnSync('getent', ['passwd']).stdout?.toString().includes(other.slice(0, 24))
    ? 'named'
    : 'not named';
  const write = (path) => attempt(() => fs.writeFileSync(path, 'own') ?? 'written');
  report.places = ['/run/lock', '/dev/shm', '/dev/mqueue', '/run', '/dev/hugepages']
    .map((path) => `${path} ${write(join(path, `of-${process.env.FLEET_KEY_ID}`))}`)
    .join(', ');
  report.shared = JSON.stringify(takeShared());
  fs.writeFileSync(join(state, 'report.json'), JSON.stringify(report));
};

/**
 * Where it can connect to, and what the kernel says where it cannot. `other`: addresses, separated
 * by commas.
 */
const reach = async () => {
  const dial = (address) =>
    new Promise((resolve) => {
      const socket = net.connect({ host: address, port: 80, timeout: 2_000 }, () =>
        resolve('connected'),
      );
      socket.on('error', (error) => resolve(error.code));
      socket.on('timeout', () => resolve('silence'));
    });
  const found = await Promise.all(
    other.split(',').map(async (address) => [address, await dial(address)]),
  );
  fs.writeFileSync(join(state, 'reach.json'), JSON.stringify(Object.fromEntries(found)));
};

/**
 * Fills the disk: with many files, with one after another that it removes and holds open, or where
 * everybody's status files lie.
 */
const fill = async () => {
  const [kind, size] = other.split(',');
  const block = Buffer.alloc(1 << 20, 'x');
  const folder =
    kind === 'run' ? process.env.FLEET_RUNTIME_DIR : kind === 'tmp' ? '/var/tmp' : state;
  for (let number = 0; number < Number(size); number += 1) {
    const path = join(folder, `filler-${number}`);
    const file = attempt(() => fs.openSync(path, 'w'));
    if (kind === 'hidden') fs.unlinkSync(path);
    if (kind !== 'files') attempt(() => fs.writeSync(file, block));
    if (kind !== 'hidden') fs.closeSync(file);
    if (kind !== 'files' || number % 1000 === 0)
      await new Promise((resolve) => setTimeout(resolve, 2));
  }
};

/** As many and as long lines as it can, of all priorities, and messages to journald itself. */
const shout = () => {
  const { randomBytes } = require('node:crypto');
  for (let line = 0; line < 600; line += 1)
    process.stdout.write(`<${line % 8}>${randomBytes(30_000).toString('base64')}\n`);
  const message = `MESSAGE=${'y'.repeat(8 << 20)}\n`;
  const sent = spawnSync('logger', ['--journald'], {
    input: message,
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  const syslog = spawnSync('logger', ['syslog of the fallen'], { stdio: 'ignore' });
  fs.writeFileSync(
    join(state, 'shout.json'),
    JSON.stringify({ native: String(sent.status), syslog: String(syslog.status) }),
  );
};

/** Messages to systemd itself, from many processes, as fast as they go. */
const notify = () => {
  const program = `use Socket; socket(my $s, AF_UNIX, SOCK_DGRAM, 0); my $to = sockaddr_un($ENV{NOTIFY_SOCKET});
    my $n = 0; while (1) { $n++; send($s, "STATUS=$n", 0, $to) }`;
  for (let child = 0; child < 8; child += 1)
    require('node:child_process').spawn('perl', ['-e', program], { stdio: 'ignore' });
};

/** The same, but it keeps quiet for 25 s whenever it has noticed that it stood still. */
const sly = () => {
  const program = `use Socket; use Time::HiRes "time"; socket(my $s, AF_UNIX, SOCK_DGRAM, 0); my $to = sockaddr_un($ENV{NOTIFY_SOCKET});
    my $n = 0; my $last = time; while (1) { $n++; send($s, "STATUS=$n", 0, $to); my $now = time; sleep 25 if $now - $last > 0.3; $last = time }`;
  require('node:child_process').spawn('perl', ['-e', program], { stdio: 'ignore' });
};

/** Lines of all priorities, of more than journald takes, without end. */
const babble = () => {
  const { randomBytes } = require('node:crypto');
  setInterval(() => {
    for (let line = 0; line < 16; line += 1)
      process.stdout.write(`<${line % 8}>babble ${randomBytes(6_000).toString('base64')}\n`);
  }, 60);
};

/** How long it stood still at most, written once a second. */
const gaps = () => {
  let [last, longest] = [performance.now(), 0];
  setInterval(() => {
    longest = Math.max(longest, performance.now() - last);
    last = performance.now();
  }, 20);
  setInterval(() => fs.writeFileSync(join(state, 'longest'), String(Math.round(longest))), 1_000);
};

/** A datagram to each of many ports: as many entries in the kernel's table of connections. */
const flows = () => {
  const socket = require('node:dgram').createSocket('udp4');
  let left = 8_000;
  const next = () => {
    for (let turn = 0; turn < 200 && left > 0; turn += 1)
      socket.send('x', 1_000 + left--, other, () => undefined);
    if (left > 0) return setTimeout(next, 5);
    fs.writeFileSync(join(state, 'flows.json'), '{"sent":"all"}');
  };
  next();
};

/** All ports from which connections begin, UDP and TCP, by as many processes as that takes. */
const ports = () => {
  const program = `use Socket; my ($type, $part, $low, $high) = @ARGV; my @held;
    for (my $port = $low + $part; $port <= $high; $port += 8) {
      socket(my $s, AF_INET6, $type, 0) or last;
      bind($s, pack_sockaddr_in6($port, Socket::inet_pton(AF_INET6, '::')));
      push @held, $s } sleep 600`;
  const range = fs
    .readFileSync('/proc/sys/net/ipv4/ip_local_port_range', 'utf8')
    .trim()
    .split(/\s+/);
  for (const type of ['1', '2'])
    for (let part = 0; part < 8; part += 1)
      require('node:child_process').spawn('perl', ['-e', program, type, String(part), ...range], {
        stdio: 'ignore',
      });
};

/** As many processes and descriptors as it gets; then memory until it is killed. */
const most = async () => {
  const { spawn } = require('node:child_process');
  let processes = 0;
  let refusal = 'none';
  const held = [];
  while (processes < 100 && refusal === 'none') {
    refusal = await new Promise((resolve) => {
      const child = spawn('sleep', ['60'], { stdio: 'ignore' });
      child.once('spawn', () => resolve('none'));
      child.once('error', ({ code }) => resolve(code));
    });
    if (refusal === 'none') processes += 1;
  }
  const opened = attempt(() => {
    for (;;) held.push(fs.openSync('/dev/null'));
  });
  const descriptors = held.length;
  for (const file of held) fs.closeSync(file);
  fs.writeFileSync(
    join(state, 'most.json'),
    JSON.stringify({
      processes: String(processes),
      refusal,
      opened,
      descriptors: String(descriptors),
    }),
  );
  for (;;) {
    held.push(Buffer.alloc(16 << 20, 1));
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
};

const acts = {
  fill,
  most,
  flows,
  ports,
  notify,
  sly,
  babble,
  gaps,
  shout,
  reach,
  stubborn,
  swap,
  flood,
  look,
  quiet: () => undefined,
};
acts[mode]();
