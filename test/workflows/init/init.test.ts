import { createHash } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { FleetError } from '../../../src/model/errors.ts';
import type { BlobStream } from '../../../src/model/release.ts';
import type { SocketReply } from '../../../src/remote/remote.ts';
import {
  type HostInitOutcome,
  type InitEvent,
  type InitWorld,
  runInit,
} from '../../../src/workflows/init/init.ts';
import type { HostInitPlan } from '../../../src/workflows/init/init-plan.ts';
import { socketNote } from '../../../src/workflows/init/socket-note.ts';
import { FakeRemote, type FakeRemoteOptions } from '../../fakes/fake-remote.ts';
import { hostSpec } from './init-fixture.ts';

const content = Buffer.from('a blob '.repeat(100_000));
const digest = createHash('sha256').update(content).digest('hex');
const packed = gzipSync(content);
const blob = async (): Promise<BlobStream> => ({
  bytes: packed.length,
  chunks: (async function* () {
    for (let at = 0; at < packed.length; at += 100) yield packed.subarray(at, at + 100);
  })(),
});
const end = `printf '{"t":"end","failed":false,"changed":0,"pending":0,"ms":1,"cpuMs":10}\\n'`;

async function run(
  program: string,
  world: Partial<InitWorld> = {},
  options: Partial<FakeRemoteOptions> = {},
  steps: HostInitPlan['steps'] = [],
): Promise<{ outcome: HostInitOutcome; events: InitEvent[]; fresh: FakeRemote[] }> {
  const host = hostSpec('h1');
  const plan: HostInitPlan = { host, steps, program };
  const events: InitEvent[] = [];
  const fresh: FakeRemote[] = [];
  const remote = new FakeRemote({ host: host.name, ...options });
  const outcomes = await runInit([plan], {
    remoteFor: () => remote,
    freshRemote: () => {
      const made = new FakeRemote({ host: host.name, answer: () => ({ exitCode: 0 }) });
      fresh.push(made);
      return made;
    },
    openBlob: blob,
    onEvent: (event) => events.push(event),
    concurrency: 4,
    ...world,
  });
  const [outcome] = outcomes;
  if (outcome === undefined) throw new Error('no outcome');
  return { outcome, events, fresh };
}

describe('running a host’s program', () => {
  it('sends what it asks for, in the order of its questions, and tells what was sent', async () => {
    const ask = `printf '{"t":"need","sha256":"${digest}"}\\n'`;
    const take = `read -r n; [ "$(head -c "$n" | gzip -dc | sha256sum)" = '${digest}  -' ] || exit 9`;
    const { outcome } = await run([ask, ask, take, take, end].join('\n'));
    expect(outcome).toMatchObject({ state: 'ready', error: null, cpuMs: 10 });
    expect(outcome.uploads).toEqual([
      { sha256: digest, bytes: packed.length },
      { sha256: digest, bytes: packed.length },
    ]);
  });

  it('tells the program in words why there is no content', async () => {
    const openBlob = async (): Promise<never> => {
      throw new FleetError('transfer', 'the registry\nanswered 404', { hint: 'look' });
    };
    const program = `printf '{"t":"need","sha256":"${digest}"}\\n'; read -r words
      printf '{"t":"step","id":"runtime","state":"failed","ms":1,"code":"transfer","message":"%s","hint":"h"}\\n' "$words"; ${end}`;
    const { outcome } = await run(program, { openBlob });
    expect(outcome.error).toMatchObject({
      code: 'transfer',
      host: 'h1',
      message: 'h1: runtime: the registry answered 404 (look)',
    });
    expect(outcome.uploads).toEqual([]);
  });

  it('confirms over a connection of its own, which it closes', async () => {
    const program =
      `printf '{"t":"confirm","id":"firewall","seconds":45}\\n'; read -r said; [ "$said" = ` +
      `confirmed ] || exit 9; ${end}`;
    const { outcome, fresh } = await run(program);
    expect(outcome.state).toBe('ready');
    expect(fresh.map(({ calls }) => calls)).toEqual([
      [
        {
          kind: 'run',
          command: 'mv -T /var/lib/fleet/init/guard/armed /var/lib/fleet/init/guard/confirmed',
          stdin: '',
          asRoot: true,
        },
      ],
    ]);
    await expect(fresh[0]?.connect()).rejects.toMatchObject({ code: 'ssh-lost' });
  });

  it('says so when the fresh connection does not come through', async () => {
    const program = `printf '{"t":"confirm","id":"firewall","seconds":45}\\n'; read -r said
      printf '{"t":"step","id":"firewall","state":"failed","ms":1,"code":"host-step","message":"%s","hint":"h"}\\n' "$said"; ${end}`;
    const error = new FleetError('ssh-timeout', 'h1: no answer', { hint: 'x' });
    const refused = new FakeRemote({
      host: hostSpec('h1').name,
      faults: [{ call: 1, kind: 'fail', error }],
    });
    const { outcome } = await run(program, { freshRemote: () => refused });
    expect(outcome.error).toMatchObject({
      code: 'host-step',
      message: 'h1: firewall: h1: no answer',
    });
  });

  it.each([
    ['printf nonsense', 'host-step', /ended early \(exit 0\)/],
    [
      'echo "bash: line 3: oops" >&2; exit 7',
      'host-step',
      /ended early \(exit 7\): bash: line 3: oops/,
    ],
  ])('a program that stops early is a failure of its host: %s', async (program, code, message) => {
    const { outcome } = await run(program);
    expect(outcome.state).toBe('failed');
    expect(outcome.error).toMatchObject({
      code,
      message: expect.stringMatching(message) as unknown,
    });
  });

  it('notes when the agent is asked by a command, also when it came up only now', async () => {
    const looks: (boolean | null)[] = [];
    const remoteThat = (answers: readonly (boolean | null)[]): FakeRemote => {
      const left = [...answers];
      return new (class extends FakeRemote {
        override async get(): Promise<SocketReply> {
          const answer = left.shift() ?? null;
          looks.push(answer);
          if (answer === null)
            throw new FleetError('agent-unreachable', 'h1: nothing answers', { hint: 'x' });
          return { status: 404, body: new Uint8Array(), byCommand: answer };
        }
      })({ host: hostSpec('h1').name });
    };
    const agent = (state: string) =>
      `printf '{"t":"step","id":"agent","state":"${state}","ms":1}\\n'; ${end}`;
    const notes = async (
      program: string,
      answers: readonly (boolean | null)[],
      isEstablished = false,
    ) =>
      (
        await run(program, {
          remoteFor: () => remoteThat(answers),
          isEstablished: () => isEstablished,
        })
      ).outcome.notes;
    expect(await notes(agent('ok'), [true])).toEqual([socketNote]);
    expect(await notes(agent('changed'), [null, true])).toEqual([socketNote]);
    expect(await notes(agent('ok'), [false])).toEqual([]);
    expect(await notes(agent('pending'), [null, true])).toEqual([]);
    expect(looks).toEqual([true, null, true, false, null]);
    // It was said when the host was made ready, and is said again where something has changed: no
    // request for hosts that are as they were.
    expect(await notes(agent('ok'), [true], true)).toEqual([]);
    expect(await notes(agent('changed'), [true], true)).toEqual([socketNote]);
    expect(await notes(agent('changed'), [null, true], true)).toEqual([socketNote]);
    expect(looks.slice(5)).toEqual([true, null, true]);
  });

  it('keeps the connection’s own failure', async () => {
    const { outcome } = await run(
      end,
      {},
      { faults: [{ call: 1, kind: 'drop', moment: 'before' }] },
    );
    expect(outcome).toMatchObject({ state: 'failed', error: { code: 'ssh-lost' }, facts: null });
  });

  it('one host that fails or hangs leaves the others alone', async () => {
    const plans = ['bad', 'good'].map((name) => ({
      host: hostSpec(name),
      steps: [],
      program: name === 'bad' ? 'exit 3' : end,
    }));
    const outcomes = await runInit(plans, {
      remoteFor: ({ name }) => new FakeRemote({ host: name }),
      freshRemote: ({ name }) => new FakeRemote({ host: name }),
      openBlob: blob,
      onEvent: () => {},
      concurrency: 1,
    });
    expect(outcomes.map(({ host, state }) => `${host} ${state}`)).toEqual([
      'bad failed',
      'good ready',
    ]);
  });

  it('starts no further host after an interruption', async () => {
    const stop = new AbortController();
    const plans = ['h1', 'h2'].map((name) => ({ host: hostSpec(name), steps: [], program: end }));
    const running = runInit(plans, {
      remoteFor: ({ name }) => new FakeRemote({ host: name }),
      freshRemote: ({ name }) => new FakeRemote({ host: name }),
      openBlob: blob,
      onEvent: () => stop.abort(),
      concurrency: 1,
      signal: stop.signal,
    });
    await sleep(1);
    expect((await running).map(({ error }) => error?.code ?? 'ok')).toEqual(['ok', 'interrupted']);
  });

  it('Ctrl-C: the host reads a line, ends after its step, and what is open is told with the command to go on', async () => {
    const stop = new AbortController();
    const step = (id: string, state: string): string =>
      `printf '{"t":"step","id":"${id}","state":"${state}","ms":1}\\n'`;
    const program = `${step('one', 'started')}; read -r word; [ "$word" = stop ] || exit 9; ${step('one', 'changed')}
      printf '{"t":"end","failed":false,"halted":true,"changed":1,"pending":0,"ms":1,"cpuMs":10}\\n'`;
    const steps = ['one', 'two', 'three'].map((id) => ({ id, title: '' }));
    const { outcome, events } = await run(
      program,
      { signal: stop.signal, onEvent: () => stop.abort() },
      {},
      steps,
    );
    expect(outcome).toMatchObject({
      state: 'failed',
      open: ['two', 'three'],
      steps: [{ id: 'one', state: 'changed' }],
    });
    expect(outcome.error).toMatchObject({
      code: 'interrupted',
      message: 'h1: interrupted after 1 of 3 steps, 2 left',
      hint: 'what was done there stays; go on with: fleet init --limit h1',
    });
    expect(events).toEqual([]);
  });

  it('Ctrl-C while a host is being connected to: nobody waits for it', async () => {
    const stop = new AbortController();
    setTimeout(() => stop.abort(), 50);
    const steps = [{ id: 'one', title: '' }];
    const { outcome } = await run(
      'exit 0',
      { signal: stop.signal },
      { faults: [{ call: 1, kind: 'delay', delayMs: 3_600_000 }] },
      steps,
    );
    expect(outcome.error).toMatchObject({
      code: 'interrupted',
      message: 'h1: interrupted before its first of 1 steps',
    });
  });
});
