// The API as an OpenAPI 3.1 document at /openapi.json, made from the schemas that check the requests, and readable at /docs.
// Nothing of it changes while a server runs, so each part is made once, when it is first asked for, and sent from there.

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
          'Over-the-air firmware updates for ESP32 fleets. Boards use the fleet token, operators the admin token.',
      },
      components: {
        securitySchemes: {
          fleetToken: { type: 'http', scheme: 'bearer' },
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

export function addDocRoutes(app: FastifyInstance): void {
  const options = { config: { scope: 'public' }, schema: { hide: true } } as const;
  const document = once(async () => Buffer.from(JSON.stringify(app.swagger())));
  const page = once(readPage);
  app.get(DOCUMENT_PATH, options, async (_request, reply) =>
    reply.type('application/json; charset=utf-8').send(await document()),
  );
  app.get('/docs', options, async (_request, reply) => reply.redirect('/docs/', 301));
  app.get('/docs/', options, async (_request, reply) =>
    reply.type('text/html; charset=utf-8').send((await page()).html),
  );
  app.get('/docs/js/scalar.js', options, async (_request, reply) =>
    reply.type('application/javascript; charset=utf-8').send((await page()).script),
  );
}

interface Page {
  readonly html: Buffer;
  readonly script: Buffer;
}

/** The package has its script of 5 MB as a text in its code, which costs each start that loads it 0.1 s and 33 MiB. */
async function readPage(): Promise<Page> {
  const { default: scalar } = await import('@scalar/fastify-api-reference');
  const app = Fastify();
  await app.register(scalar, { routePrefix: '/docs', configuration: { url: DOCUMENT_PATH } });
  const read = async (url: string): Promise<Buffer> => (await app.inject(url)).rawPayload;
  return { html: await read('/docs/'), script: await read('/docs/js/scalar.js') };
}

/** Made at the first call. */
function once<Value>(make: () => Promise<Value>): () => Promise<Value> {
  let made: Promise<Value> | undefined;
  return async () => (made ??= make());
}
