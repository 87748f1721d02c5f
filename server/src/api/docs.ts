// The API as an OpenAPI 3.1 document at /openapi.json, made from the schemas that check the requests, and readable at /docs.

import swagger from '@fastify/swagger';
import scalar from '@scalar/fastify-api-reference';
import type { FastifyInstance } from 'fastify';
import { SERVER_VERSION } from '#server/version.ts';

export async function addDocs(app: FastifyInstance): Promise<void> {
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
  await app.register(async (docs) => {
    docs.get('/openapi.json', { config: { scope: 'public' }, schema: { hide: true } }, async () => app.swagger());
    await docs.register(scalar, { routePrefix: '/docs', configuration: { url: '/openapi.json' } });
  });
}
