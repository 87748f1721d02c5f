// Boards that run the build over virtual time, with the instant at which each stage opens. What it shows stands in its name, too.

import { type ReactNode, useEffect, useRef, useState } from 'react';
import { lengthText } from '#dashboard/parts/time.tsx';
import { count } from '#dashboard/parts/words.ts';
import type { SimulationRun } from './run-simulation.ts';
import css from './new-rollout.module.css';

const HEIGHT_PX = 210;
const LEFT_PX = 46;
const TOP_PX = 34;
const BOTTOM_PX = 24;
const RIGHT_PX = 12;
const USUAL_WIDTH_PX = 640;
/** Two names of stages nearer than this stand below each other. */
const NEAR_PX = 84;
const ROW_PX = 14;

export function SimulationChart({ run: { result, points } }: { readonly run: SimulationRun }): ReactNode {
  const place = useRef<HTMLDivElement>(null);
  const widthPx = useWidth(place);
  const endS = Math.max(1, ...points.map(({ afterS }) => afterS));
  const shownS = Math.min(endS, Math.max(result.ended_after_s * 1.08, 60));
  const x = (afterS: number): number => LEFT_PX + (Math.min(afterS, shownS) / shownS) * (widthPx - LEFT_PX - RIGHT_PX);
  const top = topOf(result.devices, Math.max(...points.map(({ updated }) => updated)));
  const y = (updated: number): number => HEIGHT_PX - BOTTOM_PX - (updated / top) * (HEIGHT_PX - TOP_PX - BOTTOM_PX);
  const shown = points.filter(({ afterS }) => afterS <= shownS);
  const last = shown.at(-1)?.updated ?? 0;
  const line = shown.map(({ afterS, updated }) => `L${x(afterS).toFixed(1)} ${y(updated).toFixed(1)}`).join('');
  const end = `L${x(shownS).toFixed(1)} ${y(last).toFixed(1)}`;
  const base = y(0);
  return (
    <div ref={place} className={css['chart']}>
      <svg width={widthPx} height={HEIGHT_PX} role="img" aria-label={labelOf(result)}>
        {[0, 0.5, 1].map((part) => (
          <g key={part}>
            <line
              x1={LEFT_PX}
              x2={widthPx - RIGHT_PX}
              y1={y(part * top)}
              y2={y(part * top)}
              className={css['grid'] ?? ''}
            />
            <text x={LEFT_PX - 8} y={y(part * top) + 4} textAnchor="end">
              {count(Math.round(part * top))}
            </text>
          </g>
        ))}
        <path d={`M${LEFT_PX} ${base}${line}${end}L${x(shownS).toFixed(1)} ${base}Z`} className={css['area'] ?? ''} />
        <path d={`M${LEFT_PX} ${base}${line}${end}`} className={css['line'] ?? ''} />
        {marksOf(result, x).map(({ text, atPx, row, isBad }) => (
          <g key={text} data-bad={isBad || undefined} className={css['mark'] ?? ''}>
            <line x1={atPx} x2={atPx} y1={TOP_PX - 4} y2={base} />
            <text
              x={Math.min(atPx + 4, widthPx - RIGHT_PX)}
              y={10 + row * ROW_PX}
              textAnchor={atPx > widthPx - NEAR_PX ? 'end' : 'start'}
            >
              {text}
            </text>
          </g>
        ))}
        <text x={LEFT_PX} y={HEIGHT_PX - 6}>
          start
        </text>
        <text x={widthPx - RIGHT_PX} y={HEIGHT_PX - 6} textAnchor="end">
          {lengthText(shownS)}
        </text>
      </svg>
    </div>
  );
}

/** All boards; where only a few ever run the build, a round number above those. */
function topOf(devices: number, most: number): number {
  if (most * 4 > devices) return devices;
  const size = 10 ** Math.floor(Math.log10(Math.max(1, most)));
  return Math.min(devices, Math.max(10, size * Math.ceil((most * 1.2) / size)));
}

interface Mark {
  readonly text: string;
  readonly atPx: number;
  readonly row: number;
  readonly isBad: boolean;
}

function marksOf(
  { stages, outcome, ended_after_s: ended }: SimulationRun['result'],
  x: (afterS: number) => number,
): readonly Mark[] {
  const opened = stages.flatMap(({ stage, opened_after_s: after }) =>
    after === null ? [] : [{ text: stage, atPx: x(after), isBad: false }],
  );
  const isBad = outcome === 'halted' || outcome === 'regressed';
  const all = [...opened, ...(isBad ? [{ text: outcome, atPx: x(ended), isBad }] : [])];
  const marks: Mark[] = [];
  for (const mark of all) {
    const before = marks.at(-1);
    const isNear = before !== undefined && mark.atPx - before.atPx < NEAR_PX;
    marks.push({ ...mark, row: isNear ? 1 - before.row : 0 });
  }
  return marks;
}

function labelOf({ stages, devices, updated, outcome, ended_after_s: ended }: SimulationRun['result']): string {
  const opened = stages
    .filter(({ opened_after_s: after }) => after !== null)
    .map(({ stage, opened_after_s: after }) => `${stage} opens after ${lengthText(after ?? 0)}`);
  return `Boards that run the build: ${opened.join(', ')}; ${outcome} after ${lengthText(ended)}, ${count(updated)} of ${count(devices)} run it`;
}

function useWidth(place: React.RefObject<HTMLDivElement | null>): number {
  const [widthPx, setWidthPx] = useState(USUAL_WIDTH_PX);
  useEffect(() => {
    const node = place.current;
    if (node === null) return undefined;
    const observer = new ResizeObserver(() => setWidthPx(Math.max(200, node.clientWidth)));
    observer.observe(node);
    return () => observer.disconnect();
  }, [place]);
  return widthPx;
}
