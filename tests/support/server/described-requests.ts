// Requests made from an OpenAPI document: every route that it names, with values that fit its schemas, nearly fit them or are anything
// else. What is not in the document is never asked for.

import fc from 'fast-check';

/** What is read of the document. */
interface Schema {
  readonly type?: string;
  readonly enum?: readonly unknown[];
  readonly anyOf?: readonly Schema[];
  readonly $ref?: string;
  readonly pattern?: string;
  readonly maxLength?: number;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly items?: Schema;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
}

interface Parameter {
  readonly name: string;
  readonly in: string;
  readonly required?: boolean;
  readonly schema: Schema;
}

interface Operation {
  readonly parameters?: readonly Parameter[];
  readonly requestBody?: { readonly content: Readonly<Record<string, { readonly schema: Schema }>> };
}

export interface Document {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: { readonly schemas: Readonly<Record<string, Schema>> };
}

export interface DescribedRequest {
  /** As the document writes it: `POST /api/v1/admin/rollouts/{name}/start`. */
  readonly route: string;
  readonly method: string;
  readonly path: string;
  readonly body: Buffer | undefined;
  readonly headers: Readonly<Record<string, string>>;
}

type Arbitrary<T = unknown> = fc.Arbitrary<T>;

/** One for all: to make it takes longer than to use it. */
const FREE = fc.string({ unit: 'binary', maxLength: 60 });

/** `known`: names of things that are there, so that requests come further than to "there is none". */
export function describedRequests(document: Document, known: readonly string[]): Arbitrary<DescribedRequest> {
  const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => requestOf(document, known, { path, method, operation })),
  );
  return fc.oneof(...operations);
}

function requestOf(
  document: Document,
  known: readonly string[],
  { path, method, operation }: { readonly path: string; readonly method: string; readonly operation: Operation },
): Arbitrary<DescribedRequest> {
  const values = new Values(document, known);
  const { parameters = [], requestBody } = operation;
  const inPath = parameters.filter((parameter) => parameter.in === 'path');
  const inQuery = parameters.filter((parameter) => parameter.in === 'query');
  const schema = requestBody?.content['application/json']?.schema;
  return fc
    .record({
      path: fc.tuple(...inPath.map(({ name, schema: of }) => fc.tuple(fc.constant(name), values.text(of)))),
      query: fc.tuple(
        ...inQuery.map(({ name, schema: of, required }) =>
          inPercent(required === true ? 95 : 25, fc.tuple(fc.constant(name), values.text(of))),
        ),
      ),
      more: inPercent(3, fc.tuple(FREE, FREE)),
      body: bodyOf(schema, values),
      headers: HEADERS,
    })
    .map(({ body, headers, ...made }) => {
      const query = new URLSearchParams([...made.query, made.more].filter((pair) => pair !== undefined));
      const filled = made.path.reduce(
        (text, [name, value]) => text.replace(`{${name}}`, () => encodeURIComponent(value)),
        path,
      );
      return {
        route: `${method.toUpperCase()} ${path}`,
        method: method.toUpperCase(),
        path: query.size === 0 ? filled : `${filled}?${query.toString()}`,
        body,
        headers: body === undefined ? {} : headers,
      };
    });
}

const HEADERS = fc.oneof(
  { weight: 12, arbitrary: fc.constant({ 'content-type': 'application/json' }) },
  { weight: 1, arbitrary: fc.constantFrom<Readonly<Record<string, string>>>({}, { 'content-type': 'text/csv' }) },
  { weight: 1, arbitrary: fc.constant({ 'content-type': 'application/octet-stream' }) },
);

function bodyOf(schema: Schema | undefined, values: Values): Arbitrary<Buffer | undefined> {
  const bytes = fc.uint8Array({ maxLength: 300 }).map((some) => Buffer.from(some));
  const none = fc.constant(undefined);
  if (schema === undefined)
    return fc.oneof(
      { weight: 4, arbitrary: none },
      bytes,
      FREE.map((text) => Buffer.from(text)),
    );
  const text = values.of(schema).map((value) => Buffer.from(JSON.stringify(value) ?? ''));
  const cut = fc.tuple(text, fc.nat({ max: 500 })).map(([whole, at]) => whole.subarray(0, at % (whole.length + 1)));
  return fc.oneof({ weight: 20, arbitrary: text }, cut, bytes, none);
}

class Values {
  readonly #document: Document;
  readonly #known: Arbitrary<string>;

  constructor(document: Document, known: readonly string[]) {
    this.#document = document;
    this.#known = fc.constantFrom(...known);
  }

  /** For a path or a query, not encoded. */
  text(schema: Schema): Arbitrary<string> {
    return this.of(schema).map(asText);
  }

  /** Now and then anything at all in place of what fits. */
  of(schema: Schema, depth = 0): Arbitrary {
    return fc.oneof({ weight: 30, arbitrary: this.#fitting(schema, depth) }, { weight: 1, arbitrary: ANYTHING });
  }

  #fitting(schema: Schema, depth: number): Arbitrary {
    const { $ref, anyOf, type } = schema;
    if ($ref !== undefined) {
      const named = this.#document.components.schemas[$ref.split('/').at(-1) ?? ''];
      return named === undefined || depth > 6 ? fc.constant(null) : this.of(named, depth + 1);
    }
    if (schema.enum !== undefined) return fc.constantFrom(...schema.enum);
    if (anyOf !== undefined) return fc.oneof(...anyOf.map((one) => this.of(one, depth + 1)));
    switch (type) {
      case 'string':
        return this.#string(schema);
      case 'integer':
      case 'number':
        return numberOf(schema);
      case 'boolean':
        return fc.boolean();
      case 'null':
        return fc.constant(null);
      case 'array':
        return fc.array(this.of(schema.items ?? {}, depth + 1), { maxLength: 4 });
      case 'object':
        return this.#object(schema, depth);
      case undefined:
      default:
        return ANYTHING;
    }
  }

  #string({ pattern, maxLength = 200 }: Schema): Arbitrary<string> {
    const matching = pattern === undefined ? FREE : stringOf(pattern);
    return fc.oneof(
      { weight: 6, arbitrary: this.#known },
      { weight: 2, arbitrary: matching },
      { weight: 1, arbitrary: FREE },
      { weight: 1, arbitrary: fc.constantFrom('a'.repeat(maxLength), 'a'.repeat(maxLength + 1)) },
      { weight: 1, arbitrary: TEXTS },
    );
  }

  #object({ properties = {}, required = [] }: Schema, depth: number): Arbitrary {
    const members = Object.fromEntries(Object.entries(properties).map(([name, of]) => [name, this.of(of, depth + 1)]));
    const requiredKeys = required.filter((name) => name in members);
    const fit = fc.record<Record<string, unknown>, string>(members, { requiredKeys });
    const fewer = fc.record<Record<string, unknown>, string>(members, { requiredKeys: [] });
    const more = fc
      .tuple(fit, fc.string({ maxLength: 12 }), ANYTHING)
      .map(([some, name, value]) => Object.assign(some, { [name]: value }));
    return fc.oneof({ weight: 12, arbitrary: fit }, fewer, more);
  }
}

function numberOf({ minimum = -10, maximum = 1_000_000, type }: Schema): Arbitrary<number> {
  const fit =
    type === 'integer' ? fc.integer({ min: minimum, max: maximum }) : fc.double({ min: minimum, max: maximum });
  return fc.oneof(
    { weight: 4, arbitrary: fit },
    fc.constantFrom(minimum, maximum, minimum - 1, maximum + 1, 0, 1.5, 1e300),
  );
}

/** By pattern, for the same reason as `FREE`. */
const MATCHING = new Map<string, Arbitrary<string>>();

/** Classes by property, and those of all characters but some, cost fast-check seconds: any text is as good for them. */
function stringOf(pattern: string): Arbitrary<string> {
  const known = MATCHING.get(pattern);
  if (known !== undefined) return known;
  const made = /\\p\{|\[\^/.test(pattern)
    ? FREE
    : fc.stringMatching(new RegExp(pattern)).map((text) => text.slice(0, 400));
  MATCHING.set(pattern, made);
  return made;
}

function asText(value: unknown): string {
  return typeof value === 'string' ? value.toWellFormed() : (JSON.stringify(value) ?? '');
}

/** Undefined otherwise. */
function inPercent<T>(share: number, arbitrary: Arbitrary<T>): Arbitrary<T | undefined> {
  return fc.oneof({ weight: share, arbitrary }, { weight: 100 - share, arbitrary: fc.constant(undefined) });
}

const TEXTS = fc.constantFrom(
  '',
  '\0',
  '../../etc/passwd',
  "'; drop table devices; --",
  '%00',
  '%',
  '\u{1b}[2J',
  '\u202e',
  '=1+1',
  'constructor',
  '__proto__',
  '2026-11-23T10:00:00Z',
  '9999-99-99',
  '* * * * *',
  '0 3 * * *',
  'Europe/Berlin',
  'version < 2.0.0 and label:pilot',
  'a'.repeat(5_000),
  '1-1',
  '0',
);

const ANYTHING: Arbitrary = fc.oneof(
  fc.jsonValue({ maxDepth: 3 }),
  FREE,
  fc.constantFrom<unknown>(null, -1, 0, 2 ** 53, 1e308, '', [], {}, true, [[[[]]]], { __proto__: null }),
  TEXTS,
);
