// Words and numbers as people read them.

/** As `protocol/words.ts` has it, which would bring the schemas with it. */
export const GENERAL_LABEL = 'general';
const DEFAULT_PRODUCT = 'default';
export const LOG_IN_PAGE = '/log-in';

const numbers = new Intl.NumberFormat('en');

export function count(value: number): string {
  return numbers.format(value);
}

/** `1 board`, `1,240 boards`. */
export function boards(value: number): string {
  return value === 1 ? '1 board' : `${count(value)} boards`;
}

export function percent(part: number, whole: number): string {
  if (whole === 0) return '0 %';
  const share = (part / whole) * 100;
  return `${share > 0 && share < 1 ? '<1' : Math.round(share)} %`;
}

export function bytes(value: number): string {
  if (value < 1024) return `${value} B`;
  if (value < 1_048_576) return `${(value / 1024).toFixed(value < 10_240 ? 1 : 0)} KiB`;
  if (value < 1_073_741_824) return `${(value / 1_048_576).toFixed(1)} MiB`;
  return `${(value / 1_073_741_824).toFixed(1)} GiB`;
}

/** `timezone_unknown` as `timezone unknown`. */
export function words(name: string): string {
  return name.replaceAll('_', ' ');
}

/** ` --product thermostat`, nothing for the product that needs no name. */
export function productOption(product: string): string {
  return product === DEFAULT_PRODUCT ? '' : ` --product ${product}`;
}

const collator = new Intl.Collator('en', { numeric: true, sensitivity: 'base' });

/** sensor-2 before sensor-10, 1.9.0 before 1.10.0. */
export function byName(left: string, right: string): number {
  return collator.compare(left, right);
}

/** Of a button that is only a picture: for those who hear the page, and for the pointer. */
export function nameOf(text: string): { readonly 'aria-label': string; readonly title: string } {
  return { 'aria-label': text, title: text };
}

/** What people call a board: its name, else its MAC. */
export function deviceName({ name, mac }: { readonly name: string | null; readonly mac: string }): string {
  return name ?? mac;
}
