/**
 * Port written into exported sessions. Every production address answers on it; GramJS ignores the
 * stored port.
 */
export const dataCentrePort = 443;

/**
 * Main IPv4 address of each production data centre, index = number - 1; as in the session tables of
 * `@mtcute/convert` 0.29.7.
 */
const productionAddresses = [
  '149.154.175.56',
  '149.154.167.41',
  '149.154.175.100',
  '149.154.167.91',
  '91.108.56.179',
] as const;

const testAddresses: ReadonlySet<string> = new Set([
  '149.154.175.10',
  '149.154.167.40',
  '149.154.175.117',
  '2001:b28:f23d:f001:0:0:0:e',
  '2001:67c:4e8:f002:0:0:0:e',
  '2001:b28:f23d:f003:0:0:0:e',
]);

export const isProductionDataCentre = (dataCentre: number | bigint): boolean =>
  dataCentre >= 1 && dataCentre <= productionAddresses.length;

/**
 * The address that is written into every export, whatever the source said. Throws RangeError
 * outside 1-5.
 */
export const canonicalAddress = (dataCentre: number): string => {
  const address = productionAddresses[dataCentre - 1];
  if (address === undefined) {
    throw new RangeError(`no production data centre ${dataCentre}`);
  }
  return address;
};

/**
 * Expands `::` and strips leading zeros, so that two spellings of one IPv6 address compare equal;
 * leaves IPv4 and names alone.
 */
const plainAddress = (address: string): string => {
  if (!address.includes(':')) {
    return address;
  }
  const [head = '', tail] = address.toLowerCase().split('::', 2);
  const groups = (text: string): string[] =>
    text === '' ? [] : text.split(':').map((group) => group.replace(/^0+(?=.)/, ''));
  const before = groups(head);
  const after = groups(tail ?? '');
  const gap = tail === undefined ? 0 : Math.max(0, 8 - before.length - after.length);
  return [...before, ...Array.from({ length: gap }, () => '0'), ...after].join(':');
};

/** True for the addresses of Telegram's test data centres, in any IPv6 spelling. */
export const isTestAddress = (address: string): boolean => testAddresses.has(plainAddress(address));

/**
 * Telegram's networks as core.telegram.org/resources/cidr.txt publishes them, and the host names
 * that browsers use.
 */
const telegramNetworks = [
  /^149\.154\.1[67]\d\.\d+$/,
  /^91\.108\.\d+\.\d+$/,
  /^91\.105\.19[23]\.\d+$/,
  /^95\.161\.\d+\.\d+$/,
  /^185\.76\.151\.\d+$/,
  /^(?:2001:67c:4e8|2001:b28:f23[c-f]|2a0a:f280):/,
  /^(?:[a-z0-9-]+\.)+telegram\.org$/,
];
const telegramPorts: ReadonlySet<number> = new Set([80, 443, 5222, 8443]);

/**
 * True where an account's server can be. Strings of bytes that say nothing else of themselves are
 * recognised by it.
 */
export const isTelegramServer = (address: string, port: number): boolean =>
  telegramPorts.has(port) &&
  telegramNetworks.some((network) => network.test(plainAddress(address.toLowerCase())));
