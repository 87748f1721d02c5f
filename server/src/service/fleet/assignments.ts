// Assignments for operators: which device is how far in which rollout.

import type { Assignment } from '#protocol/admin/devices.ts';
import type { DeviceRef } from '#protocol/identity.ts';
import { listAssignments as listRows } from '#server/db/device/assignments.ts';
import type { AssignmentState } from '#engine/facts/model.ts';
import type { Deps } from '#server/service/deps.ts';
import { viewAssignment } from './devices.ts';
import { type Listed, type ListQuery, readPage, toListed } from '#server/service/list.ts';

export async function listAssignments(
  deps: Deps,
  query: ListQuery & {
    readonly rollout?: string | undefined;
    readonly device?: DeviceRef | undefined;
    readonly state?: AssignmentState | undefined;
  },
): Promise<Listed<Assignment>> {
  const page = await listRows(deps.database.read, query, readPage(query, { id: 'assignments.id' }, '-id'));
  return toListed(page, page.rows.map(viewAssignment));
}
