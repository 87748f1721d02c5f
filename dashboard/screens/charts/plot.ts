// What every chart shares: it is drawn anew where its data or the colours change, and is as wide as its place.

import 'uplot/dist/uPlot.min.css';
import { useComputedColorScheme } from '@mantine/core';
import { type RefObject, useEffect, useRef } from 'react';
import UPlot from 'uplot';

interface Plot {
  /** The data as a text: a new answer with the same numbers draws nothing anew. */
  readonly text: string;
  readonly heightPx: number;
  readonly data: () => UPlot.AlignedData;
  readonly options: (node: HTMLElement) => UPlot.Options;
}

/** For the element that holds the chart. */
export function usePlot({ text, heightPx, data, options }: Plot): RefObject<HTMLDivElement | null> {
  const place = useRef<HTMLDivElement>(null);
  const scheme = useComputedColorScheme('light');
  useEffect(() => {
    const node = place.current;
    if (node === null) return undefined;
    const plot = new UPlot(options(node), data(), node);
    const observer = new ResizeObserver(() => plot.setSize({ width: node.clientWidth, height: heightPx }));
    observer.observe(node);
    return () => {
      observer.disconnect();
      plot.destroy();
    };
    // oxlint-disable-next-line react-hooks/exhaustive-deps
  }, [text, scheme]);
  return place;
}

/** A variable of the theme, as it is where the chart stands. */
export function colorsAt(node: HTMLElement): (name: string) => string {
  const style = getComputedStyle(node);
  return (name) => style.getPropertyValue(name).trim();
}

export function axisOf(color: (name: string) => string): UPlot.Axis {
  return {
    stroke: color('--mantine-color-dimmed'),
    grid: { stroke: color('--otter-line'), width: 1 },
    ticks: { show: false },
    font: '11px system-ui',
  };
}
