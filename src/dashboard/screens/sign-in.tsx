import { useState } from 'preact/hooks';
import type { Words } from '../words.ts';

/** The token stays in this tab: it is in no link, no cookie and no file. */
export function SignIn({
  words,
  isRefused,
  signIn,
}: {
  readonly words: Words;
  readonly isRefused: boolean;
  readonly signIn: (token: string) => void;
}) {
  const [token, setToken] = useState('');
  return (
    <form
      class="sign-in"
      onSubmit={(event) => {
        event.preventDefault();
        if (/^[\x21-\x7e]+$/.test(token.trim())) signIn(token.trim());
      }}
    >
      <h1 tabIndex={-1}>{words.title}</h1>
      {isRefused ? (
        <p class="problem" role="alert">
          {words.refused}
        </p>
      ) : null}
      <label>
        {words.token}{' '}
        <input
          type="password"
          name="token"
          autocomplete="off"
          required
          value={token}
          onInput={({ currentTarget }) => setToken(currentTarget.value)}
        />
      </label>
      <button type="submit">{words.signIn}</button>
      <p>
        {words.tokenHelp}
        <br />
        <code>fleet token add dashboard --scope act</code>
      </p>
    </form>
  );
}
