// A small chart over time. What it shows stands also in its name, for those who do not see it.

import { Text } from '@mantine/core';
import type { ReactNode } from 'react';
import UPlot from 'uplot';
import { axisOf, colorsAt, usePlot } from '#dashboard/screens/charts/plot.ts';
import css from './device.module.css';

interface ChartProps {
  readonly title: string;
  readonly unit: string;
  /** Seconds. */
  readonly times: readonly number[];
  readonly values: readonly (number | null)[];
  readonly bad?: readonly (number | null)[];
  /** Where a line is drawn, in seconds. */
  readonly marks: readonly number[];
  readonly isCount?: boolean;
}

const HEIGHT_PX = 168;

export function Chart(props: ChartProps): ReactNode {
  const { title, unit, values } = props;
  const place = usePlot({
    text: JSON.stringify([props.times, values, props.bad, props.marks]),
    heightPx: HEIGHT_PX,
    data: () => dataOf(props),
    options: (node) => optionsOf(props, node),
  });
  const known = values.filter((value) => value !== null);
  const last = known.at(-1);
  return (
    <div style={{ minWidth: 0 }}>
      <Text size="sm" mb={4}>
        {title}{' '}
        <Text span c="dimmed">
          {last === undefined ? 'not told' : `${Math.round(last * 10) / 10} ${unit} now`}
        </Text>
      </Text>
      <div ref={place} className={css['chart']} role="img" aria-label={labelOf(title, unit, known)} />
    </div>
  );
}

function labelOf(title: string, unit: string, known: readonly number[]): string {
  if (known.length === 0) return `${title}: nothing was told`;
  const round = (value: number): number => Math.round(value * 10) / 10;
  return `${title}, ${known.length} hours: from ${round(Math.min(...known))} to ${round(Math.max(...known))} ${unit}`;
}

function dataOf({ times, values, bad }: ChartProps): UPlot.AlignedData {
  return bad === undefined ? [[...times], [...values]] : [[...times], [...values], [...bad]];
}

function optionsOf({ isCount = false, bad, marks }: ChartProps, node: HTMLElement): UPlot.Options {
  const color = colorsAt(node);
  const axis = axisOf(color);
  const series = (stroke: string): UPlot.Series => ({
    stroke,
    width: 2,
    points: { show: !isCount, size: 4 },
    spanGaps: false,
    ...(isCount ? { paths: UPlot.paths.bars?.({ size: [0.7, 14] }), fill: stroke, width: 0 } : {}),
  });
  return {
    width: node.clientWidth,
    height: HEIGHT_PX,
    legend: { show: false },
    cursor: { y: false },
    scales: isCount ? { y: { range: (_plot, _min, max) => [0, Math.max(4, max)] } } : {},
    axes: [
      { ...axis, values: (_plot, splits) => splits.map(hourText) },
      { ...axis, size: 44 },
    ],
    series: [{}, series(color('--otter-good')), ...(bad === undefined ? [] : [series(color('--otter-bad'))])],
    hooks: { drawClear: [(plot) => drawMarks(plot, marks, color('--mantine-color-dimmed'))] },
  };
}

/** Seconds as an hour of the day here, as everywhere in the dashboard; midnight as its date. */
function hourText(atS: number): string {
  const at = new Date(atS * 1000);
  if (at.getHours() === 0) return at.toLocaleDateString('en-GB', { day: 'numeric', month: 'short' });
  return at.toLocaleTimeString('en-GB', { hour: '2-digit', minute: '2-digit' });
}

function drawMarks(plot: UPlot, marks: readonly number[], color: string): void {
  const { ctx, bbox } = plot;
  ctx.save();
  ctx.strokeStyle = color;
  ctx.setLineDash([4, 4]);
  for (const mark of marks) {
    const left = plot.valToPos(mark, 'x', true);
    if (left < bbox.left || left > bbox.left + bbox.width) continue;
    ctx.beginPath();
    ctx.moveTo(left, bbox.top);
    ctx.lineTo(left, bbox.top + bbox.height);
    ctx.stroke();
  }
  ctx.restore();
}
