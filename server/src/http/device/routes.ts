// The addresses that boards use. Each reads what came, hands plain values to one service, and answers.

import type { FastifyInstance, FastifyRequest } from 'fastify';
import { canonicalChip } from '#protocol/device/chips.ts';
import {
  CheckUpdateAnswer,
  CheckUpdateRequest,
  EnrolAnswer,
  EnrolRequest,
  ErrorAnswer,
  ReportStatusAnswer,
  ReportStatusRequest,
} from '#protocol/device/api.ts';
import { macName } from '#protocol/identity.ts';
import { OtterError } from '#protocol/errors.ts';
import { MAX_DEVICE_BODY_BYTES } from '#protocol/limits.ts';
import { DEFAULT_PRODUCT, LABEL_PATTERN, MAC_PATTERN } from '#protocol/words.ts';
import { checkIn } from '#server/service/device/check-in.ts';
import type { CheckIn } from '#server/service/device/known.ts';
import type { Deps } from '#server/service/deps.ts';
import { enrol } from '#server/service/identity/enrol.ts';
import type { Speaker } from '#server/service/identity/speaker.ts';
import { digestToken, speakerOf } from '#server/http/auth.ts';
import { OF_BOARDS } from '#server/http/docs.ts';
import { report } from '#server/service/device/report.ts';
import { dropUnreadable } from './optional-members.ts';
import { readTelemetry } from './telemetry.ts';
import { addressOf } from '#server/http/request/client-address.ts';

const shared = { scope: 'device', requiresBody: true, maxBodyBytes: MAX_DEVICE_BODY_BYTES } as const;
const labelName = new RegExp(LABEL_PATTERN);
const CANONICAL = new RegExp(MAC_PATTERN);
const NO_BOARD = '00:00:00:00:00:00';

export function addDeviceRoutes(app: FastifyInstance, deps: Deps, clock: () => number): void {
  app.post<{ Body: CheckUpdateRequest }>(
    '/api/v1/check-update',
    {
      config: shared,
      preValidation: dropUnreadable,
      schema: {
        summary: 'Ask for an update',
        tags: ['device'],
        security: OF_BOARDS,
        body: CheckUpdateRequest,
        response: { 200: CheckUpdateAnswer, '4xx': ErrorAnswer, 503: ErrorAnswer },
      },
    },
    async (request) => {
      const checked = readCheckIn(request, speakerOf(request));
      const answer = await checkIn(deps, checked, clock());
      request.outcome = {
        device: checked.name.text,
        decision: answer.update_available ? (answer.rollback ? 'rollback' : 'install') : 'hold',
        reason: answer.reason,
      };
      return answer;
    },
  );

  app.post<{ Body: ReportStatusRequest }>(
    '/api/v1/report-status',
    {
      config: shared,
      schema: {
        summary: 'Report how far an assignment is',
        tags: ['device'],
        security: OF_BOARDS,
        body: ReportStatusRequest,
        response: { 200: ReportStatusAnswer, '4xx': ErrorAnswer, 503: ErrorAnswer },
      },
    },
    async (request) => {
      const { body } = request;
      const mac = canonicalMac(body.mac);
      const answer = await report(
        deps,
        {
          name: macName(mac),
          speaker: speakerOf(request),
          assignmentId: body.assignment_id,
          sequence: body.sequence,
          status: body.status,
          errorCode: body.error_code,
          detail: printable(body.detail),
        },
        clock(),
      );
      request.outcome = { device: mac, decision: answer.state, reason: answer.duplicate ? 'duplicate' : body.status };
      return answer;
    },
  );

  addEnrolment(app, deps, clock);
}

function addEnrolment(app: FastifyInstance, deps: Deps, clock: () => number): void {
  app.post<{ Body: EnrolRequest }>(
    '/api/v1/enrol',
    {
      config: shared,
      schema: {
        summary: 'Enrol: bring the token that the board made, and speak with it from then on',
        tags: ['device'],
        security: [{ fleetToken: [] }],
        body: EnrolRequest,
        response: { 200: EnrolAnswer, '4xx': ErrorAnswer, 503: ErrorAnswer },
      },
    },
    async (request) => {
      if (speakerOf(request).kind !== 'fleet_token')
        throw new OtterError('wrong_scope', 'a device token does not enrol', 'enrol with the fleet token');
      const mac = canonicalMac(request.body.mac);
      const tokenSha256 = digestToken(request.body.token).toString('hex');
      const answer = await enrol(deps, { name: macName(mac), tokenSha256, address: addressOf(request) }, clock());
      request.outcome = { device: mac, decision: 'enrol', reason: answer.state };
      return answer;
    },
  );
}

function readCheckIn(request: FastifyRequest<{ Body: CheckUpdateRequest }>, speaker: Speaker): CheckIn {
  const { body } = request;
  const hints = body.labels ?? [];
  const labelHints = hints.filter((hint) => labelName.test(hint));
  const telemetry = readTelemetry(body);
  const dropped = new Set(request.warnings);
  for (const member of telemetry.dropped) dropped.add(member);
  if (labelHints.length < hints.length) dropped.add('labels');
  if (dropped.size > 0) request.warnings = [...dropped];
  return {
    name: macName(canonicalMac(body.mac)),
    speaker,
    ip: addressOf(request),
    product: body.product ?? DEFAULT_PRODUCT,
    chip: body.chip === undefined ? undefined : canonicalChip(body.chip),
    slotBytes: body.slot_bytes,
    sighting: {
      version: body.current_version,
      imageSha256: body.image_sha256,
      onTrial: body.boot?.state === 'trial',
      rolledBackFrom: body.boot?.rolled_back_from,
      bootReason: body.boot?.reason,
      ...(body.postponed === undefined ? {} : { postponed: postponedOf(body.postponed) }),
    },
    labelHints,
    telemetry: telemetry.measures,
    attributes: {
      ...telemetry.attributes,
      ...(labelHints.length > 0 ? { label_hints: labelHints } : {}),
      ...(speaker.kind === 'fleet_token' && speaker.isFormer ? { fleet_token: 'former' } : {}),
      ...(dropped.size > 0 ? { unreadable: [...dropped].toSorted() } : {}),
    },
  };
}

function postponedOf({ assignment_id, reason }: NonNullable<CheckUpdateRequest['postponed']>) {
  return { assignmentId: assignment_id, reason: printable(reason) ?? '' };
}

/** Not the address of nobody, nor one of a group (IEEE 802: the lowest bit of the first byte), such as that of everybody. */
function isOfBoard(mac: string): boolean {
  return mac !== NO_BOARD && '02468ace'.includes(mac.charAt(1));
}

/** Throws `mac_reserved` for an address that no board has. */
function canonicalMac(spelled: string): string {
  // Nearly every board spells it the canonical way already.
  if (CANONICAL.test(spelled) && isOfBoard(spelled)) return spelled;
  const digits = spelled.replaceAll(/[:-]/g, '').toLowerCase();
  const mac = digits.replaceAll(/(..)(?=.)/g, '$1:');
  if (isOfBoard(mac)) return mac;
  throw new OtterError(
    'mac_reserved',
    `mac: ${spelled} belongs to no board`,
    'read the MAC after Wi-Fi has started (esp_read_mac), not before',
  );
}

/** Device text is attacker text: what no terminal should see is left out. */
function printable(text: string | undefined): string | undefined {
  return text?.replaceAll(/[\p{Cc}\p{Cf}]/gu, '');
}
