// The API as an OpenAPI 3.1 document at /openapi.json, made from the schemas that check the requests, and readable at /docs.
// Nothing of it changes while a server runs, so each part is made once, when it is first asked for, and sent from there.

import { hash } from 'node:crypto';
import swagger from '@fastify/swagger';
import Fastify, { type FastifyInstance } from 'fastify';
import { SERVER_VERSION } from '#server/version.ts';

const DOCUMENT_PATH = '/openapi.json';

/** To be called before the first route is added: routes that are added later stand in the document. */
export async function addOpenApi(app: FastifyInstance): Promise<void> {
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'Otter',
        version: SERVER_VERSION,
        description:
          'Over-the-air firmware updates for ESP32 fleets. Boards enrol with the fleet token and then use their own, operators the admin token.',
      },
      servers: [{ url: '/', description: 'the server that this document comes from' }],
      components: {
        securitySchemes: {
          fleetToken: { type: 'http', scheme: 'bearer', description: 'of all boards that have none of their own' },
          deviceToken: { type: 'http', scheme: 'bearer', description: 'of one board, which it made and enrolled with' },
          adminToken: { type: 'http', scheme: 'bearer' },
        },
      },
    },
    refResolver: {
      buildLocalReference: (json, _base, _fragment, index) =>
        typeof json.$id === 'string' ? json.$id : `schema${index}`,
    },
  });
}

/** Who may use an address of boards: each with its own token, or with that of all of them. */
export const OF_BOARDS: readonly Readonly<Record<string, readonly string[]>>[] = [
  { deviceToken: [] },
  { fleetToken: [] },
];

export function addDocRoutes(app: FastifyInstance): void {
  const options = { config: { scope: 'public' }, schema: { hide: true } } as const;
  const document = once(async () => Buffer.from(JSON.stringify(app.swagger())));
  const page = once(readPage);
  app.get(DOCUMENT_PATH, options, async (_request, reply) =>
    reply.type('application/json; charset=utf-8').send(await document()),
  );
  app.get('/docs', options, async (_request, reply) => reply.redirect('/docs/', 301));
  app.get('/docs/', options, async (_request, reply) =>
    reply
      .type('text/html; charset=utf-8')
      .header('content-security-policy', (await page()).policy)
      .send((await page()).html),
  );
  app.get('/docs/js/scalar.js', options, async (_request, reply) =>
    reply.type('application/javascript; charset=utf-8').send((await page()).script),
  );
}

interface Page {
  readonly html: Buffer;
  readonly script: Buffer;
  /** Content-Security-Policy. */
  readonly policy: string;
}

/** The package has its script of 5 MB as a text in its code, which costs each start that loads it 0.1 s and 33 MiB. */
async function readPage(): Promise<Page> {
  const { default: scalar } = await import('@scalar/fastify-api-reference');
  const app = Fastify();
  await app.register(scalar, { routePrefix: '/docs', configuration: { url: DOCUMENT_PATH, ...OURS_ALONE } });
  const read = async (url: string): Promise<Buffer> => (await app.inject(url)).rawPayload;
  const html = await read('/docs/');
  return { html, script: await read('/docs/js/scalar.js'), policy: policyOf(html.toString()) };
}

/** Nothing that leads to the services of those who made the page, or asks their servers. */
const OURS_ALONE = {
  hideClientButton: true,
  showDeveloperTools: 'never',
  withDefaultFonts: false,
  telemetry: false,
  agent: { disabled: true },
  mcp: { disabled: true },
  customCss: 'a[href*="scalar.com"] { display: none !important; }',
} as const;

/** The page begins with a script in itself, which is let in by its digest; it makes its styles while it runs. */
function policyOf(html: string): string {
  const digests = [
    ...html.matchAll(/<script>([\s\S]*?)<\/script>|<script type="text\/javascript">([\s\S]*?)<\/script>/g),
  ]
    .map(([, plain, typed]) => `'sha256-${hash('sha256', plain ?? typed ?? '', 'base64')}'`)
    .join(' ');
  return [
    "default-src 'none'",
    `script-src 'self' ${digests}`,
    "style-src 'self' 'unsafe-inline'",
    "img-src 'self' data:",
    "font-src 'self'",
    "connect-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join('; ');
}

/** Made at the first call. */
function once<Value>(make: () => Promise<Value>): () => Promise<Value> {
  let made: Promise<Value> | undefined;
  return async () => (made ??= make());
}
