import type { SshLink } from './link.ts';

/** How long an SFTP server may take to answer, ms. */
const PROBE_MS = 5_000;
/** SSH_FXP_INIT of version 3, and the type of the answer to it. */
const SFTP_INIT = Buffer.from([0, 0, 0, 5, 1, 0, 0, 0, 3]);
const SFTP_VERSION = 2;

/**
 * Whether a command on this link is answered by an SFTP server, which says nothing until it is
 * asked in its own protocol (ForceCommand internal-sftp).
 */
export async function answersSftp(link: SshLink): Promise<boolean> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => resolve(false), PROBE_MS);
    const stopListening = link.onOver(() => resolve(false));
    const opening = link.openSession('true', PROBE_MS, (channel) => {
      let head = Buffer.alloc(0);
      channel.on('data', (chunk: Buffer) => {
        // It may continue to send afterwards.
        if (head.length >= 5) return;
        head = Buffer.concat([head, chunk.subarray(0, 16)]);
        if (head.length < 5) return;
        resolve(head[4] === SFTP_VERSION && head.readUInt32BE(0) < 65_536);
        channel.close();
      });
      channel.stderr.resume();
      channel.on('close', () => {
        clearTimeout(timer);
        stopListening();
        resolve(false);
      });
      channel.write(SFTP_INIT);
    });
    opening.catch(() => resolve(false));
  });
}
