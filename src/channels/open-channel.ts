import type { ChannelSpec } from '../model/alert-policy.ts';
import type { Channel, ChannelWorld } from './channel.ts';
import { commandChannel } from './command.ts';
import { alertmanagerChannel } from './prometheus-alerts.ts';
import { telegramChannel } from './telegram.ts';
import { webhookChannel } from './webhook.ts';

/** Opens nothing before its first message. */
export function openChannel(name: string, spec: ChannelSpec, world: ChannelWorld): Channel {
  switch (spec.kind) {
    case 'webhook':
      return webhookChannel(name, spec, world);
    case 'telegram':
      return telegramChannel(name, spec, world);
    case 'command':
      return commandChannel(name, spec, world);
    case 'alertmanager':
      return alertmanagerChannel(name, spec, world);
    case 'mail':
      // A library that most sweeps never need.
      return {
        send: async (message) =>
          (await import('./mail.ts')).mailChannel(name, spec, world).send(message),
      };
  }
}
