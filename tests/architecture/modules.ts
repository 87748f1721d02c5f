// Reads modules as a parser does, not as text: what they import, statically or not, for values and for types, and which globals
// they use.

import { posix } from 'node:path';
import { parseSync } from 'oxc-parser';

/** `imports` of package.json. */
const ALIASES: Readonly<Record<string, string>> = {
  '#protocol/': 'protocol/',
  '#engine/': 'engine/',
  '#server/': 'server/src/',
  '#cli/': 'cli/',
  '#simulator/': 'simulator/',
  '#dashboard/': 'dashboard/',
};

export interface Module {
  readonly path: string;
  /** Paths from the root for modules of ours, else the specifier; `?` for one that is no text. */
  readonly imports: readonly string[];
  /** Names that it uses and does not declare, of values and of types. */
  readonly globals: ReadonlySet<string>;
  /** Every name behind a dot, those of `Math` with it. */
  readonly members: ReadonlySet<string>;
  readonly isAsync: boolean;
  /** `Math` stands somewhere without a dot behind it, so that a member of it may hide under another name. */
  readonly bareMath: boolean;
}

interface Node {
  readonly type: string;
  readonly [member: string]: unknown;
}

export function readModule(path: string, text: string): Module {
  const { program, errors } = parseSync(path, text);
  if (errors.length > 0) throw new Error(`${path}: ${errors[0]?.message}`);
  const imports: string[] = [];
  const used = new Set<string>();
  const declared = new Set<string>();
  const members = new Set<string>();
  const found = { isAsync: false, bareMath: false };
  const walk = (node: Node, parent: Node | undefined, key: string): void => {
    if ('source' in node && isImport(node)) imports.push(resolve(path, literalOf(node['source'])));
    if (node.type === 'TSImportType') imports.push(resolve(path, literalOf(node['source'] ?? node['argument'])));
    if (node.type === 'CallExpression' && nameOf(node['callee']) === 'require')
      imports.push(resolve(path, literalOf(childrenOf(node['arguments'])[0])));
    if (node['async'] === true) found.isAsync = true;
    if (node.type === 'Identifier') note(node, parent, key);
    for (const [name, child] of Object.entries(node)) for (const each of childrenOf(child)) walk(each, node, name);
  };
  const note = (node: Node, parent: Node | undefined, key: string): void => {
    const name = String(node['name']);
    if (isMemberName(parent, key)) members.add(nameOf(parent?.['object']) === 'Math' ? `Math.${name}` : name);
    else if (isDeclaration(parent, key)) declared.add(name);
    else if (!isLabelOfValue(parent, key)) used.add(name);
    if (name === 'Math' && !isBeforeDot(parent, key)) found.bareMath = true;
  };
  walk(program as unknown as Node, undefined, '');
  return { path, imports, globals: new Set([...used].filter((name) => !declared.has(name))), members, ...found };
}

/** The room with the longest path that holds it. */
export function roomOf(path: string, rooms: readonly string[]): string | undefined {
  return rooms
    .filter((room) => path === room || path.startsWith(`${room}/`))
    .toSorted((left, right) => right.length - left.length)[0];
}

function isImport({ type, source }: Node): boolean {
  const kinds = ['ImportDeclaration', 'ExportNamedDeclaration', 'ExportAllDeclaration', 'ImportExpression'];
  return kinds.includes(type) && source !== null;
}

function resolve(from: string, specifier: string): string {
  for (const [alias, folder] of Object.entries(ALIASES))
    if (specifier.startsWith(alias)) return posix.normalize(folder + specifier.slice(alias.length));
  return specifier.startsWith('.') ? posix.normalize(posix.join(posix.dirname(from), specifier)) : specifier;
}

function literalOf(node: unknown): string {
  if (!isNode(node)) return '?';
  if (node.type === 'TSLiteralType') return literalOf(node['literal']);
  return typeof node['value'] === 'string' ? node['value'] : '?';
}

function isBeforeDot(parent: Node | undefined, key: string): boolean {
  return parent?.type === 'MemberExpression' && key === 'object' && parent['computed'] !== true;
}

function isMemberName(parent: Node | undefined, key: string): boolean {
  if (parent === undefined) return false;
  if (parent.type === 'MemberExpression') return key === 'property' && parent['computed'] !== true;
  return parent.type === 'TSQualifiedName' && key === 'right';
}

/** A key of an object, class, interface or import: no use of a name. */
function isLabelOfValue(parent: Node | undefined, key: string): boolean {
  if (parent === undefined) return false;
  if (key === 'key') return parent['computed'] !== true;
  return ['label', 'imported', 'exported', 'meta', 'property'].includes(key) && parent.type !== 'MemberExpression';
}

const BINDINGS: Readonly<Record<string, readonly string[]>> = {
  ImportSpecifier: ['local'],
  ImportDefaultSpecifier: ['local'],
  ImportNamespaceSpecifier: ['local'],
  VariableDeclarator: ['id'],
  FunctionDeclaration: ['id', 'params'],
  FunctionExpression: ['id', 'params'],
  TSDeclareFunction: ['id', 'params'],
  TSEmptyBodyFunctionExpression: ['params'],
  ArrowFunctionExpression: ['params'],
  TSFunctionType: ['params'],
  TSMethodSignature: ['params'],
  TSCallSignatureDeclaration: ['params'],
  ClassDeclaration: ['id'],
  ClassExpression: ['id'],
  CatchClause: ['param'],
  RestElement: ['argument'],
  ArrayPattern: ['elements'],
  AssignmentPattern: ['left'],
  TSTypeAliasDeclaration: ['id'],
  TSInterfaceDeclaration: ['id'],
  TSTypeParameter: ['name'],
  TSMappedType: ['key'],
  TSParameterProperty: ['parameter'],
  TSIndexSignature: ['parameters'],
  TSTypePredicate: ['parameterName'],
  TSNamedTupleMember: ['label'],
};

function isDeclaration(parent: Node | undefined, key: string): boolean {
  if (parent === undefined) return false;
  // `{ a }` of a pattern is a Property whose value is the binding; of an object it is a use, which then is declared elsewhere.
  if (parent.type === 'Property') return key === 'value' && parent['kind'] === 'init' && isPattern(parent);
  return BINDINGS[parent.type]?.includes(key) ?? false;
}

const patterns = new WeakSet<Node>();

function isPattern(property: Node): boolean {
  return patterns.has(property);
}

function childrenOf(value: unknown): readonly Node[] {
  const nodes = (Array.isArray(value) ? value : [value]).filter(isNode);
  for (const node of nodes)
    if (node.type === 'ObjectPattern') for (const property of childrenOf(node['properties'])) patterns.add(property);
  return nodes;
}

function nameOf(node: unknown): string | undefined {
  return isNode(node) && node.type === 'Identifier' ? String(node['name']) : undefined;
}

function isNode(value: unknown): value is Node {
  return typeof value === 'object' && value !== null && 'type' in value && typeof value.type === 'string';
}
