// What is wrong with a house of modules: imports that their room may not have, circles, and what is not pure in pure rooms.

import { builtinModules } from 'node:module';
import { type Module, roomOf } from './modules.ts';
import { ROOMS } from './rooms.ts';

/** Everything else is a way to a clock, a time zone, chance, a timer or the process. */
const PURE_GLOBALS = new Set(
  `Array BigInt Boolean Error Infinity Iterable JSON Map Math NaN Number Object Partial Pick Omit Exclude Extract Readonly
  ReadonlyArray ReadonlyMap ReadonlySet Record Required RegExp RangeError TypeError Set String Symbol Uint8Array Uint16Array
  Uint32Array Float64Array Int32Array WeakMap NonNullable Parameters ReturnType Iterator IterableIterator Generator undefined
  isNaN parseInt parseFloat const unknown never`.split(/\s+/),
);
/** Behind a dot, they ask for chance, the language or the time zone. */
const IMPURE_MEMBERS = new Set([
  'Math.random',
  'localeCompare',
  'toLocaleString',
  'toLocaleLowerCase',
  'toLocaleUpperCase',
]);

export function findFaults(modules: readonly Module[]): readonly string[] {
  return [...modules.flatMap((module) => [...importFaults(module), ...purityFaults(module)]), ...circles(modules)];
}

function importFaults({ path, imports }: Module): readonly string[] {
  const names = ROOMS.map(({ room }) => room);
  const own = ROOMS.find(({ room }) => room === roomOf(path, names));
  if (own === undefined) return [`${path} stands in no room`];
  return imports.flatMap((target) => {
    if (isBuiltin(target)) return own.node ? [] : [`${path} imports ${target}`];
    const room = roomOf(target, names);
    if (room === undefined) {
      const isPackage = own.packages.some((name) => target === name || target.startsWith(`${name}/`));
      return isPackage || isData(target) ? [] : [`${path} imports ${target}`];
    }
    const isOpen = room === own.room || own.may.includes(room) || own.may.includes(target);
    return isOpen ? [] : [`${path} imports ${target}, which is in ${room}`];
  });
}

/** package.json, for the number of the version. */
function isData(target: string): boolean {
  return target === 'package.json';
}

function isBuiltin(target: string): boolean {
  return target.startsWith('node:') || builtinModules.includes(target);
}

function purityFaults({ path, globals, members, isAsync, bareMath }: Module): readonly string[] {
  const room = roomOf(
    path,
    ROOMS.map((one) => one.room),
  );
  if (ROOMS.find((one) => one.room === room)?.pure !== true) return [];
  return [
    ...[...globals].filter((name) => !PURE_GLOBALS.has(name)).map((name) => `${path} uses ${name}`),
    ...[...members].filter((name) => IMPURE_MEMBERS.has(name)).map((name) => `${path} uses ${name}`),
    ...(isAsync ? [`${path} has something async`] : []),
    ...(bareMath ? [`${path} hands Math around`] : []),
  ];
}

function circles(modules: readonly Module[]): readonly string[] {
  const known = new Map(modules.map((module) => [module.path, module.imports]));
  const done = new Set<string>();
  const found: string[] = [];
  const visit = (path: string, way: readonly string[]): void => {
    const start = way.indexOf(path);
    if (start !== -1) found.push(`a circle: ${[...way.slice(start), path].join(' -> ')}`);
    if (start !== -1 || done.has(path)) return;
    for (const next of known.get(path) ?? []) visit(next, [...way, path]);
    done.add(path);
  };
  for (const { path } of modules) visit(path, []);
  return found;
}
