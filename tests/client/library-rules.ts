// What makes a folder an Arduino library that IDE and PlatformIO take, after the rules of arduino-lint and the Arduino library
// specification 1.5, and what our own documents promise of it. Reads the folder only; each function answers with what is
// wrong, an empty list where all is well.

import { existsSync, lstatSync, readdirSync, readFileSync } from 'node:fs';
import { basename, extname, join } from 'node:path';

/** `library.properties` may name one of these (arduino-lint LP030). */
const CATEGORIES: ReadonlySet<string> = new Set([
  'Display',
  'Communication',
  'Signal Input/Output',
  'Sensors',
  'Device Control',
  'Timing',
  'Data Storage',
  'Data Processing',
  'Other',
  'Uncategorized',
]);

const REQUIRED = [
  'name',
  'version',
  'author',
  'maintainer',
  'sentence',
  'paragraph',
  'category',
  'url',
  'architectures',
];

const KNOWN: ReadonlySet<string> = new Set([...REQUIRED, 'includes', 'depends', 'license']);

const SEMVER = /^(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(-[\da-z.-]+)?(\+[\da-z.-]+)?$/i;

export const RULES = {
  properties: checkProperties,
  json: checkJson,
  component: checkComponent,
  keywords: checkKeywords,
  files: checkFiles,
  examples: checkExamples,
  readme: checkReadme,
  rollback: checkRollbackHook,
  portable: checkPortable,
} satisfies Readonly<Record<string, (root: string) => readonly string[]>>;

/** The public methods that the header of the library declares, by class; no constructors, no operators. */
export function publicMethods(root: string): ReadonlyMap<string, readonly string[]> {
  const header = withoutComments(read(root, 'src/OtterOTA.h'));
  const classes = [...header.matchAll(/^class (\w+)[^;{]*\{\n([\s\S]*?)^\};$/gm)];
  return new Map(
    classes.map(([, name = '', body = '']) => {
      const open = /^ public:\n([\s\S]*?)(?=^ (?:private|protected):|$(?![\s\S]))/m.exec(body)?.[1] ?? '';
      const called = [...open.matchAll(/^ {2}[A-Za-z][\w:&* ]*?[ &*](\w+)\(/gm)].map((match) => match[1] ?? '');
      return [name, called.filter((method) => method !== name && method !== 'operator' && method !== 'bool')];
    }),
  );
}

/** The methods that change how the library works: each returns the object, so that they can be chained. */
export function settings(root: string): readonly string[] {
  const header = withoutComments(read(root, 'src/OtterOTA.h'));
  return [...header.matchAll(/^ {2}OtterOTA& (\w+)\(/gm)].map((match) => match[1] ?? '');
}

function checkProperties(root: string): readonly string[] {
  const fields = properties(root);
  const value = (name: string): string => fields.get(name) ?? '';
  const name = value('name');
  const lines = read(root, 'library.properties').split('\n').slice(0, -1);
  return [
    ...lines
      .filter((line) => !/^[a-z_]+=\S(.*\S)?$/.test(line))
      .map((line) => `not name=value without blanks: ${line}`),
    ...(lines.length === fields.size ? [] : ['a field comes twice']),
    ...REQUIRED.filter((field) => !fields.has(field)).map((field) => `${field} is missing`),
    ...[...fields.keys()].filter((field) => !KNOWN.has(field)).map((field) => `${field} is not a field`),
    ...when(name.length > 16, `the name is longer than 16 characters: ${name}`),
    ...when(!/^[a-z\d][\w.-]*$/i.test(name), `the name has characters that a folder may not have: ${name}`),
    ...when(/arduino|library/i.test(name), `the name says Arduino or library: ${name}`),
    ...when(!existsSync(join(root, 'src', `${name}.h`)), `no header has the name of the library: src/${name}.h`),
    ...when(!SEMVER.test(value('version')), `the version is not SemVer: ${value('version')}`),
    ...when(value('version') !== macroVersion(root), `the header says another version: ${macroVersion(root)}`),
    ...when(!CATEGORIES.has(value('category')), `the category is not one of Arduino's: ${value('category')}`),
    ...when(value('architectures') !== 'esp32', `it runs on esp32 only: ${value('architectures')}`),
    ...value('includes')
      .split(',')
      .filter((header) => header === '' || !existsSync(join(root, 'src', header)))
      .map((header) => `includes names a header that is not there: ${header}`),
    ...when(!value('sentence').endsWith('.'), 'the sentence has no end'),
    ...when(
      value('paragraph').includes(value('sentence')),
      'the paragraph repeats the sentence, which is shown before it',
    ),
    ...when(!/^https:\/\/[a-z\d.-]+\/\S*$/.test(value('url')), `the url is not an https address: ${value('url')}`),
    ...when(/arduino/i.test(value('maintainer') + value('author')), 'the maintainer is not Arduino'),
  ];
}

function checkJson(root: string): readonly string[] {
  const fields = properties(root);
  const json: unknown = JSON.parse(read(root, 'library.json'));
  const expected = {
    name: fields.get('name'),
    version: fields.get('version'),
    description: fields.get('sentence'),
    authors: [{ name: fields.get('author'), maintainer: true }],
    license: fields.get('license'),
    homepage: fields.get('url'),
    repository: { type: 'git', url: componentField(root, 'repository') },
    platforms: ['espressif32'],
    frameworks: ['arduino'],
    headers: fields.get('includes')?.split(','),
    // In an archive the linker would take the weak `verifyRollbackLater` of the core where ours is in a file of its own.
    build: { libArchive: false },
    export: { exclude: ['extras'] },
  };
  if (typeof json !== 'object' || json === null) return ['library.json is not an object'];
  const said = new Map<string, unknown>(Object.entries(json));
  return Object.entries(expected)
    .filter(([field, value]) => JSON.stringify(said.get(field)) !== JSON.stringify(value))
    .map(([field, value]) => `library.json: ${field} is not ${JSON.stringify(value)}`);
}

/** The component of ESP-IDF says the same as the library. */
function checkComponent(root: string): readonly string[] {
  const fields = properties(root);
  const expected = { version: 'version', description: 'sentence', url: 'url', license: 'license' };
  return Object.entries(expected)
    .filter(([field, name]) => componentField(root, field) !== fields.get(name))
    .map(([field]) => `idf_component.yml: ${field} is not that of library.properties`);
}

function checkKeywords(root: string): readonly string[] {
  const lines = read(root, 'keywords.txt').split('\n').slice(0, -1);
  const rows = lines.filter((line) => line !== '' && !line.startsWith('#'));
  const malformed = rows.filter((line) => !/^\w+\t(KEYWORD1|KEYWORD2|LITERAL1)$/.test(line));
  const listed = rows.map((line) => line.replace('\t', ' '));
  const header = withoutComments(read(root, 'src/OtterOTA.h'));
  const methods = publicMethods(root);
  const aliases = [...header.matchAll(/^using (\w+) =/gm)].map((match) => match[1] ?? '');
  const macros = [...header.matchAll(/^#define (\w+)/gm)].map((match) => match[1] ?? '');
  const expected = [
    ...[...methods.keys(), ...aliases].map((name) => `${name} KEYWORD1`),
    ...[...methods.values()].flat().map((name) => `${name} KEYWORD2`),
    ...macros.map((name) => `${name} LITERAL1`),
  ];
  return [
    ...malformed.map((line) => `not word, one tab, kind: ${JSON.stringify(line)}`),
    ...expected.filter((word) => !listed.includes(word)).map((word) => `keywords.txt lacks ${word}`),
    ...listed.filter((word) => !expected.includes(word)).map((word) => `the header has no ${word}`),
    ...listed.filter((word, index) => listed.indexOf(word) !== index).map((word) => `twice: ${word}`),
  ];
}

function checkFiles(root: string): readonly string[] {
  const paths = listPaths(root);
  const repository = join(root, '..');
  const license = join(repository, 'LICENSE');
  return [
    ...[
      'LICENSE',
      'README.md',
      'library.properties',
      'library.json',
      'keywords.txt',
      'src/OtterOTA.h',
      'src/OtterOTA.cpp',
    ]
      .filter((path) => !paths.includes(path))
      .map((path) => `missing: ${path}`),
    ...when(
      existsSync(license) && read(root, 'LICENSE') !== read(repository, 'LICENSE'),
      'LICENSE is not that of the repository',
    ),
    ...paths
      .filter((path) => lstatSync(join(root, path)).isSymbolicLink())
      .map((path) => `a symbolic link breaks on Windows: ${path}`),
    ...paths.filter((path) => /\.exe$/i.test(path)).map((path) => `an executable: ${path}`),
    ...paths.filter((path) => basename(path) === '.development').map((path) => `the registry refuses ${path}`),
    ...paths
      .filter((path) => ['.git', '.gitmodules', '.gitmodule'].includes(basename(path)))
      .map((path) => `the registry refuses submodules: ${path}`),
    ...when(
      existsSync(join(repository, '.gitmodules')) && /path\s*=\s*client/.test(read(repository, '.gitmodules')),
      'the registry refuses submodules: ../.gitmodules',
    ),
    ...paths
      .filter((path) => !path.split('/').every((part) => /^\.?[A-Za-z\d][\w.-]{0,62}$/.test(part)))
      .map((path) => `not letters, digits, dot, dash and underscore, at most 63: ${path}`),
    ...duplicates(paths.map((path) => path.toLowerCase())).map(
      (path) => `two names that Windows takes for one: ${path}`,
    ),
    ...paths
      .filter(
        (path) => /^src\/.*\.(ino|pde)$/.test(path) || /^(example|Examples|extra|Extras|test|tests)(\/|$)/.test(path),
      )
      .map((path) => `not at its place: ${path}`),
    ...paths
      .filter((path) => /^src\/.+\.(h|cpp)$/.test(path))
      .filter((path) => basename(path) !== 'OtterOTA.h' && basename(path) !== 'OtterOTA.cpp')
      .filter((path) => !/^[a-z\d]+(_[a-z\d]+)*\.(h|cpp)$/.test(basename(path)))
      .map((path) => `C++ files are named in snake_case: ${path}`),
  ];
}

function checkExamples(root: string): readonly string[] {
  const names = listExamples(root);
  return [
    ...when(names.length === 0, 'there are no examples'),
    ...names.filter((name) => !existsSync(join(root, sketchOf(name)))).map((name) => `no ${sketchOf(name)}`),
    ...names.filter((name) => !/^[A-Z][A-Za-z\d]{0,62}$/.test(name)).map((name) => `not a name for a sketch: ${name}`),
    ...names.flatMap((name) => checkSketch(name, read(root, sketchOf(name)))),
    ...listPaths(join(root, 'examples'))
      .filter((path) => /\.(ino|pde)$/.test(path) && !/^(\w+)\/\1\.ino$/.test(path))
      .map((path) => `not X/X.ino: examples/${path}`),
  ];
}

function checkSketch(name: string, sketch: string): readonly string[] {
  const says = /^OTTER_FIRMWARE\("[a-z\d][a-z\d._-]*", (\w+|"[^"]+")\);/m;
  return [
    ...when(!sketch.includes('#include <OtterOTA.h>'), `${name} does not include the library`),
    ...when(!says.test(sketch), `${name} does not say what it is`),
    ...when(!sketch.startsWith('// '), `${name} does not say what it shows`),
    ...when(/TODO|FIXME/.test(sketch), `${name} is not done`),
  ];
}

function checkReadme(root: string): readonly string[] {
  const readme = read(root, 'README.md');
  const spans = [...readme.matchAll(/`([^`\n]+)`/g)].map((match) => match[1] ?? '');
  const methods = publicMethods(root).get('OtterOTA') ?? [];
  const links = [...readme.matchAll(/\]\(([^)\s#]+)(?:#[^)\s]*)?\)/g)].map((match) => match[1] ?? '');
  const events = [...read(root, 'src/core/update/application.h').matchAll(/^ {2}(\w+),?$/gm)].map(
    (match) => match[1] ?? '',
  );
  return [
    ...methods
      .filter((method) => !spans.some((span) => span.startsWith(`${method}(`)))
      .map((method) => `README.md does not explain ${method}`),
    ...events.filter((event) => !spans.includes(event)).map((event) => `README.md does not explain the event ${event}`),
    ...listExamples(root)
      .filter((name) => !readme.includes(`(examples/${name}/${name}.ino)`))
      .map((name) => `README.md does not name the example ${name}`),
    ...links
      .filter((link) => !/^https?:/.test(link) && !existsSync(join(root, link)))
      .map((link) => `README.md links to what is not there: ${link}`),
  ];
}

/** The override must be found by C linkage, and be in the object file that every sketch needs for `begin()`. */
function checkRollbackHook(root: string): readonly string[] {
  const places = listPaths(join(root, 'src'))
    .filter((path) => extname(path) === '.cpp')
    .filter((path) => /\bverifyRollbackLater\s*\(/.test(withoutComments(read(root, `src/${path}`))));
  const face = withoutComments(read(root, 'src/OtterOTA.cpp'));
  const isC = /extern "C"\s*(\{[^}]*)?\bbool\s+verifyRollbackLater\s*\(\s*(void)?\s*\)\s*\{/.test(face);
  return [
    ...when(
      places.join(',') !== 'OtterOTA.cpp',
      `verifyRollbackLater is not in OtterOTA.cpp alone: ${places.join(', ')}`,
    ),
    ...when(!isC, 'verifyRollbackLater is not defined as extern "C"'),
    ...when(!/\bOtterOTA::begin\s*\(/.test(face), 'OtterOTA::begin is in another file than verifyRollbackLater'),
  ];
}

/** What code of the core never has. */
const NOT_IN_CORE = [
  /\bnew\b/,
  /(?<!=\s*)\bdelete\b/,
  /\b(malloc|calloc|realloc)\s*\(/,
  /\b(delay|millis|micros|vTaskDelay)\s*\(/,
  /\bString\b/,
  /\b(throw|try|catch|dynamic_cast|typeid)\b/,
];

/** The core does not know the platform, takes no heap, does not wait and has no clock; core and net use C headers only. */
function checkPortable(root: string): readonly string[] {
  const sources = listPaths(join(root, 'src')).filter((path) => /^(core|net)\/.*\.(h|cpp)$/.test(path));
  const includes = sources.flatMap((path) => {
    const code = withoutComments(read(root, `src/${path}`));
    return [...code.matchAll(/^\s*#\s*include\s*[<"]([^>"]+)[>"]/gm)].map((match) => ({ path, file: match[1] ?? '' }));
  });
  return [
    ...includes
      .filter(({ file }) => !file.endsWith('.h'))
      .map(({ path, file }) => `${path} includes a C++ header: ${file}`),
    ...includes
      .filter(
        ({ path, file }) =>
          path.startsWith('core/') && /^(Arduino|WString|esp_|freertos\/|mbedtls\/|lwip\/)/.test(file),
      )
      .map(({ path, file }) => `${path} includes ${file}`),
    ...sources
      .filter((path) => path.startsWith('core/'))
      .flatMap((path) => {
        const code = withoutComments(read(root, `src/${path}`)).replaceAll(/"(?:[^"\\\n]|\\.)*"/g, '""');
        return NOT_IN_CORE.flatMap((pattern) => pattern.exec(code)?.[0] ?? []).map((found) => `${path} has ${found}`);
      }),
  ];
}

export function listExamples(root: string): readonly string[] {
  return readdirSync(join(root, 'examples')).filter((name) => lstatSync(join(root, 'examples', name)).isDirectory());
}

export function sketchOf(example: string): string {
  return `examples/${example}/${example}.ino`;
}

function properties(root: string): ReadonlyMap<string, string> {
  const lines = read(root, 'library.properties').split('\n');
  return new Map(
    lines.flatMap((line) => {
      const at = line.indexOf('=');
      return at < 0 ? [] : [[line.slice(0, at), line.slice(at + 1)] as const];
    }),
  );
}

/** A field of `idf_component.yml` that stands alone on its line. */
function componentField(root: string, name: string): string {
  return new RegExp(`^${name}: (.+)$`, 'm').exec(read(root, 'idf_component.yml'))?.[1] ?? '';
}

function macroVersion(root: string): string | undefined {
  return /^#define OTTER_OTA_VERSION "([^"]*)"$/m.exec(read(root, 'src/OtterOTA.h'))?.[1];
}

function listPaths(root: string): readonly string[] {
  return readdirSync(root, { recursive: true, encoding: 'utf8' })
    .map((path) => path.replaceAll('\\', '/'))
    .toSorted();
}

function withoutComments(source: string): string {
  return source.replaceAll(/\/\*[\s\S]*?\*\/|(?<!:)\/\/.*$/gm, '');
}

function duplicates(words: readonly string[]): readonly string[] {
  return words.filter((word, index) => words.indexOf(word) !== index);
}

function when(isWrong: boolean, problem: string): readonly string[] {
  return isWrong ? [problem] : [];
}

/** Empty where it is not there: the rule about files says that. */
function read(root: string, path: string): string {
  return existsSync(join(root, path)) ? readFileSync(join(root, path), 'utf8') : '';
}
