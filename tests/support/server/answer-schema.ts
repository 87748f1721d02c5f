// What a server answers, held against what protocol/ says it answers: every member is there, of its type, and no other. The
// server sends what its services return without looking at it; this is where a wrong answer is found, in every test.

import { type TSchema, Type } from 'typebox';
import { Compile, type Validator } from 'typebox/compile';
import { ADMIN_SCHEMAS } from '#protocol/admin/schemas.ts';
import { adminRoutes, type AdminRoute } from '#protocol/admin/routes.ts';
import { CheckUpdateAnswer, ErrorAnswer, ReportStatusAnswer } from '#protocol/device/api.ts';
import { Manifest } from '#protocol/device/manifest.ts';

type Route = Pick<AdminRoute, 'method' | 'path' | 'status' | 'answer'>;

const DEVICE_ROUTES: readonly Route[] = [
  { method: 'POST', path: '/api/v1/check-update', status: 200, answer: CheckUpdateAnswer },
  { method: 'POST', path: '/api/v1/report-status', status: 200, answer: ReportStatusAnswer },
];

const ROUTES = [...DEVICE_ROUTES, ...Object.values<Route>(adminRoutes)].map((route) => ({
  route,
  pattern: new RegExp(`^${route.path.replaceAll(/:\w+/g, '[^/]+')}$`),
}));

/** What `Type.Ref` names, by `$id`. */
const NAMED = Object.fromEntries([...ADMIN_SCHEMAS, Manifest].map(closed).map((schema) => [idOf(schema), schema]));

/** Compiled when they are first needed, once in each test process. */
const validators = new Map<TSchema, Validator>();

/** Throws what is wrong with the answer of a device or admin route; any other address may answer what it likes. */
export function checkAnswer(method: string, url: string, status: number, body: unknown): void {
  const path = url.split('?', 1)[0] ?? '';
  const found = ROUTES.find(({ route, pattern }) => route.method === method && pattern.test(path));
  if (found === undefined) return;
  const { route } = found;
  if (status < 400 && status !== 200 && status !== route.status)
    throw new Error(`${method} ${path} answered ${status}, in the table of routes stands ${route.status}`);
  const validator = validatorOf(status < 400 ? route.answer : ErrorAnswer);
  if (validator.Check(body)) return;
  const faults = validator.Errors(body).map(({ instancePath, message }) => `${instancePath}: ${message}`);
  throw new Error(
    `${method} ${path} answered ${status} with what its schema does not allow:\n${faults.join('\n')}\n${JSON.stringify(body).slice(0, 2_000)}`,
  );
}

function validatorOf(schema: TSchema): Validator {
  const known = validators.get(schema);
  if (known !== undefined) return known;
  const made: Validator = Compile(NAMED, closed(schema));
  validators.set(schema, made);
  return made;
}

/** The same schema, with members that it does not name refused. */
function closed(schema: TSchema): TSchema {
  const close = (_: string, part: unknown): unknown =>
    isClosable(part) ? { ...part, additionalProperties: false } : part;
  return Type.Unsafe(JSON.parse(JSON.stringify(schema), close));
}

/** A record has no list of members. */
function isClosable(part: unknown): part is object {
  return typeof part === 'object' && part !== null && 'properties' in part && !('additionalProperties' in part);
}

function idOf(schema: TSchema): string {
  if ('$id' in schema && typeof schema.$id === 'string') return schema.$id;
  throw new Error(`a schema that others refer to has no $id: ${JSON.stringify(schema)}`);
}
