// Which methods an address takes, for the answer to another one (RFC 9110 section 15.5.6).

import type { FastifyInstance } from 'fastify';

/** Methods of a path, sorted; empty where there is nothing at all. */
export type MethodsOf = (path: string) => readonly string[];

/** To be called before the first route is added. */
export function collectMethods(app: FastifyInstance): MethodsOf {
  const routes: { readonly pattern: RegExp; readonly methods: readonly string[] }[] = [];
  app.addHook('onRoute', ({ url, method }) => {
    routes.push({ pattern: patternOf(url), methods: [method].flat() });
  });
  return (path) =>
    [...new Set(routes.flatMap(({ pattern, methods }) => (pattern.test(path) ? methods : [])))].toSorted();
}

/** `/a/:b/c.json` and `/a/*` as expressions; our own routes have no other signs. */
function patternOf(url: string): RegExp {
  const pattern = url
    .replaceAll('.', String.raw`\.`)
    .replaceAll('*', '.*')
    .replaceAll(/:\w+/g, '[^/]+');
  return new RegExp(`^${pattern}$`);
}
