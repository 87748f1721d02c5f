// What a server is set to, as the use cases read it: `main.ts` makes it of the configuration.

import type { IdentityMode } from '#protocol/admin/states.ts';
import type { EventFilterType } from '#protocol/admin/events.ts';
import type { Shape } from '#protocol/admin/fleet/recipients.ts';
import type { Plan } from '#protocol/admin/plan.ts';

export interface Settings {
  readonly pollIntervalS: number;
  /** The interval sent to a device varies by this share, 0 to 0.5, so that a fleet does not poll in step. */
  readonly pollJitter: number;
  /** Label hints that become labels by themselves. */
  readonly labelsFromHints: readonly string[];
  /** Plans of the configuration, beside those that are built in. */
  readonly plans: readonly Plan[];
  /** Whom to tell of events. */
  readonly webhooks: readonly Webhook[];
  /** Whom to tell what needs a person. */
  readonly recipients: readonly Recipient[];
  /** Where people reach this server, for links. */
  readonly publicUrl: () => URL;
  readonly certificateEndsAtMs: number;
  readonly maxImageBytes: number;
  readonly maxDownloads: number;
  readonly retention: RetentionLimits;
  /** After how long without a backup a person is called; undefined: never. */
  readonly backupRemindMs: number | undefined;
  readonly board: BoardAccess;
  readonly devices: {
    readonly identity: IdentityMode;
    /** Boards that were never seen: so many in an hour, by this process; and so many boards in all. */
    readonly newPerHour: number;
    readonly most: number;
  };
}

/** What boards are told of this server. */
interface BoardAccess {
  readonly fleetToken: string;
  /** SHA-256 of the public key of the certificate, hex. */
  readonly spkiPin: string;
  /** `spki:` and hex of the key that is kept in reserve, as it is now; undefined: there is none. */
  readonly backupPin: () => string | undefined;
  /** Addresses and names by which the machine can be reached now, the best first. */
  readonly hosts: () => readonly string[];
}

/** How long what is kept, in milliseconds; infinity: for ever. */
export interface RetentionLimits {
  readonly eventsMs: number;
  readonly auditMs: number;
  /** Ended ones, of rollouts that are over, since they changed last. */
  readonly assignmentsMs: number;
  /** Hours that a board measured, since it was seen last. */
  readonly telemetryMs: number;
  /** What a board measured at its last check, since then. */
  readonly presenceMs: number;
}

export interface Webhook {
  readonly name: string;
  readonly url: URL;
  /** Signs what is sent: never log it. */
  readonly secret: string;
  /** Undefined: every event. */
  readonly types: readonly EventFilterType[] | undefined;
  /** Its receiver may be in a network of one's own. */
  readonly allowPrivate: boolean;
}

interface AnyRecipient {
  readonly name: string;
  /** Undefined: what is loud. */
  readonly types: readonly EventFilterType[] | undefined;
  /** It may be in a network of one's own, and without TLS. */
  readonly allowPrivate: boolean;
}

/** A chat: whoever knows `url` can write there, so it is never logged. */
export interface ChatRecipient extends AnyRecipient {
  readonly shape: Exclude<Shape, 'mail'>;
  readonly url: URL;
  /** Sent as `Authorization: Bearer`. */
  readonly token: string | undefined;
}

export interface MailRecipient extends AnyRecipient {
  readonly shape: 'mail';
  readonly smtp: {
    readonly host: string;
    readonly port: number;
    /** TLS from the first byte; else by STARTTLS. */
    readonly isTls: boolean;
  };
  readonly login: { readonly user: string; readonly password: string } | undefined;
  readonly from: string;
  readonly to: readonly string[];
}

export type Recipient = ChatRecipient | MailRecipient;
