// The palette. Teal says "well, or yours to press", amber "look", red "stop"; everything else is grey, so that these three are seen.

import type { MantineColorsTuple } from '@mantine/core';

export const OTTER: MantineColorsTuple = [
  '#e6f7f4',
  '#d0ebe7',
  '#a5d8d1',
  '#74c4ba',
  '#45b0a4',
  '#2a9d91',
  '#178a7f',
  '#107a70',
  '#0b7168',
  '#055f57',
];

export const GRAY: MantineColorsTuple = [
  '#f7f9f9',
  '#eff2f2',
  '#e3e8e8',
  '#d4dbdb',
  '#b9c3c3',
  '#93a0a0',
  '#6d7b7b',
  '#4d5a5a',
  '#344040',
  '#1d2727',
];

export const DARK: MantineColorsTuple = [
  '#e4eaea',
  '#c3cdcd',
  '#a3b0b0',
  '#829090',
  '#43504f',
  '#303b3b',
  '#222b2b',
  '#182020',
  '#121919',
  '#0d1313',
];
