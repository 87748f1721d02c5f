// Where the configuration says that certificate and key are, for whoever puts them there: both may be missing or broken. Judges nothing
// else of the configuration.

import { join, resolve } from 'node:path';
import { Value } from 'typebox/value';
import { readYamlDocument } from '#server/config/yaml/yaml-document.ts';
import { type Environment, overlay, readEnvironment } from './environment.ts';
import { CertificateSection } from './server-schema.ts';

/** Undefined where server.yml cannot be read, or names none. */
export function findCertificatePaths(
  home: string,
  env: Environment,
): { readonly certFile: string; readonly keyFile: string } | undefined {
  const document = readYamlDocument(join(home, 'config', 'server.yml'));
  if (document.value === undefined) return undefined;
  const { value } = overlay(document, readEnvironment(home, env).overrides);
  const section = typeof value === 'object' && value !== null && 'certificate' in value ? value.certificate : undefined;
  if (!Value.Check(CertificateSection, section)) return undefined;
  return { certFile: resolve(home, section.cert), keyFile: resolve(home, section.key) };
}
