// The built dashboard: one page for all its addresses, never stored, with a nonce of its own for its styles; and the files that it
// names, which carry their digest in their name and may be kept for ever. A file is read and compressed once, at its first request.

import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { brotliCompress, constants, gzip } from 'node:zlib';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { OtterError } from '#protocol/errors.ts';
import { DASHBOARD_PAGES } from '#protocol/pages.ts';

const BUILT = join(import.meta.dirname, '../../../../dashboard/dist');

/** What the build writes where the nonce goes. */
const NONCE = '__NONCE__';

/** And where it says how the command is typed on this machine. A package that npm installed holds JavaScript; it is not on the path of a clone. */
const COMMAND = '__OTTER__';
const OTTER = import.meta.filename.endsWith('.js') ? 'otter' : 'npx otter';

const TYPES: Readonly<Record<string, string>> = {
  js: 'text/javascript; charset=utf-8',
  css: 'text/css; charset=utf-8',
  woff2: 'font/woff2',
  svg: 'image/svg+xml',
};

/** Fonts are compressed already. */
const COMPRESSED: ReadonlySet<string> = new Set(['js', 'css', 'svg']);

/** Good enough: the highest level takes ten times as long for 3 %. */
const BROTLI = { params: { [constants.BROTLI_PARAM_QUALITY]: 9 } };

interface Asset {
  readonly type: string;
  readonly plain: Buffer;
  readonly br: Buffer | undefined;
  readonly gzip: Buffer | undefined;
}

export function addDashboard(app: FastifyInstance): void {
  const options = { config: { scope: 'public' }, schema: { hide: true } } as const;
  let page: Promise<string> | undefined;
  for (const address of DASHBOARD_PAGES)
    app.get(address, options, async (_request, reply) => sendPage(reply, await (page ??= readPage())));
  const assets = new Map<string, Promise<Asset>>();
  app.get<{ Params: { name: string } }>('/assets/:name', options, async (request, reply) => {
    const { name } = request.params;
    const asset = assets.get(name) ?? readAsset(name);
    assets.set(name, asset);
    // Only what is there is kept: made-up names would fill the memory.
    asset.catch(() => assets.delete(name));
    return sendAsset(request, reply, await asset);
  });
}

async function readPage(): Promise<string> {
  try {
    return (await readFile(join(BUILT, 'index.html'), 'utf8')).replaceAll(COMMAND, OTTER);
  } catch (error) {
    throw new OtterError('not_found', 'the dashboard is not built', 'npm run build:dashboard', { cause: error });
  }
}

function sendPage(reply: FastifyReply, page: string): FastifyReply {
  const nonce = randomBytes(16).toString('base64');
  const policy = [
    "default-src 'none'",
    `script-src 'self' 'nonce-${nonce}'`,
    `style-src 'self' 'nonce-${nonce}'`,
    "img-src 'self' data:",
    "font-src 'self'",
    "connect-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ];
  return reply
    .headers({
      'content-type': 'text/html; charset=utf-8',
      'cache-control': 'no-store',
      'content-security-policy': policy.join('; '),
      'permissions-policy': 'serial=(self), camera=(), microphone=(), geolocation=()',
      'referrer-policy': 'no-referrer',
      'cross-origin-opener-policy': 'same-origin',
      'x-content-type-options': 'nosniff',
    })
    .send(page.replaceAll(NONCE, nonce));
}

async function readAsset(name: string): Promise<Asset> {
  const extension = /^[\w-]+(?:\.[\w-]+)*\.([a-z0-9]+)$/.exec(name)?.[1] ?? '';
  const type = TYPES[extension];
  if (type === undefined) throw unknownAsset(name);
  const plain = await readFile(join(BUILT, 'assets', name)).catch((error: unknown) => {
    throw unknownAsset(name, error);
  });
  if (!COMPRESSED.has(extension)) return { type, plain, br: undefined, gzip: undefined };
  const [br, zipped] = await Promise.all([
    promisify(brotliCompress)(plain, BROTLI),
    promisify(gzip)(plain, { level: 9 }),
  ]);
  return { type, plain, br, gzip: zipped };
}

function unknownAsset(name: string, cause?: unknown): OtterError {
  return new OtterError(
    'not_found',
    `there is no file ${JSON.stringify(name.slice(0, 100))} in this dashboard`,
    'load the page again: the server may have been updated',
    { cause },
  );
}

function sendAsset(request: FastifyRequest, reply: FastifyReply, asset: Asset): FastifyReply {
  const accepted = request.headers['accept-encoding'] ?? '';
  const [encoding, bytes] =
    asset.br !== undefined && /\bbr\b/.test(accepted)
      ? ['br', asset.br]
      : asset.gzip !== undefined && /\bgzip\b/.test(accepted)
        ? ['gzip', asset.gzip]
        : [undefined, asset.plain];
  if (encoding !== undefined) void reply.header('content-encoding', encoding);
  return reply
    .headers({
      'content-type': asset.type,
      'cache-control': 'public, max-age=31536000, immutable',
      vary: 'accept-encoding',
      'x-content-type-options': 'nosniff',
    })
    .send(bytes);
}
