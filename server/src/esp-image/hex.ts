// Numbers as error messages show them.

/** 0xE9, 0x8000: upper-case digits, at least two. */
export function hex(value: number): string {
  return `0x${value.toString(16).toUpperCase().padStart(2, '0')}`;
}
