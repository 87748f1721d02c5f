// What concerns every command: `otter help TOPIC`, and chapters of the man page. Plain text of at most 78 columns.

import { EXIT } from '#cli/exit-code.ts';
import { QUERY_FIELDS } from '#protocol/query/conditions.ts';

interface Topic {
  readonly title: string;
  readonly text: string;
}

const EXIT_TEXTS: Readonly<Record<keyof typeof EXIT, string>> = {
  ok: 'done',
  bug: 'a fault of this program; please report it',
  usage: 'the command line is wrong, or a yes is missing',
  badInput: 'what was named does not exist or is invalid',
  notAllowed: 'the token is missing or may not do this',
  server: 'no server, another server, or one in trouble',
  conflict: 'the state of the server does not allow it',
  refusedToStart: 'the server refuses to start with this configuration',
  interrupted: 'Ctrl-C, or the answer was no',
};

/** Of the text of a topic. */
const COLUMNS = 78;

export const TOPICS: Readonly<Record<string, Topic>> = {
  connection: {
    title: 'which server a command speaks to',
    text: `The first of these that is there:
  1. --server URL, or --home FOLDER for a server of this machine
  2. OTTER_SERVER, then OTTER_HOME
  3. the context in use: \`otter login URL\` makes one, \`otter context use NAME\`
     chooses
  4. the server of this machine: in the current folder if config/server.yml is
     there, else in the clone; of an installed package in
     $XDG_DATA_HOME/otter (~/.local/share/otter)

Token and pin are looked for in the same order: --token-file, --token and
--pin, then OTTER_TOKEN and OTTER_PIN, then what a login or the server's own
home has. A token goes only to the server that it was given for, and only
after the pin was compared.

A login is kept in ~/.config/otter/contexts, one file of mode 0600 for each
server.`,
  },
  environment: {
    title: 'variables that otter reads',
    text: `OTTER_SERVER       address of the server, as --server
OTTER_TOKEN        admin token
OTTER_PIN          pin of the server, as --pin
OTTER_HOME         home of a server of this machine, as --home
OTTER_FLEET_TOKEN  fleet token, for otter simulate
OTTER_RELEASE_KEY  file of the release key that builds are signed with
OTTER_KEY_PASSPHRASE  passphrase of that file, for CI
PAGER, LESS        how long lists are shown on a terminal; cat for no pager
NO_COLOR           no colours; FORCE_COLOR for colours in files and pipes
TZ                 the time zone of what is shown
XDG_CONFIG_HOME    where logins and pins are kept (~/.config)
XDG_DATA_HOME      where an installed package keeps its server (~/.local/share)
XDG_CACHE_HOME     where an installed package keeps compiled code (~/.cache)`,
  },
  'exit-codes': {
    title: 'how a command ends',
    text: Object.entries(EXIT_TEXTS)
      .map(([name, text]) => `${String(codeOf(name)).padStart(3)}  ${text}`)
      .join('\n'),
  },
  query: {
    title: 'the language of --where: which devices are meant',
    text: `  otter device list --where 'chip = esp32c3 and version < 1.4 and silent'

Conditions are joined by and, or, not; not binds closest, then and, which may
be left out, then or; brackets say otherwise. \`:\` means what \`=\` means, so
this is the same kind of query: version<1.4 chip:esp32c3 label:lab silent

A condition is true or false of every device. One about something that a
device never said is false, so its negation is true. \`version < 1.4\` is below
1.4.0, pre-releases of it included; a version that is not SemVer is neither
before nor after any. A value with a space or a bracket stands in "quotes".

${fieldLines()}

A query can be kept: \`otter query save lab-c3 'chip = esp32c3 and label lab'\`,
and @lab-c3 stands for it in every other one.`,
  },
  output: {
    title: 'what is printed where, and --json',
    text: `Results go to stdout, everything else to stderr. Colours, moving lines and
the pager are for terminals alone.

With --json every command prints one JSON document on stdout, as the server
sent it. An error is one document too, on stdout, with the same exit code:
  {"error": {"code": "...", "message": "...", "hint": "..."}}
What goes on (--watch, --follow, start, serve) prints a document per line.

A list says \`50 of 1 204\` on stderr where there is more; --all shows all.
Times are those of your time zone; with --json they are UTC.`,
  },
};

/** What is written, and below it, indented, what it means. */
function fieldLines(): string {
  return QUERY_FIELDS.map(({ written, means }) => `  ${written}\n${wrapped(means, '      ')}`).join('\n');
}

function wrapped(text: string, indent: string): string {
  const lines = [''];
  for (const word of text.replaceAll('`', '').split(' ')) {
    const line = lines.at(-1) ?? '';
    if (line !== '' && indent.length + line.length + 1 + word.length > COLUMNS) lines.push(word);
    else lines[lines.length - 1] = line === '' ? word : `${line} ${word}`;
  }
  return lines.map((line) => indent + line).join('\n');
}

function codeOf(name: string): number | undefined {
  return Object.entries(EXIT).find(([key]) => key === name)?.[1];
}
