// What each command is typed for, shown by its --help and in the man page. A test sees that every command has one, and that
// each of them names commands and options that exist.

import type { CommandUnknownOpts } from '@commander-js/extra-typings';
import { CERTIFICATE_EXAMPLES } from './certificate-examples.ts';
import { type Example, findCommand } from './command-tree.ts';

/** By the path of the command. */
export const EXAMPLES: Readonly<Record<string, readonly Example[]>> = {
  start: [
    ['otter start', 'the server, set up with the first start'],
    ['otter start --home /var/lib/otter --port 443', 'another folder, another port'],
  ],
  serve: [['otter serve --home /var/lib/otter --json', 'as a service: JSON lines, and nothing is made']],
  init: [['otter init --home .', 'configuration, certificate and tokens in this folder']],
  reset: [['otter reset', 'begin anew after a trial: the same key and tokens, no boards']],
  backup: [
    ['otter backup /var/backups/otter.tar', 'the whole server in one file, while it runs'],
    [
      'otter backup otter.tar --replace --passphrase-file backup.passphrase',
      'encrypted, every night over the last one',
    ],
  ],
  restore: [
    ['otter restore otter.tar --home /var/lib/otter --none-blocked', 'on another machine, where nothing is yet'],
    ['otter restore otter.tar --aside --blocked 1.2.0 greenhouse/2.0.1', 'over a server, with the blocks since'],
  ],
  'db copy': [['otter db copy --to-file postgres.url', 'from SQLite to PostgreSQL, with all that is known']],
  status: [
    ['otter status', 'the fleet, and what needs a person'],
    ['otter status --banner', 'address, pin and tokens of the server of this machine again'],
  ],
  'firmware add': [
    ['otter firmware add sketch.bin', 'name and version from the marker in the image'],
    [
      'otter firmware add sketch.bin --version 1.2.0 --notes "less power" --ready',
      'an image that does not say its own',
    ],
  ],
  dashboard: [['otter dashboard', 'a link that logs this browser in, once']],
  'session list': [['otter session list', 'who is logged in to the dashboard']],
  'session revoke': [
    ['otter session revoke 3', 'log one browser out'],
    ['otter session revoke --all', 'log every browser out'],
  ],
  'token rotate': [
    ['otter token rotate fleet', 'somebody read the fleet token'],
    ['otter token rotate admin', 'somebody read the admin token'],
  ],
  'token retire': [['otter token retire fleet', 'no board uses the former one any more']],
  'firmware list': [['otter firmware list --product greenhouse', 'the builds of one product, the latest first']],
  'firmware show': [['otter firmware show 1.2.0', 'its images with size and SHA-256']],
  'firmware ready': [['otter firmware ready 1.2.0', 'it may go to a pilot']],
  'firmware note': [['otter firmware note 1.2.0 "needs the new sensor"', 'shown with who wrote it']],
  'firmware require': [['otter firmware require 1.1.0', 'older boards do not skip it on their way up']],
  'firmware check': [['otter firmware check sketch.ino.bin', 'what the file is, without a server']],
  'firmware sign': [
    ['otter firmware sign sketch.bin --key release.key.age', 'a signature file beside it, made without a network'],
    ['otter firmware sign sketch.bin --expires 365d', 'boards install it for a year'],
    ['otter firmware sign 1.2.0 --stored --key backup.key.age', 'a build that the server holds already'],
  ],
  'key trust': [
    ['otter key trust release.pub', 'builds that boards need are signed here first'],
    ['otter key trust backup.pub --product greenhouse', 'for one product alone'],
  ],
  'key list': [['otter key list', 'how many boards know each key, and what needs it']],
  'key retire': [
    ['otter key retire 2f9899b0cb350685', 'every board has another one by now'],
    ['otter key retire 2f9899b0cb350685 --force --reason "stolen"', 'at once, whatever needs it'],
  ],
  'key create': [
    ['otter key create', 'release.key.age and backup.key.age, with their .pub files'],
    ['otter key create next --folder keys', 'one more key, to move over to'],
  ],
  'firmware block': [
    ['otter firmware block 1.2.0 --dry-run', 'who would go where'],
    ['otter firmware block 1.2.0 --reason "heater stays on"', 'nobody gets it, and boards that run it roll back'],
  ],
  'firmware unblock': [['otter firmware unblock 1.2.0', 'it may be offered again']],
  'firmware remove': [['otter firmware remove 0.9.0', 'its images go, where nothing needs them']],
  'device list': [
    ['otter device list --status failed', 'boards on which the last attempt failed'],
    ['otter device list --label pilot --sort=-last_seen_at --all', 'the pilot, the latest first'],
    ["otter device list --where 'chip = esp32c3 and version < 1.4 and not seen for 7d'", 'those that a query means'],
    ['otter device list --flapping', 'boards that come and go, with their usual gap'],
  ],
  'device numbers': [
    ['otter device numbers', 'how many there are of each product, chip, version, status and label'],
    ["otter device numbers --by version --where 'label pilot'", 'what the pilot runs'],
  ],
  'device show': [['otter device show 24:6f:28:aa:bb:cc', 'what it says of itself, its latest attempts']],
  'device explain': [['otter device explain 24:6f:28:aa:bb:cc', 'why it gets an update or not']],
  'device telemetry': [['otter device telemetry 24:6f:28:aa:bb:cc', 'heap, restarts and crashes, hour by hour']],
  'device label': [
    ['otter device label 24:6f:28:aa:bb:cc pilot', 'the board belongs to the pilot'],
    ["otter device label pilot --where 'chip = esp32c3' --limit 10", 'ten boards of that chip do'],
  ],
  'device unlabel': [
    ['otter device unlabel 24:6f:28:aa:bb:cc pilot', 'and no more'],
    ["otter device unlabel pilot --where 'label pilot and silent'", 'those that are not heard of'],
  ],
  'device count': [['otter device count 24:6f:28:aa:bb:cc no --reason "on my desk"', 'a test board proves nothing']],
  'device test': [
    ['otter device test 24:6f:28:aa:bb:cc on --reason "the bench"', 'it counts nowhere, and is shown apart'],
  ],
  'device name': [
    ['otter device name 24:6f:28:aa:bb:cc sensor-2', 'from now on: otter device show sensor-2'],
    ['otter device name sensor-2 ""', 'it has no name any more'],
  ],
  'device note': [['otter device note sensor-2 "behind the boiler, antenna is loose"', 'shown with who wrote it']],
  'device hold': [
    ['otter device hold 24:6f:28:aa:bb:cc --reason "at the fair" --until 2026-12-24', 'nothing new until that day'],
    [
      'otter device hold 24:6f:28:aa:bb:cc --reason "evidence" --way-back hold',
      'it stays also on a build that is blocked',
    ],
  ],
  'device release': [
    ['otter device release 24:6f:28:aa:bb:cc', 'its rollouts have it again'],
    ["otter device release --where 'held and label fair'", 'all of them that have this label'],
  ],
  'budget list': [['otter budget list', 'of each site, how many boards are at it']],
  'budget set': [
    [
      'otter budget set site --max 1 --reason "one till stays open"',
      'of site=berlin one board at a time, of site=paris another',
    ],
  ],
  'budget remove': [['otter budget remove site', 'only the pace of the stages limits then']],
  'device cancel': [
    ['otter device cancel 24:6f:28:aa:bb:cc --reason "the shop is open"', 'not this build; the next one reaches it'],
  ],
  'device send-back': [
    ['otter device send-back 24:6f:28:aa:bb:cc --reason "the display flickers"', 'this board alone goes back'],
  ],
  'device offer-now': [['otter device offer-now 24:6f:28:aa:bb:cc', 'with its next check, past windows and pace']],
  'device retry': [
    ['otter device retry 24:6f:28:aa:bb:cc', 'what failed or was cancelled on it is offered again'],
    ["otter device retry --where 'label lab'", 'the same for all boards of the lab'],
  ],
  'device enrolments': [['otter device enrolments', 'who asks to be let in, the latest first']],
  'device accept': [
    ['otter device accept 24:6f:28:aa:bb:cc', 'it lost its memory, or devices.identity is approve'],
    ['otter device accept --all', 'every board that asked with one token alone'],
  ],
  'device revoke': [
    ['otter device revoke 24:6f:28:aa:bb:cc', 'it was stolen'],
    ["otter device revoke --where 'label van-3'", 'all that were in the van'],
  ],
  'device reenrol': [['otter device reenrol 24:6f:28:aa:bb:cc', 'the next token that it brings is its own']],
  'product list': [['otter product list', 'which there are, and which of them are frozen']],
  'product history': [
    ['otter product history greenhouse', 'the last day'],
    ['otter product history greenhouse --hours 336', 'two weeks, all that is kept'],
  ],
  'product freeze': [
    [
      'otter product freeze greenhouse --reason "before Christmas" --until 14d',
      'none of its boards is offered anything new',
    ],
  ],
  'product unfreeze': [['otter product unfreeze greenhouse', 'its rollouts go on']],
  'device clear-known-bad': [
    ['otter device clear-known-bad 24:6f:28:aa:bb:cc --version 1.1.0', 'this build is offered to it again'],
    ["otter device clear-known-bad --version 1.1.0 --where 'label lab'", 'and to all of the lab'],
  ],
  'device remove': [
    ['otter device remove 24:6f:28:aa:bb:cc', 'a board that is gone for good'],
    ["otter device remove --where 'not seen for 26w'", 'all that nobody has heard of for half a year'],
  ],
  'device export': [
    ['otter device export > boards.csv', 'mac, name, labels and note of every device'],
    ["otter device export --where 'label lab' --excel > lab.csv", 'some of them, for a spreadsheet'],
  ],
  'device import': [
    ['otter device import boards.csv --dry-run', 'what would change, and what is wrong in which line'],
    ['otter device import boards.csv', 'the same, then a question, then it is done'],
  ],
  'device replace': [['otter device replace sensor-2 24:6f:28:dd:ee:ff', 'the new board is sensor-2, with its labels']],
  board: [
    ['otter board', 'what a sketch needs: address, pin, token'],
    ['otter board --qr', 'the same for the camera of a phone'],
  ],
  'board problems': [['otter board problems', 'boards that fail to get in, and why']],
  update: [
    ['otter update sketch.bin', 'from a binary to updated boards in one command'],
    ['otter update sketch.bin --plan careful --yes', 'by this plan, without a question'],
  ],
  'query save': [["otter query save lab-c3 'chip = esp32c3 and label lab'", '@lab-c3 stands for it from now on']],
  'query list': [['otter query list', 'which there are, and how many boards each means']],
  'query remove': [['otter query remove lab-c3', 'no board changes']],
  'label list': [['otter label list', 'labels, and how many boards have each']],
  'label create': [
    ['otter label create berlin --timezone Europe/Berlin', 'a label with a time zone'],
    [
      "otter label create old-c3 --where 'chip = esp32c3 and version < 1.4 and label lab'",
      'on all that the query means, now and later',
    ],
  ],
  'label set': [
    ['otter label set berlin --description "the shop"', 'what it is for'],
    ["otter label set old-c3 --where 'chip = esp32c3 and version < 1.5'", 'another query'],
  ],
  'label delete': [['otter label delete berlin', 'it is taken off every board']],
  'plan list': [['otter plan list', 'plans that a rollout may follow']],
  'plan show': [['otter plan show careful', 'its stages, gates and limits']],
  'plan set': [['otter plan set plan.yaml', 'a plan of your own']],
  'plan remove': [['otter plan remove weekly', 'rollouts that follow it keep it']],
  'rollout create': [
    ['otter rollout create --firmware 1.2.0', 'a draft: no board notices'],
    ['otter rollout create --firmware 1.2.0 --plan careful', 'with gates that watch'],
  ],
  'rollout list': [['otter rollout list --status running', 'what is under way']],
  'rollout show': [
    ['otter rollout show 1.2.0', 'how many boards of each stage are how far'],
    ['otter rollout show 1.2.0 --watch', 'the same, drawn anew every second'],
  ],
  'rollout simulate': [
    ['otter rollout simulate 1.2.0 --devices 2000 --fail-trial 20%', 'how far a bad build would come, in virtual time'],
  ],
  'rollout preview': [['otter rollout preview 1.2.0', 'which boards each stage takes, and who is left out']],
  'rollout start': [['otter rollout start 1.2.0', 'the first stage opens']],
  'rollout promote': [['otter rollout promote 1.2.0 --from pilot', 'the stage after the pilot opens']],
  'rollout pause': [['otter rollout pause 1.2.0 --reason "boards drop off"', 'no new offers from the next check on']],
  'rollout resume': [['otter rollout resume 1.2.0 --reason "it was the router"', 'a halted one needs a reason']],
  'rollout keep': [['otter rollout keep 1.2.0 --reason "it was the supply"', 'a regressed build is offered again']],
  'rollout note': [['otter rollout note 1.2.0 "for the fair, ask Ada"', 'shown with who wrote it']],
  'rollout waiting': [
    ['otter rollout waiting 1.2.0', 'boards that are not healthy on it, and what holds each'],
    ['otter rollout waiting 1.2.0 --outcome failed --all', 'every board on which it failed'],
  ],
  'rollout abort': [
    ['otter rollout abort 1.2.0 --revert --dry-run', 'who would go back'],
    ['otter rollout abort 1.2.0 --revert --reason "crashes at night"', 'it ends, and boards that run it roll back'],
  ],
  'rollout undo': [
    ['otter rollout undo greenhouse-1.2.0 --dry-run', 'who would go back, and where to'],
    ['otter rollout undo greenhouse-1.2.0 --reason "heater stays on"', 'also where it is complete'],
  ],
  'rollout retry': [['otter rollout retry 1.2.0', 'boards that failed by network or supply get another chance']],
  'schedule list': [['otter schedule list', 'what happens by the clock, and what became of it']],
  'schedule add': [
    [
      'otter schedule add go --cron "0 3 * * 2" --action start --rollout 1.2.0 --timezone Europe/Berlin',
      'on Tuesday at three',
    ],
    ['otter schedule add night --cron "0 22 * * *" --action window --duration 8h', 'offers only from ten to six'],
  ],
  'schedule runs': [['otter schedule runs', 'the next two weeks']],
  'schedule change': [
    ['otter schedule change night --cron "0 23 * * *" --action window --duration 6h', 'all of it is said anew'],
  ],
  'schedule enable': [['otter schedule enable night', 'it runs again']],
  'schedule disable': [['otter schedule disable night', 'it stays, and does not run']],
  'schedule run': [['otter schedule run go', 'now, by hand']],
  'schedule remove': [['otter schedule remove go', 'it is forgotten']],
  events: [
    ['otter events --rollout 1.2.0', 'what became of one rollout'],
    ['otter events --follow --json', 'a document per line, until Ctrl-C'],
  ],
  'notify webhooks': [['otter notify webhooks', 'which programs are told of what, and whether that works']],
  'notify list': [['otter notify list', 'who is told of what, and whether that works']],
  'notify test': [
    ['otter notify test', 'a message to every recipient'],
    ['otter notify test team', 'a message to one'],
  ],
  audit: [['otter audit --action rollout.start', 'who started what, the latest first']],
  'audit verify': [['otter audit verify', 'whether all of it is still there']],
  ...CERTIFICATE_EXAMPLES,
  simulate: [
    ['otter simulate --devices 100 --label pilot=5%', 'a fleet against your own server'],
    ['otter simulate --fault crash_loops=10%:5m --for 30m', 'a build that goes bad late'],
    ['otter simulate --devices 10 --release-key release.pub', 'boards that take only signed builds'],
  ],
  login: [
    ['otter login https://ota.example.com:8443', 'shows the pin and asks, then asks for the token'],
    ['otter login https://ota.example.com:8443 --pin spki:HEX --token-file token', 'where nobody can be asked'],
  ],
  logout: [['otter logout', 'the token of the server in use is forgotten']],
  'context list': [['otter context list', 'the servers that you logged in to']],
  'context use': [
    ['otter context use ota.example.com', 'commands go there'],
    ['otter context use local', 'commands go to the server of this machine'],
  ],
  help: [
    ['otter help rollout promote', 'a command'],
    ['otter help connection', 'a topic'],
  ],
  completion: [
    ['otter completion bash > ~/.local/share/bash-completion/completions/otter', 'for bash, from the next shell on'],
    ['otter completion zsh > ~/.zsh/_otter', 'for zsh; ~/.zsh has to be in $fpath, before compinit'],
    ['otter completion fish > ~/.config/fish/completions/otter.fish', 'for fish'],
  ],
};

/** Hangs the examples below the help of their commands. */
export function addExamples(program: CommandUnknownOpts): void {
  for (const [path, examples] of Object.entries(EXAMPLES)) {
    const lines = examples.map(([command, purpose]) => `  ${command}\n      ${purpose}`);
    findCommand(program, path)?.addHelpText('after', `\nExamples:\n${lines.join('\n')}`);
  }
}
