// What the server says of itself, and who is told and let in.

import { Type } from 'typebox';
import { AuditEntry, AuditVerification } from '#protocol/admin/audit.ts';
import { NoticeTest, Recipient, Webhook } from '#protocol/admin/fleet/recipients.ts';
import { BoardProblem, BoardSettings } from '#protocol/admin/boards.ts';
import { Pins } from '#protocol/admin/fleet/pins.ts';
import { Configuration } from '#protocol/device/configuration.ts';
import { ServerStatus } from '#protocol/admin/status.ts';
import { Event } from '#protocol/admin/events.ts';
import { LoginLink, Session } from '#protocol/sessions.ts';
import { Name } from '#protocol/words.ts';
import { eventFilter, page, paging, ref, route, strict } from './route.ts';

export const serverRoutes = {
  getStatus: route('GET', '/status', 'The fleet at a glance', ref(ServerStatus)),
  getBoardSettings: route(
    'GET',
    '/boards/settings',
    'What a board needs to get in: addresses of this server, its pin, the fleet token',
    ref(BoardSettings),
  ),
  getPins: route(
    'GET',
    '/pins',
    'The pins of this server, and which devices would be lost if it went over to its backup key',
    ref(Pins),
  ),
  configurePins: route(
    'POST',
    '/pins/configurations',
    'Send boards of a product a configuration that a release key signed: which pins they trust beside those of their build',
    ref(Pins),
    { body: Configuration },
  ),
  getBoardProblems: route(
    'GET',
    '/boards/problems',
    'Boards that fail to get in, the latest first: of this server process, since it started',
    Type.Object({ items: Type.Array(ref(BoardProblem)) }),
  ),
  getRecipients: route(
    'GET',
    '/recipients',
    'Who is told what needs a person, and whether that works; addresses and secrets stay with the server',
    Type.Object({ items: Type.Array(ref(Recipient)) }),
  ),
  getWebhooks: route(
    'GET',
    '/webhooks',
    'Programs that are told of events, and whether that works; addresses and secrets stay with the server',
    Type.Object({ items: Type.Array(ref(Webhook)) }),
  ),
  testRecipients: route(
    'POST',
    '/recipients/test',
    'Send a message for a test, now and by this server, to one recipient or to all of them',
    Type.Object({ items: Type.Array(ref(NoticeTest)) }),
    { body: Type.Object({ name: Type.Optional(Name) }, strict) },
  ),
  listAudit: route('GET', '/audit', 'What was done, by whom; sort by id', page(ref(AuditEntry)), {
    query: Type.Object(
      {
        ...paging,
        action: Type.Optional(Type.String({ maxLength: 40 })),
        subject: Type.Optional(Type.String({ maxLength: 80 })),
      },
      strict,
    ),
  }),
  verifyAudit: route(
    'GET',
    '/audit/verify',
    'Whether every entry of the audit is there, as it was written; names those that are not',
    ref(AuditVerification),
  ),
  getSessions: route(
    'GET',
    '/sessions',
    'Sessions of browsers that are open, the one used last first',
    Type.Object({ items: Type.Array(ref(Session)) }),
  ),
  revokeSession: route(
    'DELETE',
    '/sessions/:session',
    'End a session: its browser has to log in again. `own` is the one that asks',
    Type.Object({ id: Type.String() }),
    { params: Type.Object({ session: Type.String({ maxLength: 40 }) }) },
  ),
  createLoginLink: route('POST', '/sessions/links', 'Make a link that logs a browser in, once', ref(LoginLink), {
    status: 201,
  }),
  listEvents: route(
    'GET',
    '/events/list',
    'Changes of rollouts, stages and assignments; sort by id',
    page(ref(Event)),
    {
      query: Type.Object({ ...paging, ...eventFilter }, strict),
    },
  ),
} as const;
