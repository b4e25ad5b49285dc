import { EventEmitter } from 'node:events';
import { PassThrough } from 'node:stream';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { expect, test } from 'vitest';
import type { SshLink } from '../../../src/remote/session/link.ts';
import { openSocketByCommand } from '../../../src/remote/session/socket-by-command.ts';
import { getOverStream } from '../../../src/remote/shared/socket-get.ts';

/** A host whose whole answer arrives together with the confirmation that the session is open. */
function linkOfFastHost(answer: (marker: string) => string | null): SshLink {
  const link = {
    target: { host: 'h1' },
    async openSession(command: string, _limitMs: number, attach: (channel: unknown) => void) {
      const channel = Object.assign(new EventEmitter(), {
        ...{
          stderr: new PassThrough(),
          writable: false,
          pause: () => {},
          resume: () => {},
          end: () => {},
          close: () => {},
        },
      });
      attach(channel);
      const words = answer(/fleet-[0-9a-f]{18}/.exec(command)?.[0] ?? '');
      if (words !== null) channel.emit('data', Buffer.from(words));
      channel.emit('close');
      await nextTurn();
      return channel;
    },
  };
  return link as unknown as SshLink;
}

test.each([
  [
    'why nothing answers',
    (marker: string) => `${marker}!No such file or directory\n`,
    'No such file or directory',
  ],
  ['nothing at all', () => null, 'nothing answers on /run/fleet/agent.sock'],
])(
  'a host that says %s before anybody listens ends the question, and not the command',
  async (_, answer, said) => {
    const stream = await openSocketByCommand(
      linkOfFastHost(answer),
      '/run/fleet/agent.sock',
      1000,
      () => {},
    );
    await nextTurn();
    const failure = await getOverStream('h1', stream, '/', 30_000).catch((error: unknown) => error);
    expect(failure).toMatchObject({
      code: 'agent-unreachable',
      message: expect.stringContaining(said),
    });
  },
);

test('a stream that ended before anybody listened ends the question at once', async () => {
  const stream = new PassThrough();
  stream.destroy();
  await nextTurn();
  const failure = await getOverStream('h1', stream, '/', 30_000).catch((error: unknown) => error);
  expect(failure).toMatchObject({
    code: 'agent-unreachable',
    message: 'h1: the agent closed the connection',
  });
});
