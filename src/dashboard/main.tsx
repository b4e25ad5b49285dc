/** The dashboard: one page, whose data is the API's, by a token of the one who looks. */
import { render } from 'preact';
import { useCallback, useEffect, useMemo, useState } from 'preact/hooks';
import { openApi } from './api.ts';
import { DeskContext } from './context.ts';
import { useLive } from './live.ts';
import { hashOf, type Route, routeIn, type Screen } from './route.ts';
import { FleetMap } from './screens/fleet-map.tsx';
import { History } from './screens/history.tsx';
import { JobSheet } from './screens/jobs.tsx';
import { AlertsSheet, CapacitySheet, MovesSheet, ScriptsSheet } from './screens/looks.tsx';
import { AccountSheet, HostSheet } from './screens/one.tsx';
import { PlanSheet } from './screens/plan.tsx';
import { SignIn } from './screens/sign-in.tsx';
import { type Language, languageFor, languages, type Words } from './words.ts';

const sheets: Readonly<Record<Screen, () => preact.JSX.Element>> = {
  map: FleetMap,
  plan: PlanSheet,
  moves: MovesSheet,
  history: History,
  alerts: AlertsSheet,
  capacity: CapacitySheet,
  scripts: ScriptsSheet,
  hosts: HostSheet,
  accounts: AccountSheet,
  jobs: JobSheet,
};

const menu = ['map', 'plan', 'moves', 'history', 'alerts', 'capacity', 'scripts'] as const;
const themes = ['auto', 'light', 'dark'] as const;
type Theme = (typeof themes)[number];

/** Kept in this browser; where nothing may be kept it lasts as long as the page. */
function useKept<Value extends string>(
  name: string,
  values: readonly Value[],
  first: Value,
): [Value, (value: Value) => void] {
  const [value, setValue] = useState<Value>(() => {
    const kept = storeOf('localStorage')?.getItem(name) ?? null;
    return values.find((each) => each === kept) ?? first;
  });
  const keep = (next: Value): void => {
    storeOf('localStorage')?.setItem(name, next);
    setValue(next);
  };
  return [value, keep];
}

/** Null where the browser allows none. */
function storeOf(kind: 'localStorage' | 'sessionStorage'): Storage | null {
  try {
    return window[kind];
  } catch {
    return null;
  }
}

function useRoute(): Route {
  const [route, setRoute] = useState(() => routeIn(location.hash));
  useEffect(() => {
    const change = (): void => setRoute(routeIn(location.hash));
    addEventListener('hashchange', change);
    return () => removeEventListener('hashchange', change);
  }, []);
  return route;
}

const Menu = ({ words, screen }: { readonly words: Words; readonly screen: Screen }) => (
  <nav aria-label={words.screens}>
    <ul>
      {menu.map((each) => (
        <li key={each}>
          <a
            href={hashOf({ screen: each })}
            {...(each === screen ? { 'aria-current': 'page' as const } : {})}
          >
            {words[each]}
          </a>
        </li>
      ))}
    </ul>
  </nav>
);

const tokenName = 'fleet-token';

function App() {
  const [language, setLanguage] = useKept<Language>(
    ...(['fleet-language', ['en', 'zh'], languageFor(navigator.languages)] as const),
  );
  const [theme, setTheme] = useKept<Theme>('fleet-theme', themes, 'auto');
  const [token, setToken] = useState(() => storeOf('sessionStorage')?.getItem(tokenName) ?? '');
  const [isRefused, setRefused] = useState(false);
  const route = useRoute();
  const words: Words = languages[language];
  const api = useMemo(() => (token === '' ? null : openApi(token)), [token]);
  const live = useLive(api);
  const signOut = useCallback((refused: boolean): void => {
    storeOf('sessionStorage')?.removeItem(tokenName);
    setToken('');
    setRefused(refused);
  }, []);
  const signIn = (given: string): void => {
    storeOf('sessionStorage')?.setItem(tokenName, given);
    setRefused(false);
    setToken(given);
  };
  useEffect(() => {
    document.documentElement.lang = language === 'zh' ? 'zh-CN' : 'en';
    document.documentElement.dataset.theme = theme;
    document.title = [words[route.screen], route.name, words.title].filter(Boolean).join(' · ');
  }, [language, theme, route, words]);
  // Whoever works by keyboard or hears the page begins at the new screen's title.
  useEffect(() => {
    document.querySelector('h1')?.focus({ preventScroll: true });
    scrollTo(0, 0);
  }, [route.screen, route.name]);
  const Sheet = sheets[route.screen];
  return (
    <>
      <button class="skip" type="button" onClick={() => document.querySelector('h1')?.focus()}>
        {words.skip}
      </button>
      <header>
        {api === null ? null : <Menu words={words} screen={route.screen} />}
        <div class="settings">
          <button
            type="button"
            lang={language === 'zh' ? 'en' : 'zh-CN'}
            onClick={() => setLanguage(language === 'zh' ? 'en' : 'zh')}
          >
            {words.language}
          </button>
          <label>
            {words.theme}{' '}
            <select
              value={theme}
              onChange={({ currentTarget }) => setTheme(currentTarget.value as Theme)}
            >
              {themes.map((each) => (
                <option key={each} value={each}>
                  {words.themes[each]}
                </option>
              ))}
            </select>
          </label>
          {api === null ? null : (
            <button type="button" onClick={() => signOut(false)}>
              {words.signOut}
            </button>
          )}
        </div>
      </header>
      <main id="content">
        {api === null ? (
          <SignIn words={words} isRefused={isRefused} signIn={signIn} />
        ) : (
          <DeskContext.Provider value={{ api, route, language, words, ...live, signOut }}>
            <Sheet />
          </DeskContext.Provider>
        )}
      </main>
    </>
  );
}

const place = document.getElementById('app');
if (place !== null) render(<App />, place);
