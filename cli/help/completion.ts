// Completion for bash, zsh and fish: scripts that hold every command and option, so that a TAB starts no program and asks no
// server. What only a server knows (rollouts, MACs) is not completed; where a file fits, files are.

import { assertNever } from '#protocol/errors.ts';
import type { DescribedCommand, DescribedOption } from './command-tree.ts';

export const SHELLS = ['bash', 'zsh', 'fish'] as const;
type ShellName = (typeof SHELLS)[number];

/** The script for that shell; `commands` begins with the program itself, whose options every command takes. */
export function completionFor(shell: ShellName, commands: readonly DescribedCommand[]): string {
  switch (shell) {
    case 'bash':
      return bashScript(commands);
    case 'zsh':
      return zshScript(commands);
    case 'fish':
      return fishScript(commands);
    default:
      return assertNever(shell);
  }
}

/** What may stand after the words of a command: what is below it, the choices of its first argument, and its options. */
interface Completed {
  readonly path: string;
  readonly words: readonly { readonly word: string; readonly text: string }[];
}

function completed(commands: readonly DescribedCommand[]): readonly Completed[] {
  const [program] = commands;
  const everywhere = [...(program?.options ?? []), HELP];
  const textOf = (path: string): string => commands.find((one) => one.path === path)?.description ?? '';
  return commands.map(({ path, below, arguments: taken, options }) => ({
    path,
    words: [
      ...below.map((word) => ({ word, text: textOf(`${path} ${word}`.trim()) })),
      ...taken.flatMap(({ choices }) => choices.map((word) => ({ word, text: '' }))),
      ...[...(path === '' ? [] : options), ...everywhere].map(({ long, description }) => ({
        word: long,
        text: description,
      })),
    ],
  }));
}

const HELP: DescribedOption = {
  flags: '--help',
  long: '--help',
  description: 'what it does, and its options',
  takesValue: false,
  choices: [],
};

/** What may stand after an option that wants a value; no choices where only a person knows, or a file does. */
interface Value {
  /** `rollout list --status`; of an option that every command takes `* --server`. */
  readonly place: string;
  readonly choices: readonly string[];
}

function valuesOf(commands: readonly DescribedCommand[]): readonly Value[] {
  return commands.flatMap(({ path, options }) =>
    options
      .filter(({ takesValue }) => takesValue)
      .map(({ long, choices }) => ({ place: `${path === '' ? '*' : path} ${long}`, choices })),
  );
}

function bashScript(commands: readonly DescribedCommand[]): string {
  const values = valuesOf(commands);
  const free = values.filter(({ choices }) => choices.length === 0).map(({ place }) => pattern(place));
  return `# bash completion for otter; otter completion bash > ~/.local/share/bash-completion/completions/otter
_otter() {
  local current="\${COMP_WORDS[COMP_CWORD]}" before="\${COMP_WORDS[COMP_CWORD-1]}" path="" word words index
  COMPREPLY=()
  for ((index = 1; index < COMP_CWORD; index++)); do
    word="\${COMP_WORDS[index]}"
    case "\${path:+$path }$word" in
${commands
  .filter(({ path }) => path !== '')
  .map(({ path }) => `      "${path}") path="${path}";;`)
  .join('\n')}
    esac
  done
  case "$path $before" in
${values
  .filter(({ choices }) => choices.length > 0)
  .map(
    ({ place, choices }) =>
      `    ${pattern(place)}) COMPREPLY=($(compgen -W "${choices.join(' ')}" -- "$current")); return;;`,
  )
  .join('\n')}
    ${free.join('|')}) COMPREPLY=($(compgen -f -- "$current")); return;;
  esac
  case "$path" in
${completed(commands)
  .map(({ path, words }) => `    "${path}") words="${words.map(({ word }) => word).join(' ')}";;`)
  .join('\n')}
  esac
  COMPREPLY=($(compgen -W "$words" -- "$current"))
  if [ \${#COMPREPLY[@]} -eq 0 ]; then COMPREPLY=($(compgen -f -- "$current")); fi
}
complete -o filenames -F _otter otter otter-ota
`;
}

/** As `case` of a shell matches it. */
function pattern(place: string): string {
  return place.startsWith('*') ? `*"${place.slice(1)}"` : `"${place}"`;
}

function zshScript(commands: readonly DescribedCommand[]): string {
  const quoted = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`;
  return `#compdef otter otter-ota
# zsh completion for otter; otter completion zsh > a folder of $fpath, as _otter
_otter() {
  local entry="" word index
  local -a entries
  for ((index = 2; index < CURRENT; index++)); do
    word="\${words[index]}"
    case "\${entry:+$entry }$word" in
${commands
  .filter(({ path }) => path !== '')
  .map(({ path }) => `      ${quoted(path)}) entry=${quoted(path)};;`)
  .join('\n')}
    esac
  done
  case "$entry \${words[CURRENT-1]}" in
${valuesOf(commands)
  .map(({ place, choices }) =>
    choices.length === 0
      ? `    ${pattern(place)}) _files; return;;`
      : `    ${pattern(place)}) compadd -- ${choices.join(' ')}; return;;`,
  )
  .join('\n')}
  esac
  case "$entry" in
${completed(commands)
  .map(
    ({ path, words }) =>
      `    ${quoted(path)}) entries=(${words
        .map(({ word, text }) => quoted(`${word}${text === '' ? '' : `:${text.replaceAll(':', '\\:')}`}`))
        .join(' ')});;`,
  )
  .join('\n')}
  esac
  _describe -t otter otter entries || _files
}
if [ "$funcstack[1]" = "_otter" ]; then _otter "$@"; else compdef _otter otter otter-ota; fi
`;
}

function fishScript(commands: readonly DescribedCommand[]): string {
  const quoted = (text: string): string => `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;
  const paths = commands.filter(({ path }) => path !== '').map(({ path }) => quoted(path));
  const values = new Map(valuesOf(commands).map(({ place, choices }) => [place, choices]));
  const valueOf = (path: string, option: string): string => {
    const choices = values.get(`${path} ${option}`) ?? values.get(`* ${option}`);
    if (choices === undefined) return '';
    return choices.length === 0 ? ' -r' : ` -x -a ${quoted(choices.join(' '))}`;
  };
  const lines = completed(commands).flatMap(({ path, words }) =>
    words.map(({ word, text }) => {
      const about = text === '' ? '' : ` -d ${quoted(text)}`;
      const at = `complete -c otter -n ${quoted(`__otter_at ${quoted(path)}`)}`;
      return word.startsWith('--')
        ? `${at} -l ${word.slice(2)}${valueOf(path, word)}${about}`
        : `${at} -f -a ${word}${about}`;
    }),
  );
  return `# fish completion for otter; otter completion fish > ~/.config/fish/completions/otter.fish
function __otter_at
    set -l entry ''
    for word in (commandline -opc)[2..-1]
        set -l next (string trim -- "$entry $word")
        if contains -- $next ${paths.join(' ')}
            set entry $next
        end
    end
    test "$entry" = "$argv[1]"
end
complete -c otter-ota -w otter
${lines.join('\n')}
`;
}
