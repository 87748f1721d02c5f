// How Mantine looks here, and what its defaults lack: names for close buttons, contrast of dimmed text and of filled controls.

import { createTheme, type CSSVariablesResolver } from '@mantine/core';
import { DARK, GRAY, OTTER } from './colors.ts';

// Its header is no banner of the page, which has one on a phone.
const CLOSE = { closeButtonProps: { 'aria-label': 'Close' }, attributes: { header: { role: 'presentation' } } };

export const theme = createTheme({
  primaryColor: 'otter',
  primaryShade: { light: 8, dark: 7 },
  autoContrast: true,
  luminanceThreshold: 0.3,
  colors: { otter: OTTER, gray: GRAY, dark: DARK },
  fontFamily: "'Inter Variable', ui-sans-serif, system-ui, sans-serif",
  fontFamilyMonospace: "ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', monospace",
  headings: {
    fontWeight: '620',
    sizes: {
      h1: { fontSize: '1.5rem', lineHeight: '1.25' },
      h2: { fontSize: '1rem', lineHeight: '1.4' },
      h3: { fontSize: '0.875rem', lineHeight: '1.4' },
    },
  },
  defaultRadius: 'md',
  cursorType: 'pointer',
  // By name: what is imported here is loaded before the first screen.
  components: {
    Modal: { defaultProps: { ...CLOSE, centered: true, radius: 'lg' } },
    Drawer: { defaultProps: { ...CLOSE, position: 'right' } },
    // Upper case is cut to "CO.." on a phone.
    Badge: { defaultProps: { variant: 'default', tt: 'none', fw: 550, radius: 'sm' } },
    Table: { defaultProps: { verticalSpacing: 'xs' } },
  },
});

export const cssVariables: CSSVariablesResolver = () => ({
  variables: {},
  light: {
    '--mantine-color-text': '#1d2727',
    '--mantine-color-dimmed': '#566464',
    '--mantine-color-placeholder': '#647272',
    '--mantine-color-error': '#c21f1f',
    '--mantine-color-anchor': '#0b7168',
    '--mantine-color-default-border': '#dde3e3',
    '--otter-page': '#f4f7f7',
    '--otter-card': '#ffffff',
    '--otter-line': '#e1e7e7',
    '--otter-track': '#e6ebeb',
    '--otter-good': '#0b7168',
    '--otter-good-soft': '#dff2ef',
    '--otter-moving': '#5fb3d4',
    '--otter-warn': '#b86b00',
    '--otter-warn-soft': '#fdf1de',
    '--otter-warn-text': '#7a4700',
    '--otter-bad': '#c92a2a',
    '--otter-bad-soft': '#fdeaea',
    '--otter-bad-text': '#a51111',
    '--otter-good-text': '#075e56',
    '--otter-hover': '#f1f5f5',
  },
  dark: {
    '--mantine-color-body': '#121919',
    '--mantine-color-text': '#e4eaea',
    '--mantine-color-dimmed': '#9dabab',
    '--mantine-color-placeholder': '#8d9b9b',
    '--mantine-color-error': '#ff8f8f',
    '--mantine-color-anchor': '#5cc5b9',
    '--mantine-color-default-border': '#334040',
    '--mantine-color-default': '#1c2525',
    '--mantine-color-default-hover': '#243030',
    '--otter-page': '#0f1515',
    '--otter-card': '#161e1e',
    '--otter-line': '#263131',
    '--otter-track': '#2a3535',
    '--otter-good': '#3bb3a6',
    '--otter-good-soft': '#12302d',
    '--otter-moving': '#4a98ba',
    '--otter-warn': '#e0a040',
    '--otter-warn-soft': '#33270f',
    '--otter-warn-text': '#f2c379',
    '--otter-bad': '#ef6a6a',
    '--otter-bad-soft': '#3a1a1a',
    '--otter-bad-text': '#ffa3a3',
    '--otter-good-text': '#7cd8cc',
    '--otter-hover': '#1c2626',
  },
});
