// The version that a request names, before its schema is checked: people write a leading `v`, which no release has, and what cannot
// be a release is refused in words instead of with the pattern that it does not match.

import type { FastifyRequest } from 'fastify';
import { bareVersion, versionFault } from '#protocol/device/version.ts';
import { OtterError } from '#protocol/errors.ts';
import { MAX_REPORTED_VERSION_CHARS } from '#protocol/limits.ts';

/** A hook of routes whose `version` names a release. Throws `version_invalid` where it cannot. */
export function readVersions(request: FastifyRequest, _reply: unknown, done: (error?: Error) => void): void {
  // The address of a firmware that cannot be there is not found, which its schema says.
  dropLeadingV(request.params);
  for (const members of [request.query, request.body]) {
    const version = dropLeadingV(members);
    const fault = version === undefined ? undefined : versionFault(version);
    if (version === undefined || fault === undefined) continue;
    done(
      new OtterError(
        'version_invalid',
        `version ${JSON.stringify(version.slice(0, MAX_REPORTED_VERSION_CHARS))} cannot name a release: ${fault}`,
        'name it by SemVer, such as --version 1.4.0',
      ),
    );
    return;
  }
  done();
}

/** The version without it; undefined: the request names none. */
function dropLeadingV(members: unknown): string | undefined {
  if (typeof members !== 'object' || members === null || !('version' in members)) return undefined;
  const { version } = members;
  if (typeof version !== 'string') return undefined;
  members.version = bareVersion(version);
  return bareVersion(version);
}
