// An image has a release of its own: a rollout offers the images that were there at its start, and one added later is offered
// to nobody before a rollout of its own. Over the wire, on both databases.

import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { ProductLine } from '../../support/product-line.ts';
import { DIALECTS } from '../../support/scope.ts';
import { startTestServer, type TestServer } from '../../support/server/server.ts';

const C3 = { chip: 'esp32c3' } as const;

describe.each(DIALECTS)('an image on %s', (dialect) => {
  let server: TestServer;
  let line: ProductLine;
  beforeAll(async () => {
    server = await startTestServer({ dialect });
  });
  beforeEach(() => {
    line = new ProductLine(server);
    server.clock.advance(1);
  });
  afterAll(async () => server.end());

  const addImage = async (version: string, query: Readonly<Record<string, string>> = {}, project = line.product) =>
    server.admin('uploadFirmware', {
      query: { product: line.product, version, ...query },
      body: line.image(version, { ...C3, projectName: project }),
    });
  const again = async (version: string, until: 'pilot' | 'expand' | 'complete' = 'pilot'): Promise<string> => {
    const { name } = await server.admin('createRollout', { body: { version, product: line.product } });
    const steps = { pilot: 1, expand: 2, complete: 3 };
    for (const step of (['startRollout', 'promoteRollout', 'promoteRollout'] as const).slice(0, steps[until]))
      await server.admin(step, { params: { name }, body: {} });
    return name;
  };

  test.each(['expand', 'complete'] as const)(
    'added to a rollout that is at %s is offered to nobody before a rollout of its own',
    async (stage) => {
      await line.add('1.1.0');
      await line.rollOut('1.1.0', stage);
      const first = await line.newDevice('1.0.0', ['pilot']);
      const late = line.newMac();
      await addImage('1.1.0');
      for (const mac of [first, late])
        expect(await line.checkIn(mac, '1.0.0', C3)).toMatchObject({
          update_available: false,
          reason: 'image_not_released',
        });
      expect(await line.explain(late)).toMatchObject({
        reason: 'image_not_released',
        text: expect.stringContaining('esp32c3'),
        to_change: expect.stringContaining('otter rollout create --firmware 1.1.0'),
      });
      expect(await line.checkIn(line.newMac(), '1.0.0', { chip: 'esp32' })).toMatchObject({ reason: 'update' });

      if (stage === 'expand') await line.move('1.1.0', 'promote');
      const name = await again('1.1.0');
      expect(await line.checkIn(first, '1.0.0', C3)).toMatchObject({ reason: 'update', manifest: C3 });
      expect(await line.checkIn(late, '1.0.0', C3), 'its pilot comes first').toMatchObject({ reason: 'not_in_stage' });
      expect(
        await line.checkIn(line.newMac(), '1.0.0', { chip: 'esp32' }),
        'the other chip follows the stable one',
      ).toMatchObject({
        reason: 'update',
        manifest: { chip: 'esp32' },
      });
      for (const _ of ['expand', 'complete']) await server.admin('promoteRollout', { params: { name }, body: {} });
      expect(await line.checkIn(late, '1.0.0', C3)).toMatchObject({ reason: 'update', manifest: C3 });
    },
  );

  test('added before the start is part of the rollout', async () => {
    await line.add('1.1.0');
    const { name } = await line.rollOut('1.1.0', 'draft');
    expect((await addImage('1.1.0')).warnings).toEqual([]);
    const mac = await line.newDevice('1.0.0', ['pilot']);
    await line.checkIn(mac, '1.0.0', C3);
    await server.admin('getStatus');
    const { stages, left_out } = await server.admin('previewRollout', { params: { name } });
    expect(left_out).toEqual([]);
    expect(stages[0]).toMatchObject({ devices: 1, examples: [mac] });
    await line.move('1.1.0', 'start');
    expect(await line.checkIn(mac, '1.0.0', C3)).toMatchObject({ reason: 'update', manifest: C3 });
  });

  test('added to a version that is out says which rollout does not cover it and what rolls it out', async () => {
    await line.makeStable('1.1.0');
    const added = await addImage('1.1.0');
    expect(added.warnings).toEqual([
      expect.stringMatching(
        `${line.rolloutName('1.1.0')}.*otter rollout create --firmware 1.1.0 --product ${line.product}`,
      ),
    ]);
    expect((await addImage('1.1.0')).warnings, 'said again with the same upload').toEqual(added.warnings);
    const { name } = await server.admin('createRollout', { body: { version: '1.1.0', product: line.product } });
    await server.admin('startRollout', { params: { name }, body: {} });
    expect((await addImage('1.1.0')).warnings).toEqual([]);
  });

  test('that is not released leaves its devices to the older stable build that covers them', async () => {
    await line.add('1.0.0', { chips: ['esp32', 'esp32c3'] });
    await line.rollOut('1.0.0', 'complete');
    await line.makeStable('1.1.0');
    await addImage('1.1.0');
    expect(await line.checkIn(line.newMac(), '0.9.0', C3)).toMatchObject({
      reason: 'update',
      manifest: { version: '1.0.0' },
    });
    expect(await line.checkIn(line.newMac(), '0.9.0', { chip: 'esp32' })).toMatchObject({
      manifest: { version: '1.1.0' },
    });
    // Flashed by cable, then blocked: its way back is the build that covers it.
    const mac = line.newMac();
    expect(await line.checkIn(mac, '1.1.0', C3)).toMatchObject({ reason: 'newer_than_target' });
    await line.block('1.1.0');
    expect(await line.checkIn(mac, '1.1.0', C3)).toMatchObject({
      rollback: true,
      manifest: { version: '1.0.0', ...C3 },
    });
  });

  test('of a build on the way is covered from the start on, or when the build is marked once more', async () => {
    await line.add('1.1.0', { chips: ['esp32', 'esp32c3'] });
    await line.add('1.0.5');
    const mark = { params: { version: '1.0.5' }, query: { product: line.product }, body: {} };
    await server.admin('setRequired', mark);
    await line.rollOut('1.1.0', 'expand');
    const mac = line.newMac();
    expect(await line.checkIn(line.newMac(), '1.0.0', { chip: 'esp32' })).toMatchObject({ reason: 'required_version' });
    expect(await line.checkIn(mac, '1.0.0', C3)).toMatchObject({ reason: 'no_image_for_chip' });
    expect((await addImage('1.0.5')).warnings).toEqual([expect.stringContaining('otter firmware require 1.0.5')]);
    expect(await line.checkIn(mac, '1.0.0', C3)).toMatchObject({ reason: 'image_not_released' });
    await server.admin('setRequired', mark);
    expect(await line.checkIn(mac, '1.0.0', C3)).toMatchObject({ reason: 'required_version', manifest: C3 });
  });

  test('is taken back alone where its own rollout is reverted', async () => {
    await line.add('1.0.0', { chips: ['esp32', 'esp32c3'] });
    await line.rollOut('1.0.0', 'complete');
    await line.makeStable('1.1.0');
    const other = line.newMac();
    await line.checkIn(other, '1.1.0', { chip: 'esp32' });
    await addImage('1.1.0');
    const mac = line.newMac();
    await line.checkIn(mac, '1.0.0', C3);
    const name = await again('1.1.0', 'expand');
    await line.offer(mac, '1.0.0', C3);
    await line.checkIn(mac, '1.1.0', C3);
    await server.admin('abortRollout', { params: { name }, body: { revert: true } });
    expect(await line.checkIn(mac, '1.1.0', C3)).toMatchObject({
      reason: 'reverted_go_back',
      manifest: { version: '1.0.0', ...C3 },
    });
    expect(await line.checkIn(other, '1.1.0', { chip: 'esp32' })).toMatchObject({ reason: 'up_to_date' });
  });

  test('of another project than its siblings is refused unless somebody insists', async () => {
    await line.add('1.1.0');
    const query = { product: line.product, version: '1.1.0' };
    const body = line.image('1.1.0', { ...C3, projectName: 'boiler' });
    const force_product = 'true';
    expect(await server.tryAdmin('uploadFirmware', { query: { ...query, force_product }, body })).toMatchObject({
      status: 409,
      body: {
        error: {
          code: 'project_mismatch',
          message: expect.stringMatching('boiler'),
          hint: expect.stringMatching('--force-project'),
        },
      },
    });
    const forced = await addImage('1.1.0', { force_product, force_project: 'true' }, 'boiler');
    expect(forced.warnings).toEqual([expect.stringContaining('boiler')]);
  });
});
