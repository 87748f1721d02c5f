// A field that does not fit its schema, as an error that names the field, the value and what is wanted.

import type { FastifyError } from 'fastify';
import { type ErrorCode, OtterError } from '#protocol/errors.ts';
import { MAX_REPORTED_VERSION_CHARS, MAX_SEQUENCE } from '#protocol/limits.ts';
import { REPORT_STATUSES } from '#protocol/device/api.ts';

type Issue = NonNullable<FastifyError['validation']>[number];

/** Fields of the device protocol have codes of their own: a board shows them to whoever debugs it. */
const CODES: Readonly<Record<string, ErrorCode>> = {
  mac: 'mac_invalid',
  device: 'mac_invalid',
  sequence: 'sequence_invalid',
  status: 'status_invalid',
  current_version: 'version_invalid',
  version: 'version_invalid',
};

const HINTS: Readonly<Record<string, string>> = {
  device: 'write its MAC, such as 24:6f:28:aa:bb:cc, its name, or its id, such as dev-17',
  mac: 'write six pairs of hex digits, such as 24:6f:28:aa:bb:cc',
  sequence: `send an integer from 0 to ${MAX_SEQUENCE}`,
  status: `send one of: ${REPORT_STATUSES.join(', ')}`,
  current_version: 'send letters, digits, blanks and . + _ - / : ~ @ # ( ) , = beginning with a letter or digit',
  version: 'write a SemVer 2.0.0 version, such as 1.4.0',
};

export function fieldError(error: FastifyError & { readonly validation: readonly Issue[] }): OtterError {
  const issue = error.validation[0];
  const where = error.validationContext ?? 'body';
  const field = fieldOf(issue);
  if (issue === undefined || field === undefined)
    return new OtterError('field_invalid', `the ${where} ${issue?.message ?? 'is invalid'}`, 'see /docs');
  if (issue.keyword === 'additionalProperties')
    return new OtterError(
      'field_unknown',
      `${where}: there is no field ${JSON.stringify(field)}`,
      'see /docs for the fields',
    );
  if (issue.keyword === 'required')
    return new OtterError(
      where === 'body' ? (CODES[field] ?? 'field_invalid') : 'field_invalid',
      `${field}: is missing`,
      HINTS[field] ?? 'see /docs',
    );
  if (issue.keyword === 'maxLength' && field.endsWith('version')) {
    return new OtterError(
      'version_too_long',
      `${field}: ${wanted(issue)}`,
      `send at most ${MAX_REPORTED_VERSION_CHARS} characters; a release has at most 31`,
    );
  }
  if (where === 'params' && field !== 'device')
    return new OtterError('id_invalid', `${field}: ${wanted(issue)}`, HINTS[field] ?? 'see /docs');
  const code = hasControlChar(issue) ? 'control_char' : 'field_invalid';
  return new OtterError(
    where === 'querystring' ? code : (CODES[field] ?? code),
    `${field}: ${wanted(issue)}`,
    HINTS[field] ?? 'see /docs for what it takes',
  );
}

function fieldOf(issue: Issue | undefined): string | undefined {
  const params: Readonly<Record<string, unknown>> = issue?.params ?? {};
  const named = params.missingProperty ?? params.additionalProperty;
  const path = (issue?.instancePath ?? '').split('/').filter((part) => part !== '');
  const parts = typeof named === 'string' ? [...path, named] : path;
  return parts.length === 0 ? undefined : parts.join('.').slice(0, 60);
}

/** The message of the schema check, never the value: it may be long, or a secret sent in the wrong field. */
function wanted(issue: Issue): string {
  const params: Readonly<Record<string, unknown>> = issue.params;
  if (issue.keyword === 'enum' && Array.isArray(params.allowedValues))
    return `must be one of ${params.allowedValues.join(', ')}`;
  return issue.message ?? 'is invalid';
}

function hasControlChar(issue: Issue): boolean {
  return issue.keyword === 'pattern' && String(issue.params.pattern).includes('\\u0000-');
}
