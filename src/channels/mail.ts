import { createTransport } from 'nodemailer';
import type { Message } from '../alerts/message.ts';
import type { MailChannel } from '../model/alert-policy.ts';
import {
  type Channel,
  ChannelRefusal,
  type ChannelWorld,
  certificateHint,
  quoted,
} from './channel.ts';

/** One mail a message. A password is only ever sent over TLS, whose certificate is checked. */
export const mailChannel = (name: string, spec: MailChannel, world: ChannelWorld): Channel => ({
  send: async (message: Message): Promise<ChannelRefusal | null> => {
    const { hostname, port, protocol } = new URL(spec.server);
    const stepMs = world.limitMs;
    // Several answers, one after the other.
    const limitMs = 3 * stepMs;
    const isTls = protocol === 'smtps:';
    const password = spec.password === null ? null : (await world.readSecret(spec.password)).trim();
    const transport = createTransport({
      host: hostname,
      port: port === '' ? (isTls ? 465 : 587) : Number(port),
      secure: isTls,
      requireTLS: !isTls && password !== null,
      ...(password === null ? {} : { auth: { user: spec.user ?? '', pass: password } }),
      ...{
        connectionTimeout: stepMs,
        greetingTimeout: stepMs,
        socketTimeout: stepMs,
        dnsTimeout: stepMs,
      },
      ...{ disableFileAccess: true, disableUrlAccess: true },
    });
    const late = AbortSignal.any([world.signal, AbortSignal.timeout(limitMs)]);
    try {
      const { rejected, rejectedErrors } = await Promise.race([
        transport.sendMail({
          from: spec.from,
          to: [...spec.to],
          subject: message.title,
          text: message.text,
          messageId: `<${message.id}@fleet>`,
          date: new Date(message.at),
          headers: { 'Auto-Submitted': 'auto-generated' },
        }),
        new Promise<never>((_, reject) =>
          late.addEventListener('abort', () => reject(late.reason), { once: true }),
        ),
      ]);
      if (rejected.length === 0) return null;
      const what =
        `mail server ${hostname} took the mail, but not for ` +
        `${rejected.join(', ')}${saidIn(rejectedErrors?.[0], world)}`;
      return new ChannelRefusal(name, what, hintFor('EENVELOPE', replyCode(rejectedErrors?.[0])));
    } catch (cause) {
      throw refusal(name, hostname, cause, world, limitMs);
    } finally {
      transport.close();
    }
  },
});

const hints: Readonly<Record<string, string>> = {
  EAUTH: 'user or password is refused there',
  ETLS: 'its certificate is not valid, or it offers no TLS: a password is sent over TLS only',
  EENVELOPE: 'it refuses an address: look at from: and to: of the channel',
};

/**
 * 4xx: the server asks for patience (greylisting, a full queue). Its words say more than the step
 * at which it said so.
 */
const hintFor = (code: string, reply: number): string =>
  reply >= 400 && reply < 500
    ? 'it asks to be tried again later; the next sweeps do'
    : (hints[code] ?? 'is the server up, and may this machine connect to it?');

const replyCode = (error: unknown): number =>
  error instanceof Error && 'responseCode' in error ? Number(error.responseCode) : 0;

const saidIn = (error: unknown, world: ChannelWorld): string => {
  const said =
    error instanceof Error && 'response' in error ? quoted(String(error.response), world) : '';
  return said === '' ? '' : `: ${said}`;
};

function refusal(
  name: string,
  server: string,
  cause: unknown,
  world: ChannelWorld,
  limitMs: number,
): ChannelRefusal {
  const code = cause instanceof Error && 'code' in cause ? String(cause.code) : '';
  // The library has one code for everything that happens to a connection.
  if (code === 'ESOCKET' && cause instanceof Error && /certificate|altnames/i.test(cause.message))
    return new ChannelRefusal(
      name,
      `mail server ${server} has a certificate that this machine does not trust`,
      certificateHint,
    );
  const isLate = (cause instanceof Error && cause.name === 'TimeoutError') || code === 'ETIMEDOUT';
  const what = world.signal.aborted
    ? 'was not told to the end'
    : isLate
      ? `did not come to an end within ${limitMs / 1000} s`
      : `did not take the mail${code === '' ? '' : ` (${code})`}${saidIn(cause, world)}`;
  return new ChannelRefusal(name, `mail server ${server} ${what}`, hintFor(code, replyCode(cause)));
}
