import { setTimeout as sleep } from 'node:timers/promises';
import { FleetError } from '../../model/errors.ts';
import type { SshTarget } from '../config/ssh-target.ts';
import type { ChannelGate } from './channel-gate.ts';
import type { SessionChannel } from './session-channel.ts';
import { timeoutFailure } from './ssh-errors.ts';
import { sessionRefused } from './ssh-refusals.ts';

/** How often one session may be refused, and the pause after the first refusal, ms. */
const MAX_REFUSALS = 8;
const REFUSAL_PAUSE_MS = 40;

export type Attach = (channel: SessionChannel) => void;

/**
 * Opens a session when the gate has a place. A channel's place is free again when the channel is
 * closed.
 */
export async function openGated(
  gate: ChannelGate,
  target: SshTarget,
  limitMs: number,
  attach: Attach,
  open: (attach: Attach) => Promise<SessionChannel>,
): Promise<SessionChannel> {
  for (let refusals = 0; ; ) {
    await gate.enter();
    const leave = onlyOnce(() => gate.leave());
    try {
      const opening = open((channel) => {
        channel.on('error', () => {});
        channel.on('close', leave);
        // What stops it needs a place itself, maybe this one.
        channel.once('fleet-stopped', leave);
        attach(channel);
      });
      return await openInTime(target, limitMs, opening);
    } catch (cause) {
      // Refused before the command was sent: waiting for another session to end and asking again is
      // safe.
      const refused = !(cause instanceof FleetError);
      if (refused) gate.narrow();
      leave();
      if (!refused) throw cause;
      refusals += 1;
      if (refusals > MAX_REFUSALS) throw sessionRefused(target, cause);
      // sshd counts a session for a moment longer than its channel is open.
      await sleep(REFUSAL_PAUSE_MS * refusals);
    }
  }
}

function onlyOnce(act: () => void): () => void {
  let done = false;
  return () => {
    if (!done) act();
    done = true;
  };
}

/** A channel that opens after its time is closed again. */
async function openInTime(
  target: SshTarget,
  limitMs: number,
  opening: Promise<SessionChannel>,
): Promise<SessionChannel> {
  let late = false;
  let timer: NodeJS.Timeout | undefined;
  const limit = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      late = true;
      reject(timeoutFailure(target.host, limitMs));
    }, limitMs);
  });
  opening.then(
    (channel) => {
      if (late) channel.close();
    },
    () => {},
  );
  return Promise.race([opening, limit]).finally(() => clearTimeout(timer));
}
