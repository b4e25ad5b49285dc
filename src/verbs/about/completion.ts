import { argument } from '../input.ts';
import { defineErrand } from '../verb.ts';

/**
 * Each asks fleet for the candidates, one a line: `fleet __complete WORD...`, the last word is the
 * one that is being typed. `:files` asks for files.
 */
const scripts = {
  bash: `# fleet completion for bash: eval "$(fleet completion bash)"
_fleet() {
  local words=("\${COMP_WORDS[@]:1:COMP_CWORD}") word=\${COMP_WORDS[COMP_CWORD]} line
  COMPREPLY=()
  while IFS= read -r line; do
    if [[ $line == :files ]]; then
      compopt -o filenames 2>/dev/null
      while IFS= read -r line; do COMPREPLY+=("$line"); done < <(compgen -f -- "$word")
    elif [[ $line == "$word"* ]]; then
      COMPREPLY+=("$(printf '%q' "$line")")
    fi
  done < <(fleet __complete "\${words[@]}" 2>/dev/null)
}
complete -F _fleet fleet
`,
  zsh: `#compdef fleet
# fleet completion for zsh: a file _fleet in fpath, or source <(fleet completion zsh), after compinit
_fleet() {
  local -a found
  found=("\${(@f)$(fleet __complete "\${(@)words[2,CURRENT]}" 2>/dev/null)}")
  if (( \${found[(Ie):files]} )); then
    _files
    found=("\${(@)found:#:files}")
  fi
  found=("\${(@)found:#}")
  (( \${#found} )) && compadd -- "\${found[@]}"
}
if [[ \${funcstack[1]} == _fleet ]]; then _fleet "$@"; else compdef _fleet fleet; fi
`,
  fish: `# fleet completion for fish: fleet completion fish | source
function __fleet_complete
  set -l words (commandline -opc)[2..]
  for line in (fleet __complete $words (commandline -ct) 2>/dev/null)
    if test "$line" = :files
      __fish_complete_path (commandline -ct)
    else
      echo -- $line
    end
  end
end
complete -c fleet -f -a '(__fleet_complete)'
`,
} as const;

/** `fleet completion SHELL`. */
export const completion = defineErrand({
  name: 'completion',
  group: 'about',
  isLocal: true,
  summary:
    'print the script by which your shell completes commands, options, hosts, groups, ' +
    'accounts and scripts; asks no host',
  input: { shell: argument({ choices: ['bash', 'zsh', 'fish'] }) },
  examples: [
    [
      'completion bash > ~/.local/share/bash-completion/completions/fleet',
      'bash, from the next shell on',
    ],
    ['completion zsh > ~/.zfunc/_fleet', 'zsh, with ~/.zfunc in fpath'],
    ['completion fish > ~/.config/fish/completions/fleet.fish', 'fish, at once'],
  ],
  files: [],
  effects: 'nothing',
  run: async (_, { shell }) => ({ shell, script: scripts[shell] }),
  toJson: (found) => found,
});
