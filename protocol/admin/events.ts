// Events: what changed of a rollout, a stage, an assignment, what operators hold, and what is wrong with images and servers, as the event stream, the list and webhooks say it. The
// table is the list of types; docs/events.md shows the same.

import { type Static, Type } from 'typebox';
import { DeviceIdText } from '#protocol/identity.ts';
import { Instant, Mac, Name, RolloutName } from '#protocol/words.ts';

/** Type to what happened. A type is a promise of the wire: it never changes its meaning. */
export const EVENT_TYPES = {
  'rollout.created': 'a rollout was made, as a draft',
  'rollout.started': 'its first stage is open',
  'rollout.promoted': 'its next stage is open',
  'rollout.paused': 'a person or a schedule holds its offers',
  'rollout.halted': 'the gate of its stage failed, which holds its offers',
  'rollout.resumed': 'it goes on after a pause or a halt',
  'rollout.completed': 'its last stage is done: the build is stable',
  'rollout.regressed': 'complete, but boards failed in its watch: boards that do not run the build are not offered it',
  'rollout.kept': 'a person keeps the build of a regressed rollout',
  'rollout.aborted': 'it ended for good before that',
  'rollout.undone': 'a person took it back: boards that run its build go back to what was before it',
  'stage.opened': 'devices of the stage are offered the build from now on',
  'stage.closed': 'the next stage took its place, or the rollout ended',
  'stage.sample_reached': 'not told any more; those that 0.1.0 told are listed until they are removed',
  'stage.sample_lost': 'not told any more, as the one before',
  'assignment.offered': 'a device was offered the build',
  'assignment.downloading': 'it reported that it fetches the image',
  'assignment.downloaded': 'it has the whole image',
  'assignment.installing': 'it is about to restart into the build',
  'assignment.trial': 'it runs the build on trial',
  'assignment.confirmed': 'it was seen running the build, and not on trial',
  'assignment.healthy': 'it has run the build for the soak of its stage, without a crash',
  'assignment.crashing': 'it confirmed the build, and restarts by a fault of the firmware',
  'assignment.lost': 'it was given the build, and then nothing was heard of it for longer than its limit',
  'assignment.failed': 'it came back on the old version, or reported a failure',
  'assignment.rolled_back': 'it ran the build and left it',
  'assignment.rejected': 'it refused the build',
  'assignment.timed_out': 'nothing was heard of it until its deadline',
  'assignment.superseded': 'the rollout ended before the device was done',
  'device.named': 'an operator gave it a name, or took it away',
  'device.removed': 'an operator removed it, with everything that was known of it',
  'device.replaced': 'another board took its place, with its labels and its name; it is removed',
  'device.came_back': 'a board that was removed checked in again: it is a new device',
  'device.held': 'an operator holds the device: it is offered nothing new',
  'device.released': 'it is not held any more',
  'device.cancelled': 'an operator cancelled a build on it: it is not offered that one any more',
  'device.sent_back': 'an operator sent it back from the build that it runs',
  'device.offered_now': 'an operator has it offered what there is for it, past windows and pace',
  'device.retried': 'an operator has it try again what failed on it or was cancelled',
  'device.reports_differ':
    'two reports with one number said different things: the second one was not taken; told once an hour',
  'product.frozen': 'an operator has frozen the product: none of its devices is offered anything new',
  'product.unfrozen': 'it is not frozen any more',
  'image.damaged': 'the stored bytes of an image are damaged or gone: boards do not get it',
  'image.mended': 'they are whole again',
  'server.trouble': 'a server cannot do all of its work, such as writing to its disk',
  'server.recovered': 'it can again',
  'server.certificate_ends': 'the certificate of a server ends soon: 30 days, 7 days and 1 day before',
} as const;

export type EventType = keyof typeof EVENT_TYPES;

/** What comes before the dot: stands for all types of that group. */
const EVENT_GROUPS = ['rollout', 'stage', 'assignment', 'device', 'product', 'image', 'server'] as const;
export type EventFilterType = EventType | (typeof EVENT_GROUPS)[number];

/** A type, or a group for all of its types. */
export const EVENT_FILTER_TYPES: readonly EventFilterType[] = [
  ...EVENT_GROUPS,
  ...Object.keys(EVENT_TYPES).filter(isEventType),
];

/** Position of an event: two numbers, to be taken as one opaque text. `0` is the position before the first event. */
export const EVENT_ID_PATTERN = '^(0|[0-9]{1,15}-[0-9]{1,15})$';

const EventId = Type.String({ pattern: EVENT_ID_PATTERN, description: 'opaque', examples: ['742-1881'] });

export const Event = Type.Object(
  {
    id: EventId,
    at: Instant,
    type: Type.Unsafe<EventType>({ type: 'string', enum: Object.keys(EVENT_TYPES) }),
    product: Type.Union([Name, Type.Null()], { description: 'null: of a server' }),
    rollout: Type.Union([RolloutName, Type.Null()], {
      description: 'null: of a device, a product, an image or a server',
    }),
    version: Type.Union([Type.String(), Type.Null()], { description: 'null: of a device, a product or a server' }),
    stage: Type.Union([Name, Type.Null()], { description: 'null: the rollout has opened none yet' }),
    device_id: Type.Union([DeviceIdText, Type.Null()], {
      description: 'of an assignment or a device; null in events that were told before devices had ids',
    }),
    mac: Type.Union([Mac, Type.Null()], { description: 'of an assignment or a device' }),
    name: Type.Union([Type.String(), Type.Null()], { description: 'what an operator called that device then' }),
    assignment_id: Type.Union([Type.Integer(), Type.Null()]),
    from: Type.Union([Type.String(), Type.Null()], {
      description: 'status of the rollout or state of the assignment before; null: there was none, or it is a stage',
    }),
    data: Type.Record(Type.String(), Type.Unknown(), { description: 'what else there is to say, by type' }),
  },
  { $id: 'Event' },
);
export type Event = Static<typeof Event>;

export function isEventType(type: string): type is EventType {
  return Object.hasOwn(EVENT_TYPES, type);
}
