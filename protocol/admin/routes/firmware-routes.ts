// Builds, and the keys that sign them.

import { Type } from 'typebox';
import { BlockAnswer, Firmware, RemovedFirmware, UploadAnswer, WayBack } from '#protocol/admin/firmware.ts';
import {
  NewRetirement,
  NewTrust,
  ReleaseKey,
  TrustedReleaseKey,
  UnsignedBuild,
} from '#protocol/admin/fleet/release-keys.ts';
import { SignedManifest } from '#protocol/device/signed-manifest.ts';
import { NewNote, Notes, oneOf } from '#protocol/admin/shapes.ts';
import { MAX_SIGNED_CHARS } from '#protocol/limits.ts';
import { Chip, KeyId, Name, Sha256, Version } from '#protocol/words.ts';
import { confirmRemoval, firmwareVersion, page, paging, product, reason, ref, route, strict } from './route.ts';

export const firmwareRoutes = {
  getReleaseKeys: route(
    'GET',
    '/release-keys',
    'Release keys, trusted and retired, and what needs each of them',
    Type.Object({ items: Type.Array(ref(ReleaseKey)) }),
  ),
  getUnsignedBuilds: route(
    'GET',
    '/release-keys/unsigned',
    'Builds that boards may be offered and that no trusted key signed',
    Type.Object({ items: Type.Array(ref(UnsignedBuild)) }),
    { query: Type.Object({ product: Type.Optional(Name) }, strict) },
  ),
  trustReleaseKey: route(
    'POST',
    '/release-keys',
    'From now on take only builds that a trusted key signed; refused while a build that boards may be offered is unsigned',
    ref(TrustedReleaseKey),
    { body: NewTrust },
  ),
  retireReleaseKey: route(
    'POST',
    '/release-keys/:key/retire',
    'Signatures of this key count no more; refused while boards or builds have no other',
    ref(ReleaseKey),
    { params: Type.Object({ key: KeyId }), body: NewRetirement },
  ),
  listFirmware: route('GET', '/firmware', 'Firmware; sort by created_at', page(ref(Firmware)), {
    query: Type.Object({ ...paging, ...product, channel: Type.Optional(Name) }, strict),
  }),
  getFirmware: route('GET', '/firmware/:version', 'One firmware with its images', ref(Firmware), {
    params: firmwareVersion,
    query: Type.Object(product, strict),
  }),
  uploadFirmware: route(
    'POST',
    '/firmware',
    'Upload one application image as the raw body (`application/octet-stream`)',
    ref(UploadAnswer),
    {
      query: Type.Object(
        {
          product: Type.Optional(
            Type.Unsafe<string>({ ...Name, description: 'default: what the firmware marker says, else `default`' }),
          ),
          version: Type.Optional(
            Type.Unsafe<string>({ ...Version, description: 'default: what the firmware marker says' }),
          ),
          chip: Type.Optional(
            Type.Unsafe<string>({ ...Chip, description: 'refuse the image if it is for another chip' }),
          ),
          channel: Type.Optional(Name),
          notes: Type.Optional(Notes),
          pilot_ready: Type.Optional(oneOf(['true', 'false'])),
          sha256: Type.Optional(
            Type.Unsafe<string>({
              ...Sha256,
              description: 'refuse the image if its digest is another (or header `X-Sha256`)',
            }),
          ),
          signed: Type.Optional(
            Type.String({
              maxLength: MAX_SIGNED_CHARS,
              description: 'the JSON of a SignedManifest: needed where a release key is trusted for the product',
            }),
          ),
          force_version: Type.Optional(oneOf(['true', 'false'])),
          force_product: Type.Optional(oneOf(['true', 'false'])),
          force_project: Type.Optional(
            Type.Unsafe<'true' | 'false'>({
              ...oneOf(['true', 'false']),
              description: 'take the image although those of other chips say that they are another project',
            }),
          ),
        },
        strict,
      ),
      rawBody: true,
      status: 201,
    },
  ),
  signFirmware: route(
    'POST',
    '/firmware/:version/signatures',
    'Add signatures to an image that is stored; of other dates they take the place of those that are there',
    ref(Firmware),
    { params: firmwareVersion, body: SignedManifest },
  ),
  setPilotReady: route(
    'POST',
    '/firmware/:version/ready',
    'Say that a firmware may go to the pilot (or not any more)',
    ref(Firmware),
    {
      params: firmwareVersion,
      query: Type.Object(product, strict),
      body: Type.Object({ ready: Type.Optional(Type.Boolean()) }, strict),
    },
  ),
  noteFirmware: route('PUT', '/firmware/:version/note', 'Write a note on a firmware', ref(Firmware), {
    params: firmwareVersion,
    query: Type.Object(product, strict),
    body: NewNote,
  }),
  setRequired: route(
    'POST',
    '/firmware/:version/require',
    'Make a firmware a required version: devices that are older do not skip it (or lift that)',
    ref(Firmware),
    {
      params: firmwareVersion,
      query: Type.Object(product, strict),
      body: Type.Object({ required: Type.Optional(Type.Boolean()) }, strict),
    },
  ),
  /** How `setRequired` was called before 0.2; programs that people wrote call it so. */
  setMustPass: route(
    'POST',
    '/firmware/:version/must-pass',
    'The same by its former name: call /require',
    ref(Firmware),
    {
      params: firmwareVersion,
      query: Type.Object(product, strict),
      body: Type.Object({ must_pass: Type.Optional(Type.Boolean()) }, strict),
    },
  ),
  blockFirmware: route(
    'POST',
    '/firmware/:version/block',
    'Never offer this firmware again; devices running it go back to the prior stable one',
    ref(BlockAnswer),
    {
      params: firmwareVersion,
      query: Type.Object(product, strict),
      body: reason,
    },
  ),
  previewBlock: route(
    'GET',
    '/firmware/:version/block-preview',
    'What a block would do: how many devices run it, what they are offered instead, who stays and why',
    ref(WayBack),
    { params: firmwareVersion, query: Type.Object(product, strict) },
  ),
  unblockFirmware: route('POST', '/firmware/:version/unblock', 'Allow a blocked firmware again', ref(Firmware), {
    params: firmwareVersion,
    query: Type.Object(product, strict),
  }),
  removeFirmware: route(
    'DELETE',
    '/firmware/:version',
    'Remove a firmware that nothing needs, with its images and its rollouts',
    ref(RemovedFirmware),
    {
      params: firmwareVersion,
      query: Type.Object({ ...product, ...confirmRemoval.properties }, strict),
    },
  ),
} as const;
