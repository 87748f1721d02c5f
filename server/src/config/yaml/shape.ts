// Checks values against a TypeBox schema and says every difference in words: missing keys, unknown keys (with the known
// key that was probably meant), wrong types. It reads no file. Three members of a schema speak to the author:
//   description  what the key wants, after "wants ..."
//   examples     one example as it is written in YAML
//   secret       true where a found value must never be shown

import { type Static, type TSchema, Type } from 'typebox';
import { Settings } from 'typebox/system';
import { Pointer, Value } from 'typebox/value';
import { findNearest } from '#protocol/nearest.ts';
import { errorAt, type Problem } from './problem.ts';
import { type KeyPath, keyText, type Source } from './yaml-document.ts';

const MAX_PROBLEMS = 200;
const MAX_SHOWN_CHARS = 60;

/** What a schema says of itself to the author of a file. */
const Spoken = Type.Object({
  description: Type.Optional(Type.String()),
  examples: Type.Optional(Type.Array(Type.String())),
  secret: Type.Optional(Type.Boolean()),
  properties: Type.Optional(Type.Record(Type.String(), Type.Unknown())),
});
type Spoken = Static<typeof Spoken>;

type ValidationError = ReturnType<typeof Value.Errors>[number];

/** Every problem of the values of `source`; none means that `Value.Check(schema, source.value)` holds. */
export function checkShape(schema: TSchema, source: Source): readonly Problem[] {
  const { maxErrors } = Settings.Get();
  Settings.Set({ maxErrors: MAX_PROBLEMS }); // TypeBox stops after eight; people want to see all
  const errors = Value.Errors(schema, source.value);
  Settings.Set({ maxErrors });
  const seen = new Set<string>();
  return errors
    .flatMap((error) => problemsOf(error, schema, source))
    .filter((problem) => {
      const id = `${problem.line}:${problem.col}:${problem.key}`;
      return seen.has(id) ? false : seen.add(id);
    });
}

function problemsOf(error: ValidationError, schema: TSchema, source: Source): readonly Problem[] {
  const path = error.instancePath.split('/').slice(1).map(unescapePointer);
  const spoken = speak(Pointer.Get(schema, error.schemaPath.slice(1)));
  if (error.keyword === 'boolean') return []; // says again what additionalProperties says
  if (error.keyword === 'additionalProperties') {
    return error.params.additionalProperties.map((key) => unknownKey(key, path, spoken, source));
  }
  if (error.keyword === 'required') {
    return error.params.requiredProperties.map((key) => missingKey(key, path, spoken, source));
  }
  const found = describe(Pointer.Get(source.value ?? {}, error.instancePath), spoken.secret === true);
  const advice = error.keyword === '~refine' ? error.params.message : writeExample(path, spoken);
  return [errorAt(source.place(path), `wants ${spoken.description ?? error.message}, found ${found}`, advice)];
}

function unknownKey(key: string, path: KeyPath, parent: Spoken, source: Source): Problem {
  const known = Object.keys(parent.properties ?? {});
  const nearest = findNearest(key, known);
  const place = source.place([...path, key]);
  // A secret written as `{secret}` is a key to YAML.
  if (parent.secret === true) {
    return errorAt({ ...place, key: keyText(path) }, 'unknown key', `the keys are ${known.join(' and ')}`);
  }
  const hint = nearest === undefined ? `the keys here are ${known.join(', ')}` : `did you mean ${nearest}?`;
  return errorAt(place, 'unknown key', hint);
}

function missingKey(key: string, path: KeyPath, parent: Spoken, source: Source): Problem {
  const spoken = speak(parent.properties?.[key]);
  const place = { ...source.place([...path, key]), key: keyText([...path, key]) };
  return errorAt(place, 'is required and missing', `add ${example(key, spoken)}`);
}

function writeExample(path: KeyPath, spoken: Spoken): string {
  const key = path.findLast((step) => !/^\d+$/.test(step)) ?? '';
  if (key === '') return 'write lines of "key: value"';
  return spoken.examples === undefined ? 'correct it' : `write ${example(key, spoken)}`;
}

function example(key: string, spoken: Spoken): string {
  return spoken.examples === undefined ? key : `"${key}: ${spoken.examples[0]}"`;
}

function speak(schema: unknown): Spoken {
  return Value.Check(Spoken, schema) ? schema : {};
}

/** User and password of an address. */
const LOG_IN = /\/\/[^/@\s"]+@/g;

/** What was found, in words; the kind alone where the value is a secret. */
function describe(value: unknown, secret: boolean): string {
  if (value === null || value === undefined) return 'nothing';
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'object') return 'a section';
  if (secret) return typeof value === 'string' ? 'a text (not shown)' : `a ${typeof value} (not shown)`;
  const text = (JSON.stringify(value) ?? typeof value).replaceAll(LOG_IN, '//(hidden)@');
  return text.length > MAX_SHOWN_CHARS ? `${text.slice(0, MAX_SHOWN_CHARS)}...` : text;
}

/** RFC 6901, section 4. */
function unescapePointer(step: string): string {
  return step.replaceAll('~1', '/').replaceAll('~0', '~');
}
