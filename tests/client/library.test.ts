// The folder client/ is a library that the Arduino IDE and PlatformIO take. Each rule holds for it, and each notices when it
// does not: the second test breaks a copy in many ways and wants to hear of every one.

import {
  appendFileSync,
  cpSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { ROOT } from '../docs/markdown.ts';
import { publicMethods, RULES, settings } from './library-rules.ts';

const LIBRARY = join(ROOT, 'client');
type Rule = keyof typeof RULES;

describe('the library', () => {
  test.each(Object.entries(RULES))('has nothing against it: %s', (_, check) => {
    expect(check(LIBRARY)).toEqual([]);
  });

  test('has a header that the rules can read', () => {
    const methods = publicMethods(LIBRARY);
    expect([...methods.keys()]).toEqual(['OtterError', 'OtterOTA']);
    expect(methods.get('OtterError')).toEqual(['code', 'number', 'name', 'text', 'detail', 'retryable', 'printTo']);
    const face = methods.get('OtterOTA') ?? [];
    expect(face).toEqual(expect.arrayContaining(['begin', 'loop', 'checkNow', 'status', 'lastError', 'isBusy']));
    expect(settings(LIBRARY)).toEqual(expect.arrayContaining(['addPin', 'withoutTask', 'onEvent', 'healthCheck']));
    expect(face).toHaveLength(settings(LIBRARY).length + 9);
  });
});

test('its README shows the table of transitions that the code has', () => {
  const source = readFileSync(join(LIBRARY, 'src/core/update/update_machine.cpp'), 'utf8');
  const rows = [...source.matchAll(/^ {4}\{S::(\w+), H::(\w+), S::(\w+), A::(\w+)\},$/gm)].map((match) =>
    match.slice(1),
  );
  const readme = readFileSync(join(LIBRARY, 'README.md'), 'utf8');
  const shown = /<!-- transitions: [\s\S]*?\n\n([\s\S]*?)\n\n<!-- end of transitions -->/.exec(readme)?.[1] ?? '';
  const cells = shown
    .split('\n')
    .slice(2)
    .map((line) =>
      line
        .split('|')
        .slice(1, -1)
        .map((cell) => cell.replaceAll('`', '').trim() || 'nothing'),
    );
  expect(rows.length).toBeGreaterThan(20);
  expect(cells).toEqual(rows);
});

/** What is done to a copy, which rule says so, and a part of what it says. */
const BROKEN: readonly (readonly [string, Rule, RegExp, (root: string) => void])[] = [
  ['a field is missing', 'properties', /paragraph is missing/, edit('library.properties', /^paragraph=.*\n/m, '')],
  [
    'a field is unknown',
    'properties',
    /precompiled is not a field/,
    append('library.properties', 'precompiled=true\n'),
  ],
  ['a field comes twice', 'properties', /twice/, append('library.properties', 'category=Other\n')],
  [
    'a value ends in a blank',
    'properties',
    /without blanks/,
    edit('library.properties', 'category=Communication', 'category=Communication '),
  ],
  [
    'the name is long',
    'properties',
    /longer than 16/,
    edit('library.properties', 'name=OtterOTA', 'name=OtterOverTheAirUpdates'),
  ],
  [
    'the name says Arduino',
    'properties',
    /says Arduino/,
    edit('library.properties', 'name=OtterOTA', 'name=ArduinoOtter'),
  ],
  ['no header is called like it', 'properties', /no header/, rename('src/OtterOTA.h', 'src/Otter.h')],
  [
    'the version is not SemVer',
    'properties',
    /not SemVer/,
    edit('library.properties', /version=[0-9.]+/, 'version=0.1'),
  ],
  [
    'the version is not that of the header',
    'properties',
    /another version/,
    edit('src/OtterOTA.h', /(OTTER_OTA_VERSION )"[^"]+"/, '$1"9.9.9"'),
  ],
  ['the category is invented', 'properties', /category/, edit('library.properties', 'Communication', 'Updates')],
  ['the architecture is any', 'properties', /esp32 only/, edit('library.properties', '=esp32', '=*')],
  ['includes names nothing', 'properties', /not there: Otter.h/, edit('library.properties', 'OtterOTA.h', 'Otter.h')],
  [
    'the sentence comes twice',
    'properties',
    /repeats/,
    edit('library.properties', /^(sentence=(.*)\nparagraph=)/m, '$1$2 '),
  ],
  ['the sentence has no end', 'properties', /no end/, edit('library.properties', /^(sentence=.*)\.$/m, '$1')],
  ['the url is none', 'properties', /https/, edit('library.properties', /^url=.*$/m, 'url=somewhere')],
  [
    'the version of library.json differs',
    'json',
    /version is not/,
    edit('library.json', /"[0-9]+\.[0-9]+\.[0-9]+"/, '"9.9.9"'),
  ],
  [
    'it is linked as an archive',
    'json',
    /build is not/,
    edit('library.json', '"libArchive": false', '"libArchive": true'),
  ],
  ['a method has no keyword', 'keywords', /lacks checkNow KEYWORD2/, edit('keywords.txt', /^checkNow.*\n/m, '')],
  ['a keyword is invented', 'keywords', /no checkLater/, append('keywords.txt', 'checkLater\tKEYWORD2\n')],
  [
    'a method is new',
    'keywords',
    /lacks pause KEYWORD2/,
    edit('src/OtterOTA.h', '  void checkNow();', '  void pause();\n  void checkNow();'),
  ],
  ['two tabs', 'keywords', /one tab/, edit('keywords.txt', 'begin\t', 'begin\t\t')],
  ['a blank instead of a tab', 'keywords', /one tab/, edit('keywords.txt', 'begin\t', 'begin ')],
  ['a keyword comes twice', 'keywords', /twice/, append('keywords.txt', 'begin\tKEYWORD2\n')],
  ['there is no license', 'files', /missing: LICENSE/, (root) => rmSync(join(root, 'LICENSE'))],
  ['the license is another one', 'files', /not that of the repository/, append('LICENSE', 'And more.\n')],
  ['a symbolic link', 'files', /symbolic link/, (root) => symlinkSync('OtterOTA.h', join(root, 'src/link.h'))],
  ['an executable', 'files', /executable/, write('extras/flash.exe')],
  ['a .development file', 'files', /development/, write('.development')],
  ['a submodule', 'files', /submodules/, write('.gitmodules')],
  ['a submodule of the repository', 'files', /submodules/, write('../.gitmodules', 'path = client')],
  ['a blank in a path', 'files', /not letters/, write('src/core/my file.h')],
  ['a sketch among the sources', 'files', /not at its place/, write('src/Test.ino')],
  ['C++ files in CamelCase', 'files', /snake_case/, write('src/core/UpdateMachine.h')],
  ['names that differ in case only', 'files', /Windows/, write('src/core/Error.h')],
  [
    'a sketch in the wrong folder',
    'examples',
    /no examples\/Basic/,
    rename('examples/Basic/Basic.ino', 'examples/Basic/Main.ino'),
  ],
  ['a second sketch', 'examples', /not X\/X.ino/, write('examples/Basic/Other.ino')],
  [
    'an example without the library',
    'examples',
    /include/,
    edit('examples/Basic/Basic.ino', '#include <OtterOTA.h>', ''),
  ],
  ['an example without marker', 'examples', /what it is/, edit('examples/Basic/Basic.ino', /^OTTER_FIRMWARE.*$/m, '')],
  ['a setting that nobody explains', 'readme', /labelRule/, edit('README.md', /`labelRule\(/g, '`rule(')],
  ['an event that nobody explains', 'readme', /event deferred/, edit('README.md', /`deferred`/g, 'deferred')],
  ['an example that nobody finds', 'readme', /Callbacks/, edit('README.md', 'examples/Callbacks/', 'examples/')],
  ['a link to nowhere', 'readme', /not there: x.md/, append('README.md', '[x](x.md)\n')],
  ['the hook has C++ linkage', 'rollback', /extern "C"/, edit('src/OtterOTA.cpp', 'extern "C"', '')],
  [
    'the hook is gone',
    'rollback',
    /not in OtterOTA.cpp/,
    edit('src/OtterOTA.cpp', /verifyRollbackLater/g, 'verifyLater'),
  ],
  [
    'the hook is in a file of its own',
    'rollback',
    /not in OtterOTA.cpp alone/,
    write('src/hal/hook.cpp', 'extern "C" bool verifyRollbackLater() { return true; }\n'),
  ],
  [
    'begin is in another file',
    'rollback',
    /another file/,
    edit('src/OtterOTA.cpp', /OtterOTA::begin/g, 'OtterOTA::start'),
  ],
  ['the core knows Arduino', 'portable', /Arduino.h/, append('src/core/error.h', '#include <Arduino.h>\n')],
  ['the core takes heap', 'portable', /has new/, append('src/core/error.cpp', 'int* leak() { return new int; }\n')],
  [
    'the core takes heap as C does',
    'portable',
    /has malloc/,
    append('src/core/error.cpp', 'void* leak() { return malloc(1); }\n'),
  ],
  ['the core waits', 'portable', /has delay/, append('src/core/error.cpp', 'void wait() { delay(1); }\n')],
  ['the core has a clock', 'portable', /has millis/, append('src/core/error.cpp', 'long now() { return millis(); }\n')],
  ['the core has a String', 'portable', /has String/, append('src/core/error.cpp', 'String text;\n')],
  [
    'the core uses the C++ library',
    'portable',
    /C\+\+ header: vector/,
    append('src/core/error.h', '#include <vector>\n'),
  ],
  ['the net uses the C++ library', 'portable', /C\+\+ header: string/, write('src/net/extra.h', '#include <string>\n')],
];

test.each(BROKEN)('it is noticed when %s', (_, rule, says, damage) => {
  const folder = mkdtempSync(join(tmpdir(), 'otter-library-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const root = join(folder, 'client');
  cpSync(LIBRARY, root, { recursive: true, filter: (path) => !path.startsWith(join(LIBRARY, 'extras/')) });
  cpSync(join(ROOT, 'LICENSE'), join(folder, 'LICENSE'));
  expect(RULES[rule](root).filter((problem) => says.test(problem))).toEqual([]);
  damage(root);
  expect(RULES[rule](root).filter((problem) => says.test(problem))).not.toEqual([]);
});

test('the comments and texts of the core may use every word', () => {
  const folder = mkdtempSync(join(tmpdir(), 'otter-library-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  cpSync(join(LIBRARY, 'src/core'), join(folder, 'src/core'), { recursive: true });
  writeFileSync(
    join(folder, 'src/core/update/words.cpp'),
    '#include <stdint.h>\n// new, delay(1), String\n/** malloc(1) */\nconst char* text = "a new delay(1)";\nWords(const Words&) = delete;\n',
  );
  expect(RULES.portable(folder)).toEqual([]);
});

function edit(path: string, from: string | RegExp, to: string): (root: string) => void {
  return (root) => {
    const before = readFileSync(join(root, path), 'utf8');
    const after = before.replace(from, to);
    expect(after, `${path} has no ${String(from)}`).not.toBe(before);
    writeFileSync(join(root, path), after);
  };
}

function append(path: string, text: string): (root: string) => void {
  return (root) => appendFileSync(join(root, path), text);
}

function write(path: string, text = 'x\n'): (root: string) => void {
  return (root) => {
    cpSync(join(root, 'LICENSE'), join(root, path));
    writeFileSync(join(root, path), text);
  };
}

function rename(from: string, to: string): (root: string) => void {
  return (root) => renameSync(join(root, from), join(root, to));
}
