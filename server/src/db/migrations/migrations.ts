// Every step from an empty database to the present one, in order. A step that has been released is never edited; a change
// of the data model is a new step at the end (CONTRIBUTING.md has the recipe).

import type { Dialect } from '#server/db/database.ts';
import type { Trx } from '#server/db/schema.ts';
import {
  addAcknowledged,
  addGates,
  addPlans,
  addProtections,
  addStoredPlans,
  createEvents,
  createWebhooks,
} from './engine-steps.ts';
import {
  addAppendedDigests,
  addHolderIndex,
  addImageReleases,
  addObservations,
  addSaidHardware,
  addOutcomes,
  addRanOut,
  addReturns,
  addReturnsOfDevices,
  addScheduleStages,
  addSilenceLimits,
  addWatch,
  createAbsences,
  createTelemetry,
  markEnded,
} from './watch-steps.ts';
import { addHolds, addOrders, addTestIndex, addConsent, createBudgets } from './hold-steps.ts';
import { createRemovedDevices } from './removal-steps.ts';
import { addGivenNames, addNotes, addSortNames } from './name-steps.ts';
import {
  addDifferingReports,
  createCredentials,
  createIdentities,
  createSessions,
  createTicketKeys,
  addSessionTokens,
} from './access-steps.ts';
import { addDynamicLabels, addFlapping, createSavedQueries } from './group-steps.ts';
import { createVersionHours } from './history-steps.ts';
import { createDeviceNames } from './identity-steps.ts';
import {
  renameRequired,
  addImageChecks,
  addImageInfo,
  createBlobs,
  createConfigurations,
  createReleaseKeys,
} from './image-steps.ts';
import { chainAudit, createPastBoards, createRemovedImages, replaceDownloadLog } from './retention-steps.ts';
import { createBackups, createSharedFiles, createTroubles, createWriteProof } from './trouble-steps.ts';
import { createFleet, createRollouts, createSchedules } from './first-steps.ts';

export interface Migration {
  readonly name: string;
  readonly up: (db: Trx, dialect: Dialect) => Promise<void>;
}

export const MIGRATIONS: readonly Migration[] = [
  { name: 'fleet', up: createFleet },
  { name: 'firmware and rollouts', up: createRollouts },
  { name: 'schedules and audit', up: createSchedules },
  { name: 'plans', up: addPlans },
  { name: 'gates', up: addGates },
  { name: 'protections', up: addProtections },
  { name: 'stored plans', up: addStoredPlans },
  { name: 'events', up: createEvents },
  { name: 'webhooks', up: createWebhooks },
  { name: 'acknowledged failures', up: addAcknowledged },
  { name: 'observations', up: addObservations },
  { name: 'outcomes', up: addOutcomes },
  { name: 'watch', up: addWatch },
  { name: 'absences', up: createAbsences },
  { name: 'returns', up: addReturns },
  { name: 'stages of schedules', up: addScheduleStages },
  { name: 'appended digests', up: addAppendedDigests },
  { name: 'image releases', up: addImageReleases },
  { name: 'silence limits', up: addSilenceLimits },
  { name: 'telemetry', up: createTelemetry },
  { name: 'returns of devices', up: addReturnsOfDevices },
  { name: 'said hardware', up: addSaidHardware },
  { name: 'holders', up: addHolderIndex },
  { name: 'image checks', up: addImageChecks },
  { name: 'reports of assignments', up: replaceDownloadLog },
  { name: 'audit chain', up: chainAudit },
  { name: 'past boards', up: createPastBoards },
  { name: 'write proof', up: createWriteProof },
  { name: 'shared files', up: createSharedFiles },
  { name: 'removed images', up: createRemovedImages },
  { name: 'blobs', up: createBlobs },
  { name: 'trials that ran out', up: addRanOut },
  { name: 'device names', up: createDeviceNames },
  { name: 'image info', up: addImageInfo },
  { name: 'required versions', up: renameRequired },
  { name: 'holds', up: addHolds },
  { name: 'test boards', up: addTestIndex },
  { name: 'given names', up: addGivenNames },
  { name: 'notes', up: addNotes },
  { name: 'removed devices', up: createRemovedDevices },
  { name: 'orders', up: addOrders },
  { name: 'sessions', up: createSessions },
  { name: 'dynamic labels', up: addDynamicLabels },
  { name: 'budgets', up: createBudgets },
  { name: 'troubles', up: createTroubles },
  { name: 'flapping', up: addFlapping },
  { name: 'saved queries', up: createSavedQueries },
  { name: 'consent', up: addConsent },
  { name: 'sort names', up: addSortNames },
  { name: 'version hours', up: createVersionHours },
  { name: 'identities', up: createIdentities },
  { name: 'backups', up: createBackups },
  { name: 'ticket keys', up: createTicketKeys },
  { name: 'release keys', up: createReleaseKeys },
  { name: 'differing reports', up: addDifferingReports },
  { name: 'session tokens', up: addSessionTokens },
  { name: 'configurations', up: createConfigurations },
  { name: 'ended marks', up: markEnded },
  { name: 'credentials', up: createCredentials },
];
