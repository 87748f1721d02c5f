// The `database` value: which of the two databases, and whether an SQLite file can live where it is meant to. It never
// opens a database and never shows a password.

import { basename, dirname, resolve } from 'node:path';
import { type Checked } from '#server/config/yaml/problem.ts';
import { checkFolder } from './folder.ts';
import { type Source } from '#server/config/yaml/yaml-document.ts';

export type DatabaseConfig =
  { readonly kind: 'sqlite'; readonly file: string } | { readonly kind: 'postgres'; readonly url: string };

/** `sqlite:FILE` (relative to `home`) or a PostgreSQL URL with host and database; undefined for anything else. */
export function parseDatabase(text: string, home: string): DatabaseConfig | undefined {
  if (text.startsWith('sqlite:')) {
    const file = text.slice('sqlite:'.length);
    return basename(file) === '' || file.includes('\0') ? undefined : { kind: 'sqlite', file: resolve(home, file) };
  }
  if (!/^postgres(ql)?:\/\//.test(text) || !URL.canParse(text)) return undefined;
  const url = new URL(text);
  const hasHost = url.hostname !== '' || url.searchParams.has('host'); // a socket folder comes as ?host=/run/postgresql
  return hasHost && url.pathname.length > 1 ? { kind: 'postgres', url: text } : undefined;
}

/** The same URL with `***` for the password: for logs and messages. A text that is no URL is hidden whole. */
export function maskDatabaseUrl(text: string): string {
  if (text.startsWith('sqlite:')) return text;
  if (!URL.canParse(text)) return 'postgres://***';
  const url = new URL(text);
  if (url.password !== '') url.password = '***';
  if (url.searchParams.has('password')) url.searchParams.set('password', '***');
  return url.href;
}

/** The database of the configuration; for SQLite its folder must be there, writable, and on a disk of this machine. */
export function checkDatabase(text: string, home: string, source: Source): Checked<DatabaseConfig> {
  const value = parseDatabase(text, home);
  if (value?.kind !== 'sqlite') return { value, problems: [] };
  const problems = checkFolder(dirname(value.file), source.place(['database']), { localDisk: true });
  return { value, problems };
}
