// The schemas of the admin API that others refer to by name.

import { Budget } from './fleet/budgets.ts';
import { Cancelled, DeviceRetried, Hold, OfferNow, Product } from './devices.ts';
import { AuditEntry, AuditVerification } from './audit.ts';
import {
  Assignment,
  ClearedBuild,
  Device,
  DeviceDetail,
  Explanation,
  Label,
  RemovedDevice,
  ReplacedDevice,
} from './devices.ts';
import { SavedQuery } from './fleet/saved-queries.ts';
import { ProductHistory } from './fleet/history.ts';
import { BulkAnswer, BulkPreview } from './fleet/bulk.ts';
import { BoardProblem, BoardSettings } from './boards.ts';
import { DeviceNumbers } from './fleet/device-numbers.ts';
import { DeviceImport, DeviceTable } from './fleet/device-table.ts';
import { NoticeTest, Recipient, Webhook } from './fleet/recipients.ts';
import { Pins, PinsOfProduct } from './fleet/pins.ts';
import { ReleaseKey, TrustedReleaseKey, UnsignedBuild } from './fleet/release-keys.ts';
import { Event } from './events.ts';
import { BlockAnswer, Firmware, RemovedFirmware, UploadAnswer, WayBack } from './firmware.ts';
import { Telemetry } from './health.ts';
import { ListedPlan, Rollout, RolloutPreview, RolloutSummary, WaitingBoard } from './rollouts.ts';
import { Schedule, ScheduleRun } from './schedules.ts';
import { Note } from './shapes.ts';
import { Call, ServerStatus } from './status.ts';
import { AcceptedEnrolments, DeviceIdentity, PendingEnrolment } from './fleet/enrolments.ts';
import { LoginLink, Session } from '#protocol/sessions.ts';

/** Schemas that others refer to by name; the server registers each once. */
export const ADMIN_SCHEMAS = [
  Note,
  Hold,
  Cancelled,
  OfferNow,
  Budget,
  DeviceRetried,
  Product,
  ProductHistory,
  Device,
  DeviceNumbers,
  Assignment,
  DeviceDetail,
  ClearedBuild,
  Explanation,
  Telemetry,
  Label,
  Firmware,
  UploadAnswer,
  BlockAnswer,
  WayBack,
  ListedPlan,
  RolloutSummary,
  Rollout,
  WaitingBoard,
  RolloutPreview,
  Schedule,
  ScheduleRun,
  AuditEntry,
  AuditVerification,
  RemovedDevice,
  ReplacedDevice,
  Recipient,
  NoticeTest,
  Webhook,
  DeviceTable,
  DeviceImport,
  RemovedFirmware,
  ReleaseKey,
  TrustedReleaseKey,
  UnsignedBuild,
  PinsOfProduct,
  Pins,
  BulkPreview,
  BulkAnswer,
  SavedQuery,
  Event,
  BoardSettings,
  BoardProblem,
  Call,
  ServerStatus,
  Session,
  LoginLink,
  PendingEnrolment,
  DeviceIdentity,
  AcceptedEnrolments,
] as const;
