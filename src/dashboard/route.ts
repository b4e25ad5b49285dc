/** Every view is one link: `#/SCREEN/NAME?query`. Pure. */
export const screens = [
  'map',
  'plan',
  'moves',
  'history',
  'alerts',
  'capacity',
  'scripts',
  'hosts',
  'accounts',
  'jobs',
] as const;
export type Screen = (typeof screens)[number];

export interface Route {
  readonly screen: Screen;
  /** Of a host or an account; '' on other screens. */
  readonly name: string;
  readonly query: Readonly<Record<string, string>>;
}

export const home: Route = { screen: 'map', name: '', query: {} };

/** `hash` with or without `#`. What is no view of ours is the map. */
export function routeIn(hash: string): Route {
  const [path = '', text = ''] = hash.replace(/^#?\/?/, '').split(/\?(.*)/s);
  const [word = '', ...names] = path.split('/');
  const screen = screens.find((each) => each === word);
  if (screen === undefined) return home;
  return { screen, name: decoded(names.join('/')), query: queryIn(text) };
}

export function hashOf(route: Partial<Route>): string {
  const { screen = 'map', name = '', query = {} } = route;
  const given = Object.entries(query).filter(([, value]) => value !== '');
  const text = new URLSearchParams(given).toString();
  const path = name === '' ? screen : `${screen}/${encodeURIComponent(name)}`;
  return `#/${path}${text === '' ? '' : `?${text}`}`;
}

const queryIn = (text: string): Readonly<Record<string, string>> =>
  Object.fromEntries(new URLSearchParams(text));

const decoded = (text: string): string => {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
};
