// Shapes that several schemas of the admin API are made of.

import { type Static, type TSchema, Type } from 'typebox';
import { MAX_DESCRIPTION_CHARS, MAX_NOTE_CHARS, MAX_NOTES_CHARS } from '#protocol/limits.ts';
import { Instant, Mac } from '#protocol/words.ts';

export const Nullable = <T extends TSchema>(schema: T, options = {}) => Type.Union([schema, Type.Null()], options);

export const Count = Type.Integer({ minimum: 0 });

export const oneOf = <const T extends readonly string[]>(values: T, options = {}) =>
  Type.Unsafe<T[number]>({ type: 'string', enum: [...values], ...options });

/** A text that people write: one line, no control characters. */
export const Line = Type.String({ maxLength: MAX_DESCRIPTION_CHARS, pattern: '^[^\\u0000-\\u001f\\u007f]*$' });

export const Notes = Type.String({
  maxLength: MAX_NOTES_CHARS,
  pattern: '^[^\\u0000-\\u0008\\u000b-\\u001f\\u007f]*$',
});

/** What somebody wrote down about a device, a firmware or a rollout: for people, no rule reads it. */
export const Note = Type.Object(
  {
    text: Type.String(),
    by: Type.String({ description: 'who wrote it' }),
    at: Instant,
  },
  { $id: 'Note' },
);
export type Note = Static<typeof Note>;

export const NullableNote = Type.Union([Type.Unsafe<Note>(Type.Ref('Note')), Type.Null()], {
  description: 'null: nobody wrote one',
});

export const NewNote = Type.Object(
  {
    note: Type.String({
      maxLength: MAX_NOTE_CHARS,
      pattern: '^[^\\u0000-\\u0008\\u000b-\\u001f\\u007f]*$',
      description: 'an empty one removes what is there',
    }),
  },
  { additionalProperties: false },
);

/** What an operator calls a device. */
export const GivenName = Type.Union([Type.String(), Type.Null()], {
  description: 'what an operator calls the device; null: nothing',
});

export const Examples = Type.Array(Mac, { description: 'up to 10 of them' });

/** The same schema, with members that it does not name refused. */
export function closed<T extends TSchema>(schema: T) {
  const close = (_: string, part: unknown): unknown =>
    isObjectSchema(part) ? { ...part, additionalProperties: false } : part;
  return Type.Unsafe<Static<T>>(JSON.parse(JSON.stringify(schema), close));
}

function isObjectSchema(part: unknown): part is object {
  return typeof part === 'object' && part !== null && 'type' in part && part.type === 'object';
}
