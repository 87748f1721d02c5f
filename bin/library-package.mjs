// Makes of client/ what others take the Arduino library from: a tree with the manifest at its root, which a mirror repository
// holds (the Library Manager and PlatformIO want it there), and the zip that the Arduino IDE takes. Only files that git knows, so no
// secrets.h; without extras/test, which needs the rest of this repository. The rules of an Arduino library are asked of the tree.

import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { crc32, deflateRawSync } from 'node:zlib';

const ROOT = join(import.meta.dirname, '..');
const NAME = 'OtterOTA';
/** 1980-01-01, the first day that a zip knows: the same files make the same zip. */
const ZIP_DATE = 0x0021;

/** Writes `OtterOTA/` and `OtterOTA-VERSION.zip` into this folder. The paths, and what the rules say of the tree. */
export async function packageLibrary(folder) {
  const tree = join(resolve(folder), NAME);
  rmSync(tree, { recursive: true, force: true });
  const version = /^version=(.+)$/m.exec(readFileSync(join(ROOT, 'client/library.properties'), 'utf8'))?.[1];
  for (const path of trackedFiles()) {
    mkdirSync(dirname(join(tree, path)), { recursive: true });
    cpSync(join(ROOT, 'client', path), join(tree, path));
  }
  const readme = join(tree, 'README.md');
  writeFileSync(readme, withOutsideLinks(readFileSync(readme, 'utf8'), version));
  const zip = join(resolve(folder), `${NAME}-${version}.zip`);
  writeFileSync(zip, makeZip(tree));
  const { RULES } = await import('../tests/client/library-rules.ts');
  const problems = Object.values(RULES).flatMap((rule) => rule(tree));
  return { tree, zip, problems };
}

function trackedFiles() {
  const { stdout, status } = spawnSync('git', ['ls-files', '-z', 'client'], { cwd: ROOT, encoding: 'utf8' });
  if (status !== 0) throw new Error('git ls-files failed: the library is packaged in a clone of the repository');
  const paths = stdout.split('\0').filter((path) => path !== '');
  return paths.map((path) => path.slice('client/'.length)).filter((path) => !path.startsWith('extras/test/'));
}

/** What is outside of the tree is in the repository of Otter. */
function withOutsideLinks(readme, version) {
  const { repository } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
  const home = `${repository.url.replace(/\.git$/, '')}/blob/client-v${version}`;
  return readme.replaceAll('](../', `](${home}/`).replaceAll('](extras/test/', `](${home}/client/extras/test/`);
}

/** PKWARE's APPNOTE: local headers with their data, the central directory, its end. */
function makeZip(tree) {
  const paths = readdirSync(tree, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .toSorted();
  const [parts, directory] = [[], []];
  let offset = 0;
  for (const path of paths) {
    const bytes = readFileSync(path);
    const name = Buffer.from(`${NAME}/${path.slice(tree.length + 1)}`);
    const packed = deflateRawSync(bytes, { level: 9 });
    const fields = fieldsOf(bytes, packed, name);
    const local = Buffer.concat([u32(0x04034b50), fields, name, packed]);
    directory.push(
      u32(0x02014b50),
      u16(0x031e),
      fields,
      u16(0),
      u16(0),
      u16(0),
      u32(0o100644 * 0x10000),
      u32(offset),
      name,
    );
    parts.push(local);
    offset += local.length;
  }
  const central = Buffer.concat(directory);
  const count = u16(paths.length);
  const end = [u32(0x06054b50), u16(0), u16(0), count, count, u32(central.length), u32(offset), u16(0)];
  return Buffer.concat([...parts, central, ...end]);
}

/** What the local header and the directory say alike: version 2.0, no flags, deflated. */
function fieldsOf(bytes, packed, name) {
  const sizes = [u32(crc32(bytes)), u32(packed.length), u32(bytes.length), u16(name.length), u16(0)];
  return Buffer.concat([u16(20), u16(0), u16(8), u16(0), u16(ZIP_DATE), ...sizes]);
}

function u16(value) {
  const bytes = Buffer.alloc(2);
  bytes.writeUInt16LE(value);
  return bytes;
}

function u32(value) {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value >>> 0);
  return bytes;
}
