// The routes of firmware, each tied to its service. What signs it is in signature-handlers.ts.

import {
  blockFirmware,
  getFirmware,
  listFirmware,
  previewBlock,
  setRequired,
  setPilotReady,
  unblockFirmware,
} from '#server/service/firmware/firmware.ts';
import { removeFirmware } from '#server/service/firmware/firmware-removal.ts';
import { noteFirmware } from '#server/service/names/notes.ts';
import { uploadFirmware } from '#server/service/firmware/upload.ts';
import { readUpload } from '#server/http/request/read-body.ts';
import { readSigned } from './read-signed.ts';
import type { Deps } from '#server/service/deps.ts';
import { type Handlers, yes } from './handlers.ts';

type FirmwareRoute =
  | 'listFirmware'
  | 'getFirmware'
  | 'uploadFirmware'
  | 'setPilotReady'
  | 'noteFirmware'
  | 'setRequired'
  | 'setMustPass'
  | 'blockFirmware'
  | 'previewBlock'
  | 'unblockFirmware'
  | 'removeFirmware';

export function firmwareHandlers(deps: Deps): Pick<Handlers, FirmwareRoute> {
  const named = (call: {
    readonly params: { readonly version: string };
    readonly query: { readonly product?: string };
  }) => ({ version: call.params.version, product: call.query.product });
  return {
    listFirmware: async ({ query }) => listFirmware(deps, query),
    getFirmware: async (call) => getFirmware(deps, named(call)),
    uploadFirmware: async ({ query, raw, header, nowMs, by }) =>
      uploadFirmware(
        deps,
        {
          product: query.product,
          version: query.version,
          chip: query.chip,
          channel: query.channel,
          notes: query.notes,
          pilotReady: query.pilot_ready === 'true',
          sha256: query.sha256 ?? header('x-sha256')?.toLowerCase(),
          forceProduct: query.force_product === 'true',
          forceVersion: query.force_version === 'true',
          forceProject: query.force_project === 'true',
          signed: readSigned(query.signed),
          source: readUpload(raw),
        },
        by,
        nowMs,
      ),
    setPilotReady: async (call) => setPilotReady(deps, named(call), call.body.ready ?? true, call.by, call.nowMs),
    noteFirmware: async (call) => noteFirmware(deps, named(call), call.body.note, call.by, call.nowMs),
    setRequired: async (call) => setRequired(deps, named(call), call.body.required ?? true, call.by, call.nowMs),
    setMustPass: async (call) => setRequired(deps, named(call), call.body.must_pass ?? true, call.by, call.nowMs),
    blockFirmware: async (call) => blockFirmware(deps, named(call), call.body.reason, call.by, call.nowMs),
    previewBlock: async (call) => previewBlock(deps, named(call)),
    unblockFirmware: async (call) => unblockFirmware(deps, named(call), call.by, call.nowMs),
    removeFirmware: async (call) => removeFirmware(deps, { ...named(call), ...yes(call.query) }, call.by, call.nowMs),
  };
}
