// Layers on top of each other over time, with a line for each turn of a rollout. What it shows stands also in a table beside it.

import type { ReactNode } from 'react';
import type UPlot from 'uplot';
import { axisOf, colorsAt, usePlot } from '#dashboard/screens/charts/plot.ts';
import type { Layers } from './layers.ts';

interface StackedChartProps {
  readonly data: Layers;
  /** Where the time axis begins, in seconds. */
  readonly fromS: number;
  readonly turns: readonly { readonly atS: number; readonly isBad: boolean }[];
  readonly label: string;
  /** With the point that is pointed at; undefined: none. */
  readonly onPoint: (index: number | undefined) => void;
}

const HEIGHT_PX = 200;

export function StackedChart(props: StackedChartProps): ReactNode {
  const { data, fromS, turns, label } = props;
  const place = usePlot({
    text: JSON.stringify([data, fromS, turns]),
    heightPx: HEIGHT_PX,
    data: () => stack(data),
    options: (node) => optionsOf(props, node),
  });
  return <div ref={place} role="img" aria-label={label} style={{ minWidth: 0, height: HEIGHT_PX }} />;
}

/** The topmost layer first, as the sum of all: each that follows is drawn over it. */
function stack({ times, layers }: Layers): UPlot.AlignedData {
  const sums = layers.map((_, top) =>
    times.map((__, index) => {
      const below = layers.slice(0, top + 1).map(({ devices }) => devices[index] ?? null);
      return below.includes(null) ? null : below.reduce<number>((sum, value) => sum + (value ?? 0), 0);
    }),
  );
  return [[...times], ...sums.toReversed()];
}

function optionsOf({ data, fromS, turns, onPoint }: StackedChartProps, node: HTMLElement): UPlot.Options {
  const color = colorsAt(node);
  const axis = axisOf(color);
  const toS = data.times.at(-1) ?? fromS + 1;
  return {
    width: node.clientWidth,
    height: HEIGHT_PX,
    // The last label of the axis is centred on its edge.
    padding: [6, 18, 0, 0],
    legend: { show: false },
    cursor: { y: false, drag: { x: false, y: false }, points: { show: false } },
    scales: {
      x: { range: () => [fromS, toS] },
      // With some room above, and whole boards alone.
      y: { range: (_plot, _min, max) => [0, Math.max(4, Math.ceil(max * 1.08))] },
    },
    axes: [
      { ...axis, size: 26, gap: 6, values: (_plot, splits) => splits.map((at) => timeText(at, toS - fromS)) },
      { ...axis, size: 48, incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1e3, 2e3, 5e3, 1e4, 2e4, 5e4, 1e5, 2e5, 5e5] },
    ],
    series: [
      {},
      ...data.layers.toReversed().map((layer) => ({
        stroke: color('--otter-card'),
        fill: color(layer.color),
        width: 1,
        points: { show: false },
        spanGaps: false,
      })),
    ],
    hooks: {
      draw: [(plot) => drawTurns(plot, turns, { good: color('--mantine-color-text'), bad: color('--otter-bad') })],
      setCursor: [({ cursor: { idx } }) => onPoint(idx ?? undefined)],
    },
  };
}

const clockTime = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit' });
const day = new Intl.DateTimeFormat('en-GB', { day: 'numeric', month: 'short' });

function timeText(atS: number, lengthS: number): string {
  return (lengthS > 2 * 86_400 ? day : clockTime).format(new Date(atS * 1000));
}

function drawTurns(
  plot: UPlot,
  turns: StackedChartProps['turns'],
  colors: { readonly good: string; readonly bad: string },
): void {
  const { ctx, bbox } = plot;
  ctx.save();
  ctx.lineWidth = devicePixelRatio;
  for (const { atS, isBad } of turns) {
    const left = plot.valToPos(atS, 'x', true);
    if (left < bbox.left || left > bbox.left + bbox.width) continue;
    ctx.strokeStyle = isBad ? colors.bad : colors.good;
    ctx.setLineDash(isBad ? [] : [4, 4]);
    ctx.beginPath();
    ctx.moveTo(left, bbox.top);
    ctx.lineTo(left, bbox.top + bbox.height);
    ctx.stroke();
  }
  ctx.restore();
}
