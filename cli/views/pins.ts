// The pins of a server, and which boards would be lost if it went over to its backup key.

import { OTTER } from '#cli/program-place.ts';
import { type Colors, formatFacts, formatTable, printable } from '#cli/terminal.ts';
import type { Pins, PinsOfProduct } from '#protocol/admin/fleet/pins.ts';

export function formatPins(pins: Pins, colors: Colors): string {
  const { live, backup, products } = pins;
  const facts = formatFacts(
    [
      ['live pin', live],
      ['backup pin', backup ?? `none: ${OTTER} cert backup makes a backup key`],
    ],
    colors,
  );
  if (backup === null) return facts;
  const rows = products.map((one) => [
    one.product,
    String(one.devices),
    String(one.ready),
    String(one.unacknowledged),
    String(one.by_configuration),
    String(one.lost),
    configurationText(one, backup),
  ]);
  const head = ['product', 'boards', 'ready', 'not acknowledged', 'by configuration', 'lost', 'configuration'];
  const examples = [...new Set(products.flatMap((one) => one.examples))].slice(0, 10);
  return [
    facts,
    ...(rows.length === 0 ? ['no board has checked in'] : [formatTable(head, rows, colors)]),
    ...(examples.length === 0 ? [] : [`not ready: ${examples.map(printable).join(', ')}`]),
    adviceOn(pins),
  ].join('\n\n');
}

/** In one sentence: `3 boards would be lost, 1 knows the pin by configuration alone`. Undefined: all are ready. */
export function strandedText({ products }: Pins): string | undefined {
  const sum = (count: (one: PinsOfProduct) => number): number => products.reduce((total, one) => total + count(one), 0);
  const lost = sum((one) => one.lost);
  const configured = sum((one) => one.by_configuration);
  const unacknowledged = sum((one) => one.unacknowledged);
  const parts = [
    ...(lost > 0 ? [`${boards(lost)} ${lost === 1 ? 'does' : 'do'} not know the backup pin and would be lost`] : []),
    ...(configured > 0
      ? [`${boards(configured)} ${configured === 1 ? 'knows' : 'know'} it by configuration alone, and no build has it`]
      : []),
    ...(unacknowledged > 0
      ? [`${boards(unacknowledged)} ${unacknowledged === 1 ? 'has' : 'have'} not acknowledged the configuration`]
      : []),
  ];
  return parts.length === 0 ? undefined : parts.join(', ');
}

function configurationText(one: PinsOfProduct, backup: string): string {
  const { configuration, takes_configurations, refused, ahead } = one;
  if (!takes_configurations) return 'no release key: by firmware alone';
  if (ahead > 0)
    return `${configuration?.sequence ?? 'none'}, and ${boards(ahead)} ${ahead === 1 ? 'holds' : 'hold'} a later one`;
  if (configuration === null) return 'not sent';
  const what = configuration.pins.includes(backup)
    ? String(configuration.sequence)
    : `${configuration.sequence}, without this pin`;
  return refused === 0 ? what : `${what}, refused by ${refused}`;
}

function adviceOn(pins: Pins): string {
  const isSent = pins.products.every(
    ({ takes_configurations, configuration, devices, ahead }) =>
      !takes_configurations ||
      devices === 0 ||
      (ahead === 0 && pins.backup !== null && configuration?.pins.includes(pins.backup) === true),
  );
  if (!isSent) return `next: ${OTTER} cert rotate start tells boards the backup pin`;
  const stranded = strandedText(pins);
  if (stranded === undefined) return `every board is ready: ${OTTER} cert rotate finish, on the server's own machine`;
  return `${stranded}. Wait for their checks; a build with both pins of \`${OTTER} board\` makes them ready`;
}

function boards(count: number): string {
  return count === 1 ? '1 board' : `${count} boards`;
}
