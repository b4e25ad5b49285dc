import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import type { DataCentreEvent } from './context.ts';
import { serveControl } from './control/control-server.ts';
import {
  type DataCentreOptions,
  type ListenAddress,
  startDataCentre,
  TELEGRAM_ADDRESSES,
} from './server.ts';
import type { LayerText } from './tl/schemas.ts';

const USAGE = `Test data centre. Options (each of the first two any number of times):
  --listen HOST:PORT        listen for clients (none: no such listener)
  --socks HOST:PORT         SOCKS5 front
  --control PATH            control API on this unix socket
  --telegram-addresses      help.getConfig lists Telegram's own addresses instead of 127.0.0.1
  --dup-window-ms N         see DataCentreOptions
  --idle-timeout-ms N
  --clock-skew-ms N
  --layer N=FILE            schema text (.tl) for clients of another layer
  --offer-keys              offer key exchanges, so that new logins can be made
  --end-with-stdin          end when standard input does (its owner died)
  --announce                print {"listen": [...], "socks": [...]} when ready
  --verbose                 every event as a JSON line on standard error`;

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      listen: { type: 'string', multiple: true },
      socks: { type: 'string', multiple: true },
      control: { type: 'string' },
      'telegram-addresses': { type: 'boolean' },
      'dup-window-ms': { type: 'string' },
      'idle-timeout-ms': { type: 'string' },
      'clock-skew-ms': { type: 'string' },
      layer: { type: 'string', multiple: true },
      'offer-keys': { type: 'boolean' },
      'end-with-stdin': { type: 'boolean' },
      announce: { type: 'boolean' },
      verbose: { type: 'boolean' },
      help: { type: 'boolean' },
    },
  });
  if (values.help === true) return console.log(USAGE);
  const options: DataCentreOptions = {
    listen: (values.listen ?? []).map(listenAddress),
    socks: (values.socks ?? []).map(listenAddress),
    layers: (values.layer ?? []).map(layerText),
    ...numberOption('dupWindowMs', values['dup-window-ms']),
    ...numberOption('idleTimeoutMs', values['idle-timeout-ms']),
    ...numberOption('clockSkewMs', values['clock-skew-ms']),
    ...(values['telegram-addresses'] === true ? { dcAddresses: TELEGRAM_ADDRESSES } : {}),
    ...(values['offer-keys'] === true ? { offersKeys: true } : {}),
    ...(values.verbose === true ? { onEvent: printEvent } : {}),
  };
  const dataCentre = await startDataCentre(options);
  const control =
    values.control === undefined ? null : await serveControl(dataCentre, values.control);
  if (values.announce === true)
    console.log(JSON.stringify({ listen: dataCentre.addresses, socks: dataCentre.socksAddresses }));
  const stop = () =>
    void Promise.all([dataCentre.stop(), control?.close()]).then(() => process.exit(0));
  process.once('SIGTERM', stop).once('SIGINT', stop);
  if (values['end-with-stdin'] === true)
    process.stdin.resume().once('end', stop).once('error', stop);
}

function listenAddress(text: string): ListenAddress {
  const at = text.lastIndexOf(':');
  const port = Number(text.slice(at + 1));
  if (at < 1 || !Number.isInteger(port) || port < 0 || port > 65_535)
    throw new RangeError(`not HOST:PORT: ${text}`);
  return { host: text.slice(0, at).replace(/^\[(.*)\]$/, '$1'), port };
}

function layerText(text: string): LayerText {
  const [layer, file] = text.split('=', 2);
  if (file === undefined || !/^\d+$/.test(layer ?? '')) throw new RangeError(`not N=FILE: ${text}`);
  return { layer: Number(layer), text: readFileSync(file, 'utf8') };
}

function numberOption<K extends string>(
  name: K,
  text: string | undefined,
): { readonly [P in K]?: number } {
  if (text === undefined) return {};
  const value = Number(text);
  if (!Number.isFinite(value)) throw new RangeError(`${name}: not a number: ${text}`);
  return { [name]: value } as { readonly [P in K]?: number };
}

function printEvent(event: DataCentreEvent): void {
  console.error(JSON.stringify(event));
}

main().catch((error: unknown) => {
  console.error(`test data centre: ${error instanceof Error ? error.message : String(error)}`);
  process.exit(2);
});
