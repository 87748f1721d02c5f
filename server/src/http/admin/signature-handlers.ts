// The routes of release keys and signatures, each tied to its service.

import type { Deps } from '#server/service/deps.ts';
import {
  getReleaseKeys,
  getUnsignedBuilds,
  retireReleaseKey,
  trustReleaseKey,
} from '#server/service/signatures/release-keys.ts';
import { signFirmware } from '#server/service/signatures/sign-stored.ts';
import type { Handlers } from './handlers.ts';

type SignatureRoute = 'signFirmware' | 'getReleaseKeys' | 'getUnsignedBuilds' | 'trustReleaseKey' | 'retireReleaseKey';

export function signatureHandlers(deps: Deps): Pick<Handlers, SignatureRoute> {
  return {
    signFirmware: async ({ params, body, by, nowMs }) => signFirmware(deps, params.version, body, by, nowMs),
    getReleaseKeys: async () => ({ items: await getReleaseKeys(deps) }),
    getUnsignedBuilds: async ({ query }) => ({ items: await getUnsignedBuilds(deps, query.product) }),
    trustReleaseKey: async ({ body, by, nowMs }) => {
      const trust = { publicKey: body.public_key, product: body.product, signed: body.signed ?? [] };
      return trustReleaseKey(deps, trust, by, nowMs);
    },
    retireReleaseKey: async ({ params, body, by, nowMs }) => {
      const { product, reason, force: isForced = false } = body;
      return retireReleaseKey(deps, { keyId: params.key, product, reason, isForced }, by, nowMs);
    },
  };
}
