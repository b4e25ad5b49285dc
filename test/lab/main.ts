/** The lab by hand: `node test/lab/main.ts` says how. */
import { spawn } from 'node:child_process';
import { connectLab, type Lab, startLab } from './lab.ts';
import { listLabs } from './stale-labs.ts';

const usage = `node test/lab/main.ts COMMAND        (FLEET_LAB=NAME chooses the lab, "hand" by default)
  up N                              start N hosts; they stay until "down" (FLEET_LAB_SUITE=trixie: with Debian 13)
  down | list                       end the lab; names of all labs
  hosts                             name, address and fingerprint of each host
  sh I [COMMAND]                    shell (or command) on host I as root
  exec -- COMMAND...                run a local command inside the lab's network
  kill|crash|start|reboot|heal|unfill I        wipe I [bare|equipped [SUITE]]
  cut I [link|drop|in|out]          fill I [LEAVE_KB]          rate I KBIT          slow I MS`;

const name = process.env.FLEET_LAB ?? 'hand';
const [command = '', ...words] = process.argv.slice(2);

async function up(): Promise<void> {
  const started = performance.now();
  const lab = await startLab({
    hosts: Number(words[0]),
    name,
    hasEquipment: true,
    detached: true,
    say: console.error,
  });
  console.log(
    `${lab.hosts.length} hosts up in ${((performance.now() - started) / 1000).toFixed(2)} s`,
  );
  showHosts(lab);
}

function showHosts(lab: Lab): void {
  for (const host of lab.hosts) console.log(`${host.name}  ${host.address}  ${host.fingerprint}`);
  console.log(`key ${lab.keyFile}`);
}

/** Becomes the command: its terminal, its exit code. */
function become(argv: readonly string[]): Promise<void> {
  const [program = '', ...args] = argv;
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { stdio: 'inherit' });
    child.on('error', reject).on('exit', (code) => {
      process.exitCode = code ?? 1;
      resolve();
    });
  });
}

async function main(): Promise<void> {
  if (command === 'up') return up();
  if (command === 'list') return console.log((await listLabs()).join('\n'));
  const index = Number(words[0]);
  const detail = words[1];
  const acts: Readonly<Record<string, (lab: Lab) => Promise<void> | void>> = {
    down: (lab) => lab.down(),
    hosts: showHosts,
    sh: (lab) => become(lab.insideArgv(lab.shellArgv(index, words.slice(1).join(' ')))),
    exec: (lab) => become(lab.insideArgv(words[0] === '--' ? words.slice(1) : words)),
    kill: (lab) => lab.kill(index),
    crash: (lab) => lab.crash(index),
    start: (lab) => lab.start(index),
    reboot: (lab) => lab.reboot(index),
    wipe: (lab) =>
      lab.wipe(index, detail as Parameters<Lab['wipe']>[1], words[2] as Parameters<Lab['wipe']>[2]),
    heal: (lab) => lab.heal(index),
    unfill: (lab) => lab.unfill(index),
    cut: (lab) => lab.cut(index, detail as Parameters<Lab['cut']>[1]),
    fill: (lab) => lab.fill(index, Number(detail ?? 0)),
    slow: (lab) => lab.slow(index, Number(detail)),
    rate: (lab) => lab.rate(index, Number(detail)),
  };
  const act = acts[command];
  if (!act) {
    console.error(usage);
    process.exitCode = 2;
    return;
  }
  await act(await connectLab(name));
}

await main().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : String(error));
  process.exitCode = 1;
});
