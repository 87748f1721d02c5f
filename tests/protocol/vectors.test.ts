// What a board and the server must see alike, from the files that the tests of the Arduino client read, too
// (client/extras/test/unit/vectors_test.cpp). `semver.json` is in tests/engine/facts/version.test.ts.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Static, type TSchema, Type } from 'typebox';
import { Compile } from 'typebox/compile';
import { Value } from 'typebox/value';
import { describe, expect, test } from 'vitest';
import { CheckUpdateAnswer, type InstallWindow } from '#protocol/device/api.ts';
import { findDeviceError } from '#protocol/device/errors.ts';
import { OtterError } from '#protocol/errors.ts';
import { isLabelRule, matchesLabelRule } from '#protocol/device/label-rule.ts';
import { KNOWN_BAD_FAILURES } from '#protocol/limits.ts';
import { Manifest } from '#protocol/device/manifest.ts';
import { parseStrictJson } from '#server/http/request/strict-json.ts';
import { parseEspImage } from '#server/esp-image/esp-image.ts';
import { decide } from '#engine/decision/decide.ts';
import { NO_HISTORY } from '#engine/facts/model.ts';
import { type Board, forgive, newBoard, validateOffer, type CheckedOffer } from '#simulator/device/board.ts';
import { resealEspImage } from '#simulator/images/esp-image-maker.ts';
import { facts, firmware, imageFor, NOW_MS, rollout } from '../engine/sample-facts.ts';
import { withBytes } from '../support/esp-image-builder.ts';

/** A misspelt or missing member of a vector fails here, not as a case that tests nothing. */
function read<Schema extends TSchema>(name: string, schema: Schema): Static<Schema> {
  const path = join(import.meta.dirname, '../../protocol/vectors', name);
  return Value.Parse(schema, parseStrictJson(readFileSync(path)));
}

/** What a board reads of a manifest. */
const ACTED_ON: ReadonlySet<string> = new Set([
  'product',
  'version',
  'chip',
  'security_version',
  'size_bytes',
  'sha256',
  'elf_sha256',
  'created_at',
  'expires_at',
]);

const strict = { additionalProperties: false };

describe('label rules', () => {
  const Answer = Type.Union([Type.Literal('matches'), Type.Literal('no_match'), Type.Literal('malformed')]);
  const Case = Type.Object({ rule: Type.String(), labels: Type.Array(Type.String()), answer: Answer }, strict);
  const { cases } = read('label-rules.json', Type.Object({ note: Type.String(), cases: Type.Array(Case) }, strict));

  test.each(cases)('$rule with $labels: $answer', ({ rule, labels, answer }) => {
    expect(isLabelRule(rule)).toBe(answer !== 'malformed');
    expect(matchesLabelRule(rule, labels)).toBe(answer === 'matches');
  });
});

describe('answers to a check-in', () => {
  const Case = Type.Object(
    {
      name: Type.String(),
      text: Type.Optional(Type.String()),
      hex: Type.Optional(Type.String()),
      error: Type.String(),
      fields: Type.Optional(Type.Record(Type.String(), Type.Unknown())),
      server: Type.Optional(Type.Union([Type.Literal('accepts'), Type.Literal('refuses')])),
      why: Type.Optional(Type.String()),
    },
    strict,
  );
  const { cases } = read('manifests.json', Type.Object({ note: Type.String(), cases: Type.Array(Case) }, strict));
  const schema = Compile({ Manifest }, CheckUpdateAnswer);

  test.each(cases)('$name: $error', ({ text, hex, error, fields, server, why }) => {
    const answer = readAnswer(hex === undefined ? Buffer.from(text ?? '') : Buffer.from(hex, 'hex'));
    expect(error === 'ok' || findDeviceError(error) !== undefined).toBe(true);
    expect(fields !== undefined).toBe(error === 'ok');
    expect(why !== undefined).toBe(server !== undefined);
    const isAccepted = answer !== undefined && schema.Check(answer);
    expect(isAccepted).toBe(server === undefined ? error === 'ok' : server === 'accepts');
    // Where the server says otherwise it must differ, or the field is a leftover.
    if (server !== undefined) expect(isAccepted).not.toBe(error === 'ok');
    if (isAccepted && error === 'ok') expect(fieldsOf(schema.Parse(answer))).toEqual(fields);
  });

  function readAnswer(bytes: Buffer): unknown {
    try {
      return parseStrictJson(bytes);
    } catch (failure) {
      expect(failure).toBeInstanceOf(OtterError);
      return undefined;
    }
  }

  function fieldsOf(answer: CheckUpdateAnswer): Readonly<Record<string, unknown>> {
    const common = { is_offer: answer.update_available, poll_interval_s: answer.poll_interval_s };
    if (!answer.update_available) return common;
    return {
      ...common,
      assignment_id: answer.assignment_id,
      is_rollback: answer.rollback,
      url: answer.url,
      ...(answer.forgiven === true ? { forgiven: true } : {}),
      ...(answer.install_window === undefined ? {} : { install_window: windowOf(answer.install_window) }),
      elf_sha256: '',
      expires_at: '-',
      ...Object.fromEntries(Object.entries(answer.manifest).filter(([name]) => ACTED_ON.has(name))),
    };
  }
});

/** Without members that nobody knows. */
function windowOf({ from_minute, duration_min, utc_offset_min }: InstallWindow): InstallWindow {
  return { from_minute, duration_min, utc_offset_min };
}

describe('first bytes of images', () => {
  const Case = Type.Object(
    {
      name: Type.String(),
      patch: Type.Array(Type.Object({ at: Type.Integer(), hex: Type.String() }, strict)),
      chip_id: Type.Integer(),
      elf_sha256: Type.String(),
      reseal: Type.Boolean(),
      client: Type.String(),
      server: Type.String(),
      why: Type.Optional(Type.String()),
    },
    strict,
  );
  const { base_hex, cases } = read(
    'image-heads.json',
    Type.Object(
      { source: Type.String(), note: Type.String(), base_hex: Type.String(), cases: Type.Array(Case) },
      strict,
    ),
  );

  test.each(cases)('$name: the board says $client, the server $server', (row) => {
    const patched = row.patch.reduce<Buffer>(
      (image, { at, hex }) => withBytes(image, at, Buffer.from(hex, 'hex')),
      Buffer.from(base_hex, 'hex'),
    );
    const image = row.reseal ? resealEspImage(patched) : patched;
    expect(row.why !== undefined).toBe((row.client === 'ok') !== (row.server === 'ok'));
    if (row.server !== 'ok') {
      expect(() => parseEspImage(image)).toThrow(expect.objectContaining({ code: row.server }));
      return;
    }
    const parsed = parseEspImage(image);
    // What the server would put into the manifest, against what the case puts there.
    const isSameChip = parsed.chipId === row.chip_id;
    const isSameBuild = row.elf_sha256 === '' || parsed.descriptor?.elfSha256 === row.elf_sha256;
    expect(row.client).toBe(!isSameChip ? 'chip' : isSameBuild ? 'ok' : 'hash');
  });
});

describe('offers', () => {
  const BoardFacts = Type.Object(
    {
      product: Type.String(),
      version: Type.String(),
      chip: Type.String(),
      slot_bytes: Type.Integer(),
      max_image_bytes: Type.Integer(),
      security_floor: Type.Integer(),
      label_rule: Type.String(),
      known_bad: Type.Boolean(),
      was_forgiven: Type.Boolean(),
      now: Type.String(),
    },
    strict,
  );
  const OfferFacts = Type.Object(
    {
      product: Type.String(),
      version: Type.String(),
      chip: Type.String(),
      size_bytes: Type.Integer(),
      security_version: Type.Integer(),
      rollback: Type.Boolean(),
      forgiven: Type.Boolean(),
      labels: Type.Array(Type.String()),
      created_at: Type.String(),
      expires_at: Type.String(),
    },
    strict,
  );
  const Case = Type.Object(
    {
      name: Type.String(),
      board: Type.Partial(BoardFacts, strict),
      offer: Type.Partial(OfferFacts, strict),
      decision: Type.String(),
      server: Type.Optional(Type.String()),
      client_only: Type.Optional(Type.String()),
    },
    strict,
  );
  const usual = read(
    'offers.json',
    Type.Object({ note: Type.String(), board: BoardFacts, offer: OfferFacts, cases: Type.Array(Case) }, strict),
  );
  const SHA256 = 'b'.repeat(64);
  const merged = usual.cases.map(({ name, decision, server, client_only, ...change }) => {
    const board = { ...usual.board, ...change.board };
    const offer = { ...usual.offer, ...change.offer };
    return { name, decision, server, client_only, board, offer };
  });

  test.each(merged.filter((row) => row.client_only === undefined))(
    'a simulated board says $decision to $name',
    (row) => {
      const { product, version, chip, slot_bytes: slotBytes } = row.board;
      const board: Board = {
        ...newBoard({ mac: '02:00:00:00:00:01', product, version, chip, slotBytes, labels: [] }),
        labelRule: row.board.label_rule,
        securityFloor: row.board.security_floor,
        failures: new Map(row.board.known_bad ? [[SHA256, KNOWN_BAD_FAILURES]] : []),
      };
      const offer = offerOf(row.offer);
      // Forgiving lowers the failures; here the attempt that it brought failed as well.
      const failedAgain = { ...forgive(board, { ...offer, forgiven: true }), failures: board.failures };
      expect(validateOffer(row.board.was_forgiven ? failedAgain : board, offer) ?? 'ok').toBe(row.decision);
    },
  );

  test.each(merged.filter((row) => row.server !== undefined))('the rule of the server is $server for $name', (row) => {
    const { board, offer } = row;
    const image = imageFor(offer.chip, { sizeBytes: offer.size_bytes, sha256: SHA256 });
    const target = rollout(offer.version, { firmware: firmware(offer.version, { id: 7, images: [image] }) });
    const history = board.known_bad ? { ...NO_HISTORY, knownBad: true } : NO_HISTORY;
    const { version: currentVersion, chip, slot_bytes: slotBytes } = board;
    const device = { currentVersion, chip, slotBytes };
    const decision = decide(facts({ device, running: undefined, rollout: target, historyOf: () => history }), NOW_MS);
    expect(decision.reason).toBe(row.server);
    // What the server offers, a board with the same facts takes.
    if (decision.outcome !== 'hold') expect(row.decision).toBe('ok');
  });

  function offerOf(made: Static<typeof OfferFacts>): CheckedOffer {
    const { rollback, forgiven, labels, product, version, chip, size_bytes, security_version, created_at } = made;
    const stated = { product, version, chip, size_bytes, security_version, created_at };
    return {
      assignment_id: 7,
      rollback,
      forgiven,
      labels,
      manifest: { format: 'otter-manifest/1', sha256: SHA256, release_notes: '', ...stated },
    };
  }
});
